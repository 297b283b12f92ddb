"""Looks up in the full-text index which compounds have a word of the question as a part."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from rag.text.compounds import BACKWARDS, END, FORWARDS, base, begins_with, ends_with, last_part, mark

MAX_COMPOUNDS = 16  # of one word: those that stand in most chunks
_MAX_WORDS = 16  # of a question
_MAX_LOOKED_AT = 400


class Vocabulary(Protocol):
    """``rag.store.keyword_search.WordIndex.vocabulary``."""

    def __call__(self, start: str, stop: str, *, limit: int) -> list[tuple[str, int]]: ...


def compounds_with(vocabulary: Vocabulary, words: Iterable[str]) -> dict[str, list[str]]:
    """Returns for those of ``words`` with which compounds in the index begin or end the marks of these."""
    found: dict[str, list[str]] = {}
    for word in [word for word in dict.fromkeys(words) if word.isalpha()][:_MAX_WORDS]:
        compounds = dict(_beginning_with(vocabulary, word)) | dict(_ending_with(vocabulary, word))
        best = sorted(compounds, key=lambda compound: (-compounds[compound], compound))[:MAX_COMPOUNDS]
        if best:
            found[word] = list(map(mark, best))
    return found


def _beginning_with(vocabulary: Vocabulary, word: str) -> Iterator[tuple[str, int]]:
    """Yields the marked words that begin with ``word``, and in how many chunks they stand."""
    for term, count in _range(vocabulary, FORWARDS + base(word)):
        compound = term.removeprefix(FORWARDS).removesuffix(END)
        if begins_with(word, compound):
            yield compound, count


def _ending_with(vocabulary: Vocabulary, word: str) -> Iterator[tuple[str, int]]:
    for term, count in _range(vocabulary, BACKWARDS + last_part(word)[::-1]):
        compound = term.removeprefix(BACKWARDS).removesuffix(END)[::-1]
        if ends_with(word, compound):
            yield compound, count


def _range(vocabulary: Vocabulary, start: str) -> list[tuple[str, int]]:
    return vocabulary(start, start + "\uffff", limit=_MAX_LOOKED_AT)
