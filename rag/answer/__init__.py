"""Passages into an answer with citations."""
