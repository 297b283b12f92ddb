"""Which of what was said holds the words of a search, and the piece of it around them."""

from collections.abc import Sequence

_BEFORE, _AFTER = 30, 120  # characters around the first word


def holds(text: str, words: Sequence[str]) -> bool:
    """Whether all words, in small letters, stand in a text, whatever its case."""
    folded = text.casefold()
    return all(word in folded for word in words)


def excerpt(text: str, words: Sequence[str]) -> str | None:
    """The piece around the first word in the line that holds the most words; None where none stands in the text."""
    counts = [(sum(word in line.casefold() for word in words), -at, line) for at, line in enumerate(text.splitlines())]
    most, _, line = max(counts, default=(0, 0, ""))
    if not most:
        return None
    folded = line.casefold()
    first = min(at for word in words if (at := folded.find(word)) >= 0)
    start = 0 if first <= _BEFORE else line.find(" ", first - _BEFORE, first) + 1 or first
    end = min(len(line), first + _AFTER)
    return f"{'…' if start else ''}{line[start:end].strip()}{'…' if end < len(line) else ''}"
