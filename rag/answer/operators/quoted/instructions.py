"""Quotes the instruction that says what is to be done: "what should the kids bring?", "Please bring: sunscreen, a hat".

An instruction names nobody, since its readers are meant; so whom the question asks for need not stand in it, but it
must begin with the verb, and it and what stands above must say most of what the question says beside.
"""

import re
from collections.abc import Iterator, Sequence

from rag.answer.above import above, in_front_of
from rag.answer.expected import type_evidence
from rag.answer.operators.tables.matching import share, shared
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import LONGEST_QUOTE, readable, with_items
from rag.answer.rows import units_of
from rag.text.stop_words import STOP_WORDS
from rag.text.words import stem, stems, words
from rag.types import Passage, Query

_THE = r"(?:the|my|our|your|all|every|each|a|an)"
_WHO = rf"(?:{_THE} )?(?!{_THE}\b)\w+"  # whom the question asks for, in one word
_ASKS = re.compile(
    r"^\W*(?:and )?(?:to )?(?:what|which|where|when|how|whom)\b(?P<front>.*?)\b"
    rf"(?:(?:should|must|shall) {_WHO}|(?:do|does|should|must) {_WHO} (?:need|have) to"
    r"|(?:should|must|shall) (?P<thing>.+) be) (?P<verb>(?!be\b)[a-z]+)\b(?P<rest>.*)$",
    re.IGNORECASE,
)
_NOT = re.compile(r"\b(?:not|never|avoid|without)\b|n[’']t\b", re.IGNORECASE)
_POLITE = frozenset(["please", "kindly", "always", "also", "then", "and", "so"])
_LEADS = 3  # such words in front of the verb
_COVERED = 0.5  # share of what the question says beside the verb and whom it asks for
_MOST = 2  # instructions quoted of one document
_TYPED = frozenset(["date", "number"])  # kinds of questions whose answers have a form


def quote_instruction(query: Query, passages: Sequence[Passage]) -> Worked | None:
    """The instructions with the verb of the question; None for other questions, and where two documents give some."""
    asked = _ASKS.match(query.text)
    if asked is None or _NOT.search(query.text):
        return None
    verb = stem(asked["verb"].lower())
    front = frozenset(stems(asked["front"])) & query.rarity.keys()
    wanted = (front | frozenset(stems(f"{asked['thing'] or ''} {asked['rest']}"))) & query.rarity.keys()
    found: list[tuple[float, Passage, int, int]] = []
    for passage in passages:
        for start, end in _sentences(passage):
            sentence = passage.text[start:end]
            if _verb(sentence) != verb or front - shared(query, frozenset(stems(sentence))):
                continue
            covered = _covered(query, wanted, passage, start, end)
            if covered >= _COVERED and not (query.kind in _TYPED and type_evidence(query, sentence) < 0):
                found.append((covered, passage, start, end))
    best = max((covered for covered, *_ in found), default=0.0)
    found = [each for each in found if each[0] >= best]
    if not found or len({passage.document.id for _, passage, _, _ in found}) > 1 or len(found) > _MOST:
        return None
    return Worked(tuple(_statement(passage, start, end) for _, passage, start, end in found), best)


def _statement(passage: Passage, start: int, end: int) -> Statement:
    start, end = with_items(passage.text, start, end)
    return Statement(readable(passage, start, end), (Source(passage, start, end),))


def _sentences(passage: Passage) -> Iterator[tuple[int, int]]:
    for unit in units_of(passage, len(passage.text)):
        if not (unit.is_table_row or unit.is_label or unit.asks) and unit.end - unit.first <= LONGEST_QUOTE:
            yield unit.first, unit.end


def _verb(sentence: str) -> str | None:
    """The stem of the word that an instruction begins with, behind "please"."""
    for word, _, _ in words(sentence)[:_LEADS]:
        if word not in _POLITE:
            return None if word in STOP_WORDS else stem(word)
    return None


def _covered(query: Query, wanted: frozenset[str], passage: Passage, start: int, end: int) -> float:
    """The share of what is wanted that the sentence, those in front of it and the headings say; 1 where nothing is."""
    around = f"{passage.text[start:end]} {in_front_of(passage, start)} {above(passage)}"
    total = share(query, wanted)
    return share(query, shared(query, frozenset(stems(around))) & wanted) / total if total else 1.0
