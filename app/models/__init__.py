"""Language models on this computer: pulling, quantising, building, running."""
