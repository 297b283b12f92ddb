"""Corrects the spelling of a question by the words of the library.

A word that stands nowhere in the library, is no English word (symspellpy's list) and is one slip away from a word that
questions are made of ("meny") or of the library (two in long words) is taken for that word. Numbers, codes and short
words stay as they are, and so do questions in other languages than English. The corrected question is the one that is
searched for and shown.
"""

import re
from collections.abc import Sequence
from typing import Protocol

from rapidfuzz.distance import OSA

from rag.protocols import Rewriter
from rag.text.english_words import is_english_word
from rag.text.language import is_english
from rag.text.stop_words import ENGLISH
from rag.text.words import words
from rag.types import Turn

_SHORTEST = 4  # letters
_ASKING = ("many", "much", "what", "when", "where", "which", "whose", "does", "have", "with", "from", "about")
_DEGREES = ("high", "long", "loud", "large", "heavy", "wide", "deep", "tall", "thick", "often", "many", "much", "warm")
_LONG = 8  # letters from which two slips are forgiven


class Vocabulary(Protocol):
    """The words of a library."""

    def is_known(self, word: str) -> bool:
        """Whether a word, or another form of it, stands in any document."""
        ...

    def nearest_words(self, word: str, distance: int) -> Sequence[str]:
        """The words at most ``distance`` letters away, the likeliest first."""
        ...


class SpellingRewriter:
    """Implements the Rewriter protocol: corrects the question, then lets another rewriter complete it."""

    def __init__(self, completes: Rewriter, vocabulary: Vocabulary) -> None:
        self._completes = completes
        self._vocabulary = vocabulary

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        return self._completes.rewrite(corrected(question, self._vocabulary), history)


def corrected(question: str, vocabulary: Vocabulary) -> str:
    """The question with the words put right that are misspelled as far as can be told."""
    if not is_english(question):
        return question
    for word, start, end in reversed(words(question)):
        written = question[start:end]
        if len(word) < _SHORTEST or not written.isalpha() or written.isupper() or is_english_word(word):
            continue
        if vocabulary.is_known(word):
            continue
        distance = 2 if len(word) >= _LONG else 1
        near = [other for other in vocabulary.nearest_words(word, distance) if other not in ENGLISH]
        asking = _nearest_degree(question[:start], word) or _nearest_asking(written)
        near = asking or near  # a name is none of the words that carry no meaning
        if near:
            instead = near[0].capitalize() if written[0].isupper() else near[0]
            question = question[:start] + instead + question[end:]
    return question


def _nearest_asking(written: str) -> list[str]:
    """The words that questions are made of which are one slip away and begin with the same letter; a name typed with a
    capital is none of them."""
    return sorted(
        plain for plain in _ASKING if plain[0] == written[0] and OSA.distance(plain, written, score_cutoff=1) <= 1
    )


def _nearest_degree(before: str, word: str) -> list[str]:
    """The one adjective behind "how" that is one slip away, whether or not the library has it; none where several
    are."""
    if re.search(r"\bhow $", before, re.IGNORECASE) is None:
        return []
    near = [plain for plain in _DEGREES if plain[0] == word[0] and OSA.distance(plain, word, score_cutoff=1) <= 1]
    return near if len(near) == 1 else []
