"""How checkpoints store a linear layer: one file for each format, with ``load(...) -> QuantizedLinear``."""
