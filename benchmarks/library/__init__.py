"""Ingestion and the library file or server."""
