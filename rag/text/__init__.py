"""Words, sentences and marks: plain text in, spans and comparable words out."""
