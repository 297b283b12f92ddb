"""What PDFium tells of a page: characters and their places, notes, lines, what is hidden."""
