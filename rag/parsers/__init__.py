"""One reader a format: a file goes in, canonical text with blocks comes out. Start at ``registry.read``."""
