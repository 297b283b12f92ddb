"""Whole documents: what they are about, and what changed between two."""
