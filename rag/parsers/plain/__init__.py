"""Parsers of plain text, source code, notebooks, subtitles and tables in text form."""
