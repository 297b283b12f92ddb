"""Trains and exports the extractive reader, which is also the reranker."""
