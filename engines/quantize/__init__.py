"""Quantises full-precision checkpoints to INT4 AWQ."""
