"""Reads whole numbers out of files: positions, levels, counts."""

from typing import TypeVar

T = TypeVar("T")
_MOST_DIGITS = 9


def whole_number(text: str, otherwise: T) -> int | T:
    """The number that ``text`` states; ``otherwise`` where it is none. What is larger than any program writes becomes
    the largest number of nine digits."""
    if not text.isdecimal():
        return otherwise
    return int(text) if len(text) <= _MOST_DIGITS else 10**_MOST_DIGITS - 1
