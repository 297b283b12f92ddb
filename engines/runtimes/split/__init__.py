"""A model whose first layers run on the card and whose last ones run on the processor."""
