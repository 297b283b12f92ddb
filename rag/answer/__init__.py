"""Answers a query from passages, with citations."""
