"""Parsers, one a format: each turns a file into canonical text with blocks. Start at ``registry.parse``."""
