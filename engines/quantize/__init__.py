"""Full-precision checkpoints into INT4 AWQ."""
