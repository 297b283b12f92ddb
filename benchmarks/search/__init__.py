"""Retrieval: embedding, ranking, latency."""
