"""The terms under which a chunk is found beside the plain words of its text, and those to look for in a question.

The full-text index takes words as SQLite's tokenizer sees them. ``index_terms`` adds what that does not see: words in
their compared form (``rag.text.normal``) where it is another, numbers by value, codes without their separators, Latin
words and numbers between characters of scripts without spaces, pairs of those characters, dates by value
(``rag.text.dates``), and the marks by which compounds are found (``rag.text.compounds``). ``search_terms`` and
``pairs`` make the same of a question.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from rag.text import numbers
from rag.text.codes import spaced_codes
from rag.text.compounds import compound_marks
from rag.text.dates import date_terms, with_months
from rag.text.normal import fold, normalized, spelled_out
from rag.text.stop_words import SEARCH_STOP_WORDS
from rag.text.words import UNSPACED_RANGES

_POINT = "p"  # in a number's term: the tokenizer would part it at a point
_MAX_CODE_CHARS = 32
# Hangul counts as well: its words carry their particles.
_BY_PAIRS = re.compile(f"[{UNSPACED_RANGES}\uac00-\ud7af]+")
_COMPOUND = re.compile(rf"(?P<grouped>(?<![^\W_]){numbers.GROUPED_PATTERN})|[^\W_]+(?:[^\w\s][^\W_]+|_[^\W_]+)*")
_MARKED = re.compile(rf"(?P<grouped>(?<![^\W_]){numbers.GROUPED_PATTERN})|[^\W_]+(?:[^\w\s][^\W_]+|_[^\W_]+)+")
_LONG_RUN = re.compile(r"[^\W_]{65,}+")  # no code; each of its characters could begin one
_NUMBER = re.compile(numbers.PATTERN)
_PART = re.compile(r"[^\W_]+")
_POSSESSIVE = re.compile(r"['\u2019]s?$")
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")
_NEAR_DIGITS = re.compile(r"(?<!\S)(?=\S*\d)\S+(?: \d{3}\S*)*")  # words with a digit, numbers with their groups
_OF_CODES = re.compile(r"[^\W_]+(?:[-./_][^\W_]+)+|[^\W\d_]{1,2}\^\d")  # the last is a power of a unit: m^2
_OF_NUMBERS = re.compile(r"\d+(?:-\d+)+")
_RUN_TOGETHER = re.compile(r"(?<![^\W_])([^\W\d_]{1,5})(\d{3,})(?![^\W_])")


def index_terms(text: str) -> str:
    """Returns the terms that the index holds of ``text`` beside its own words, separated by spaces."""
    terms = list(compound_marks(text))
    compared = normalized(text).text
    terms += dict.fromkeys(with_months(date_terms(compared)))
    terms += (code.joined for code in spaced_codes(compared))
    if not text.isascii():
        terms += _pairs(compared)
        terms += _changed_words(text, compared)
        text = _BY_PAIRS.sub(" ", compared)
    for near in _NEAR_DIGITS.findall(text):
        terms += (term for match in _MARKED.finditer(_LONG_RUN.sub(" ", near)) for term in _whole(match))
        terms += (fold(part) for match in _RUN_TOGETHER.finditer(near) for part in match.groups())
    return " ".join(terms)


def chunk_terms(context: str, text: str) -> str:
    """Returns the terms of a chunk and the line that is put before it."""
    return index_terms(f"{context}\n{text}")


def pairs(text: str) -> list[str]:
    """Returns every pair of neighbouring characters of scripts without spaces, in order; a lone one as it is."""
    return list(_pairs(normalized(text).text))


def search_terms(question: str) -> list[str]:
    """Returns the distinct words to look for in the index, folded and unstemmed; stop words only when nothing else is
    left.

    A compound ("10-Q", "3.5", "AB-1234") stands as a whole; a code without its separators and those of its parts that
    are words follow it. Text of scripts without spaces is left out; its ``pairs`` are looked for.
    """
    compared = normalized(question).text
    spaced = _BY_PAIRS.sub(" ", compared).replace("\u2019", "'")
    found: dict[str, None] = dict.fromkeys((*date_terms(compared), *(code.joined for code in spaced_codes(compared))))
    common: dict[str, None] = {}
    for match in _COMPOUND.finditer(spaced):
        word = match[0].lower()
        bare = _POSSESSIVE.sub("", word)
        if word in SEARCH_STOP_WORDS or bare in SEARCH_STOP_WORDS:
            common[word] = None
            continue
        found.update(dict.fromkeys(_asked(match, bare)))
    return list(found or ({} if _BY_PAIRS.search(compared) else common))


def _asked(match: re.Match[str], bare: str) -> Iterator[str]:
    """Yields the terms of one compound of a question."""
    whole = list(_whole(match))
    if _NUMBER.fullmatch(bare):
        yield from whole or [bare]
        if numbers.may_be_several(bare) or not whole:
            yield from (part for part in _PART.findall(bare) if len(part) > 2)
        return
    yield fold(bare)
    if two_letters := spelled_out(bare):
        yield two_letters
    yield from whole
    parts = _PART.findall(bare)
    if len(parts) > 1:
        yield from (fold(part) for part in parts if len(part) > 2 and part not in SEARCH_STOP_WORDS)


def _whole(match: re.Match[str]) -> Iterator[str]:
    """Yields the value of a number with marks in it, or a code without its separators; nothing of other compounds."""
    written = match[0]
    if len(written) > _MAX_CODE_CHARS or not _DIGIT.search(written):
        return
    if _NUMBER.fullmatch(written):
        value = numbers.value(written)
        if value.count(".") <= 1:
            yield value.replace(".", _POINT)
        return
    if (_OF_CODES if _LETTER.search(written) else _OF_NUMBERS).fullmatch(written):
        yield fold("".join(_PART.findall(written)))


def _changed_words(text: str, compared: str) -> Iterator[str]:
    """Yields the words of the compared text that the tokenizer does not see in ``text``, in order."""
    seen = {_tokenized(word) for word in _PART.findall(text)}
    for word in _PART.findall(_BY_PAIRS.sub(" ", compared)):
        folded = fold(word)
        if folded not in seen:
            yield folded
        if not word.isascii():
            two_letters = spelled_out(word)
            if two_letters and two_letters not in seen:
                yield two_letters


@lru_cache(maxsize=65536)
def _tokenized(word: str) -> str:
    """Returns a word as FTS5's unicode61 with remove_diacritics 2 stores it, before stemming."""
    if word.isascii():
        return word.lower()
    bases = (unicodedata.normalize("NFD", char)[0] for char in word)
    return "".join(base if base.isascii() else char for base, char in zip(bases, word, strict=True)).lower()


def _pairs(compared: str) -> Iterator[str]:
    for run in _BY_PAIRS.findall(compared):
        yield from (run[index : index + 2] for index in range(max(1, len(run) - 1)))
