"""Reads a model: configuration, checkpoint and tokenizer; and describes the graph of its decoder."""
