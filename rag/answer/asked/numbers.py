"""Keeps to the number that a question asks about: an invoice, an amount or a code that stands nowhere has no answer.

Sums and codes are told from years, small counts and bounds ("more than 5000"), which an answer need not repeat.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from rag.answer.evidence import Candidate
from rag.text.codes import codes_of, words_of_codes
from rag.text.stop_words import STOP_WORDS
from rag.text.words import words
from rag.types import Passage, Query

_LEAST_DIGITS = 4
_YEAR = re.compile(r"(?:1\d|20|21)\d\d")
# Words between which such a number is a sum: "over 1874 crowns".
_BEFORE_SUM = frozenset(["over", "for", "of", "worth", "about", "exactly", "cost", "costs", "paid", "pays", "pay"])
# Words that make a number a bound, which nothing has to reach exactly.
_BEFORE_BOUND = frozenset(
    ["than", "above", "below", "under", "least", "most", "between", "exceed", "exceeds", "exceeding", "to", "around"]
)


def asked_numbers(question: str) -> frozenset[str]:
    """Returns the values of the numbers that what answers the question must hold."""
    found = set()
    padded = [("", 0, 0), *words(question), ("", 0, 0)]
    for (before, _, _), ((number, _, _), (after, _, _)) in zip(padded, pairwise(padded[1:]), strict=False):
        if not number[:1].isdigit() or sum(map(str.isdigit, number)) < _LEAST_DIGITS or number.count(".") > 1:
            continue
        is_sum = before in _BEFORE_SUM and after.isalpha() and after not in STOP_WORDS
        if before not in _BEFORE_BOUND and (is_sum or not _YEAR.fullmatch(number)):
            found.add(number)
    return frozenset(found)


def about_asked_numbers(query: Query, passages: Sequence[Passage], ranked: Sequence[Candidate]) -> list[Candidate]:
    """Returns the sentences that hold the numbers asked for, all where none does; none where one stands nowhere."""
    wanted = asked_numbers(query.text)
    if not wanted:
        return list(ranked)
    codes = codes_of(query.text)
    there = frozenset().union(
        *(
            _numbers(text, codes)
            for p in passages
            for text in (p.text, p.document.title, p.document.path, *p.heading_path)
        )
    )
    if not all(_stands(number, there) for number in wanted):
        return []
    holding = [one for one in ranked if all(_stands(number, _numbers(one.text, codes)) for number in wanted)]
    return holding or list(ranked)


def _numbers(text: str, codes: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The numbers of a text, and those of the codes asked for that it writes in another way."""
    return frozenset(word for word, _, _ in words(text) if word[:1].isdigit()) | words_of_codes(codes, text)


def _stands(number: str, there: frozenset[str]) -> bool:
    """Tells whether a number, or one with the same whole part where it has no other, is among some."""
    if number in there:
        return True
    return "." not in number and any(other.startswith(f"{number}.") and other.count(".") == 1 for other in there)
