"""How good the trained models are, on held-out articles."""
