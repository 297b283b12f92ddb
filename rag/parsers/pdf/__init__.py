"""PDF: text in reading order, and pictures of its pages."""
