"""Makes one query of a question and the conversation before it."""
