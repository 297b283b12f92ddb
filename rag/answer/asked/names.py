"""Tells which names and codes of a question stand nowhere in what was found: about these nothing can be said.

code     letters and digits in one word, or digits with hyphens: E77, NR-9QQ11, 2025-0991
ordinal  a number behind a noun that stands nowhere, or where the noun has other numbers behind it: bus 17, where there
         is a bus 42
name     a word with a capital that does not begin the sentence and is no English word: what the passages say of
         Lisbon may well answer a question about Portugal
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rag.answer.asked.entries import asked_entries, stands
from rag.answer.expected import is_date
from rag.answer.rows import rows_of
from rag.query.query import names_of
from rag.text.english_words import is_english_word
from rag.text.stop_words import STOP_WORDS
from rag.text.words import match, prefixes_of, stem, stems, words
from rag.types import Passage, Query

_CODE = re.compile(
    r"(?<![\w-])(?=[\w/-]*\d[\w/-]*\d)(?=[\w/-]*(?:[A-Za-z]|\d[-/]\d))[A-Za-z\d]+(?:[-/][A-Za-z\d]+)*(?![\w-])"
)
_AMOUNT = re.compile(r"\d+(?:[.,]\d+)*[A-Za-z]{1,4}|\d{1,4}(?:[-/]\d{1,4}){1,2}")  # 30km, 20th, 1990s; dates, ranges
_SERIAL = re.compile(r"(?<!\d)0\d\d")  # no year begins with a zero
_DIGITS = re.compile(r"\d+")
_NOT_WORD = re.compile(r"[\W_]+")
_ASKS_WHETHER = re.compile(
    r"^\W*(?:is|are|was|were|do|does|did|has|have|had|can|could|may|must|should|will|would)\b", re.I
)
_SHORTEST_NAME = 3  # letters


def unknown_names(query: Query, passages: Sequence[Passage]) -> list[str]:
    """The names, codes and ordinals of the question that no passage holds, as they are written there."""
    texts = [text for p in passages for text in (p.text, p.document.title, p.document.path, *p.heading_path)]
    there = frozenset(term for text in texts for term in stems(text))
    unknown = [code for code in _codes(query.text) if not _stands(code, texts)]
    if _ASKS_WHETHER.match(query.text) is None:
        unknown += _ordinals(query.text, texts, passages)
        unknown += [entry.written for entry in asked_entries(query.text) if not stands(entry, texts)]
        unknown += _names(query.text, there) if query.is_english else []
    return list(dict.fromkeys(unknown))


def _codes(question: str) -> list[str]:
    found = (code[0] for code in _CODE.finditer(question))
    return [code for code in found if _AMOUNT.fullmatch(code) is None or _SERIAL.search(code)]


def _stands(code: str, texts: Sequence[str]) -> bool:
    bare = _NOT_WORD.sub("", code).casefold().removesuffix("s")  # two DB10s are each a DB10
    return any(bare in _NOT_WORD.sub("", text).casefold() for text in texts)


def _ordinals(question: str, texts: Sequence[str], passages: Sequence[Passage]) -> list[str]:
    """Numbers behind a noun of the question that the passages number otherwise."""
    found = []
    spoken = words(question)
    for (noun, start, _), (number, _, end) in pairwise(spoken):
        written = question[start:end]
        if not (number.isdigit() and len(number) <= 3 and noun.isalpha()) or noun in STOP_WORDS or is_date(written):
            continue
        if question[end : end + 1].isalpha():  # "class 2b"
            continue
        behind = re.compile(rf"\b{re.escape(noun)}\W{{1,2}}(\d+)\b", re.IGNORECASE)
        numbers = {each for text in texts for each in behind.findall(text)}
        listed = list(_numbers_in_column(noun, passages))
        numbers |= {each for each, is_first in listed if is_first}
        if numbers and number not in numbers | {each for each, _ in listed}:
            found.append(written)
    return found


def _numbers_in_column(noun: str, passages: Sequence[Passage]) -> Iterator[tuple[str, bool]]:
    """The numbers in the columns of tables that a noun names, and whether the column is the first one."""
    term = stem(noun)
    for cell in (cell for passage in passages for row in rows_of(passage) for cell in row.cells):
        if cell.name and term in stems(cell.name):
            yield from ((number, cell.column == 0) for number in _DIGITS.findall(cell.text))


def _names(question: str, there: frozenset[str]) -> list[str]:
    prefixes = prefixes_of(there)
    known = names_of(question)
    found = []
    for word, start, end in words(question):
        term, written = stem(word), question[start:end].removesuffix("'s").removesuffix("’s")
        if term not in known or len(word) < _SHORTEST_NAME or not written.isalpha() or is_english_word(word):
            continue
        if is_date(f"{word} 1") or match(term, there, prefixes) > 0:  # a month; a name that stands somewhere
            continue
        found.append(written)
    return found
