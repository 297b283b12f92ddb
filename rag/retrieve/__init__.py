"""Finds hits and passages for a query."""
