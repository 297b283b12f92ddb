"""A query into hits and passages."""
