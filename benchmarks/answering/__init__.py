"""Questions to documents: answers, reader, rewriting, support."""
