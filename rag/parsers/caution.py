"""Tells parsers that the file has ended its process before: they leave out what its text does not need.

A library in C can crash on what stands beside the text, such as a table that refers to itself.
"""

_asked: list[bool] = [False]


def ask_for(caution: bool) -> None:
    """From now on, in this process."""
    _asked[0] = caution


def is_asked_for() -> bool:
    return _asked[0]
