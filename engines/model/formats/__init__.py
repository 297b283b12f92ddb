"""Reads the formats in which checkpoints store linear layers; each has a module with ``load``."""
