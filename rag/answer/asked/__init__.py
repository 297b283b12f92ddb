"""What a question asks for, kept to: its kind of thing, its numbers, dates, names and columns."""
