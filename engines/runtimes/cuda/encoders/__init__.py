"""Encoders on a card: embedder and readers."""
