"""Presentations (.pptx)."""
