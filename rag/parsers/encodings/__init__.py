"""Bytes of unknown encoding as text."""
