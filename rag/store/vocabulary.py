"""Finds words of the library that are spelled like a word which stands nowhere in it.

The full-text index knows the stems of all words (FTS5's vocabulary table); the words themselves are read from the text
of a few chunks that hold a stem. Distances are those of Damerau and Levenshtein: letters added, left out, exchanged,
and neighbours swapped.
"""

import re
from contextlib import AbstractContextManager
from itertools import groupby
from typing import Protocol

from rapidfuzz.distance import OSA

from rag.store.keyword_search import Phrase, WordIndex
from rag.text.normal import fold

_STEMS = 32  # that are followed to their words
_CHUNKS = 6  # read for each
_WORD = re.compile(r"[^\W\d_]{3,}")
_SUFFIX = 5  # letters by which a word may be longer than its stem
_SHORT = 5  # letters up to which a word is another one where a letter is exchanged


class Readable(Protocol):
    """The part of a library that words are read from."""

    def words(self) -> AbstractContextManager[WordIndex]: ...


class LibraryVocabulary:
    """The words of a library, as ``rag.query.spelling`` asks for them."""

    def __init__(self, library: Readable) -> None:
        self._library = library

    def is_known(self, word: str) -> bool:
        """Whether a word or another form of it stands anywhere in the library."""
        with self._library.words() as index:
            return index.holds(Phrase(False, word))

    def nearest_words(self, word: str, distance: int) -> list[str]:
        """Words of the library at most ``distance`` letters away that begin with the same letter, the likeliest first.

        Swapped and doubled letters come before others, frequent words before rare ones. A short word with a letter
        exchanged is another word.
        """
        folded = fold(word)
        near: dict[str, tuple[bool, int, int]] = {}
        with self._library.words() as index:
            for stem, chunks in _near_stems(index, folded, distance):
                for found in map(fold, _words_of(index, stem)):
                    away = OSA.distance(folded, found, score_cutoff=distance)
                    same_letters = _once(folded) == _once(found) or sorted(folded) == sorted(found)
                    if away <= distance and (same_letters or len(folded) > _SHORT or len(found) != len(folded)):
                        near.setdefault(found, (not same_letters, away, -chunks))
        return sorted(near, key=lambda found: (near[found], found))


def _once(word: str) -> str:
    """A word with its double letters written once."""
    return "".join(letter for letter, _ in groupby(word))


def _near_stems(index: WordIndex, folded: str, distance: int) -> list[tuple[str, int]]:
    """Stems that may be those of the words, the nearest first, with the count of chunks that hold them."""
    lengths = (len(folded) - _SUFFIX, len(folded) + distance)
    near = []
    for stem, chunks in index.vocabulary(folded[0], chr(ord(folded[0]) + 1), lengths):
        away = OSA.distance(folded[: len(stem)], stem, score_cutoff=distance + 1)
        if away <= distance + 1:
            near.append((away, -len(stem), -chunks, stem))
    return [(stem, -chunks) for _, _, chunks, stem in sorted(near)[:_STEMS]]


def _words_of(index: WordIndex, stem: str) -> list[str]:
    """The words of a few chunks that hold a stem; among them those that it belongs to."""
    return [found for text in index.samples(Phrase(False, stem, True), _CHUNKS) for found in _WORD.findall(text)]
