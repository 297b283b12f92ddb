"""A question and the conversation before it into one query."""
