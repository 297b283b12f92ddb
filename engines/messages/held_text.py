"""Which end of a text that still grows may become a mark, and is held back so long."""


def overlap(text: str, mark: str) -> int:
    """Returns the length of the longest end of ``text`` that begins ``mark`` and is not all of it."""
    return next((n for n in range(min(len(text), len(mark) - 1), 0, -1) if text.endswith(mark[:n])), 0)
