"""Parsers of HTML, XML, EPUB, e-mail and Markdown."""
