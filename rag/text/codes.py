"""Codes, whatever stands between their parts: AB-123, AB 123 and AB123, DE44 5001 0517 and DE4450010517.

``codes`` finds them in a question or a name, ``named_in`` in any other text, where only those that are asked for count.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from rag.text.normal import normalized
from rag.text.stop_words import ENGLISH
from rag.text.words import stem, words

_MOST_CHARS = 32
_LEAST_DIGITS_APART = 8  # of a code in groups
_LEAST_DIGITS_ALONE = 6  # of a code without letters
_PART = re.compile(r"[^\W_]+")
_TOGETHER = re.compile(r"(?<![\w.,])(?=[^\s,;:!?()]*\d)[^\W_]+(?:[-./_][^\W_]+)*(?!\w)")
_CAPITALS = re.compile(r"(?<![\w.,])(?P<letters>[A-Z]{1,4}) \d{1,6}(?: [A-Z]{1,2})?(?!\w|[.,]\d)")
# Accounts and telephones.
_GROUPS = re.compile(
    r"(?<![\w.,])(?:[A-Z]{2}\d{2}(?: [A-Z\d]{1,4}){3,8}|(?:\+\d{1,3}[ -]?)?\(?\d{2,5}\)?(?:[ /-]{1,3}\d{1,7}){1,6})"
    r"(?!\w|[.,]\d)"
)
# Capitals in front of a number that are a word or a unit rather than the beginning of a code.
_WORDS = frozenset(
    {word.upper() for word in ENGLISH if len(word) <= 4}
    | {"EUR", "USD", "GBP", "CHF", "JPY", "CNY", "SEK", "NOK", "DKK", "AM", "PM", "NO", "NR"}
)


class Code(NamedTuple):
    """A code without its separators in lower case, and where it stands."""

    joined: str
    start: int
    end: int


def spaced_codes(compared: str) -> Iterator[Code]:
    """Yields the codes of a compared text that are written in several words."""
    for match in _GROUPS.finditer(compared):
        joined = _joined(match[0])
        if sum(map(str.isdigit, joined)) >= _LEAST_DIGITS_APART and len(joined) <= _MOST_CHARS:
            yield Code(joined, *match.span())
    for match in _CAPITALS.finditer(compared):
        if match["letters"] not in _WORDS:
            yield Code(_joined(match[0]), *match.span())


def codes(compared: str) -> Iterator[Code]:
    """Yields all codes of a compared text, those in one word too."""
    yield from spaced_codes(compared)
    for match in _TOGETHER.finditer(compared):
        joined = _joined(match[0])
        has_letter = any(map(str.isalpha, joined))
        if len(joined) <= _MOST_CHARS and (has_letter or len(joined) >= _LEAST_DIGITS_ALONE):
            yield Code(joined, *match.span())


@lru_cache(maxsize=4096)
def codes_of(text: str) -> Mapping[str, frozenset[str]]:
    """The codes of a question or a name with the stems of the words that each is written with."""
    compared = normalized(text).text
    found = list(codes(compared))
    if not found:
        return {}
    said = words(compared)
    return {
        code.joined: frozenset(stem(word) for word, start, end in said if code.start <= start and end <= code.end)
        for code in found
    }


def words_of_codes(asked: Mapping[str, frozenset[str]], text: str) -> frozenset[str]:
    """The stems of the codes asked for that a text names, however it writes them."""
    if not asked:
        return frozenset()
    compared = normalized(text).text
    return frozenset().union(*(stems for joined, stems in asked.items() if _pattern(joined).search(compared)))


def written_codes(question: str, text: str) -> Iterator[tuple[int, int, str]]:
    """Yields (start, end, form) of the codes of a question that a text writes in another form."""
    compared = normalized(question)
    there = ""
    for code in codes(compared.text):
        there = there or normalized(text).text
        found = _pattern(code.joined).search(there)
        start, end = compared.span(code.start, code.end)
        if found is not None and found[0].casefold() != question[start:end].casefold():
            yield start, end, found[0]


@lru_cache(maxsize=1024)
def _pattern(joined: str) -> re.Pattern[str]:
    """What finds a code with one separator or none between any two of its characters."""
    return re.compile(rf"(?<![^\W_]){'[-./_ ]?'.join(map(re.escape, joined))}(?![^\W_]|[.,]\d)", re.IGNORECASE)


def _joined(written: str) -> str:
    return "".join(_PART.findall(written)).lower()
