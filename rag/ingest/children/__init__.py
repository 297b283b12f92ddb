"""Child processes that parse, chunk and draw, and their limits."""
