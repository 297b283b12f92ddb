"""Parses PDFs into text in reading order, and draws pictures of their pages."""
