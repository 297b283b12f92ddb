"""Chunks that follow the structure of a document."""
