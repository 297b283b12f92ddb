"""Corrects the spelling of a question by the words of the library.

A word that stands nowhere in the library, is no English word (symspellpy's list) and is one slip away from a word that
questions are made of ("meny") or of the library (two in long words) is taken for that word. Small words of questions
are put right ("teh"), and a year of two digits ("in 87") is written out where the library knows one such year. Other
numbers and codes stay as they are, and so do questions in other languages than English. The corrected question is the
one that is searched for and shown.
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
_ASKING = (
    *("many", "much", "what", "when", "where", "which", "whose", "does", "have", "with", "from", "about", "there"),
    *("take", "takes", "cost", "costs", "need", "needs", "open", "opens", "close", "closes", "start", "starts"),
)
_FIRST = ("when", "what", "where", "which", "who", "how", "does", "can", "is")
_SHORT_ASKING = ("the", "how", "who", "for", "can", "did", "you", "has", "any", "our", "get")
_YEAR = re.compile(
    r"(?:\b(?P<front>in|since|summer|winter|spring|autumn) ['’]?|(?<![\w'’])['’])"
    r"(?P<year>\d\d)\b(?=\W*$|[?!,;]| (?:and|or|to|by|with|was|were|is|are|did|the)\b)",
    re.IGNORECASE,
)
_CENTURIES = ("18", "19", "20")
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
    question = _YEAR.sub(lambda found: _whole_year(found, vocabulary), question)
    question = _with_first_word(question, vocabulary)
    for word, start, end in reversed(words(question)):
        written = question[start:end]
        if len(word) == len(_SHORT_ASKING[0]) and written.islower() and (meant := _swapped(word, vocabulary)):
            question = question[:start] + meant + question[end:]
            continue
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


def _with_first_word(question: str, vocabulary: Vocabulary) -> str:
    """The question with the word put right that it begins with, where that is no word of questions and stands nowhere
    in the library: "wen is the regatta"; where two may be meant the one that is as long and has the same letters."""
    first = next(iter(words(question)), None)
    if first is None or first[0] in ENGLISH or vocabulary.is_known(first[0]):
        return question
    word, start, end = first
    near = [plain for plain in _FIRST if plain[0] == word[0] and OSA.distance(plain, word, score_cutoff=1) <= 1]
    meant = [plain for plain in near if sorted(plain) == sorted(word)] or near
    if len(meant) != 1 or (is_english_word(word) and not set(word) < set(meant[0])):
        return question
    written = meant[0].capitalize() if question[start:end][0].isupper() else meant[0]
    return question[:start] + written + question[end:]


def _whole_year(found: re.Match[str], vocabulary: Vocabulary) -> str:
    """The one year of the last centuries with these two digits that the library knows."""
    known = [century + found["year"] for century in _CENTURIES if vocabulary.is_known(century + found["year"])]
    if len(known) != 1 or vocabulary.is_known(found["year"]):
        return found[0]
    return f"{found['front']} {known[0]}" if found["front"] else known[0]


def _swapped(word: str, vocabulary: Vocabulary) -> str | None:
    """The short word of questions of which two letters that follow each other were swapped: "teh"."""
    if is_english_word(word) or word in ENGLISH or vocabulary.is_known(word):
        return None
    return next(
        (plain for plain in _SHORT_ASKING if sorted(plain) == sorted(word) and OSA.distance(plain, word) == 1), None
    )


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
