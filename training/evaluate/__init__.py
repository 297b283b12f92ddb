"""Measures the trained models on held-out articles."""
