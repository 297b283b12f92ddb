"""Words, sentences and marks of plain text."""
