"""Adds up amounts that a document says of several things, one in each clause.

"The rent is 1,150 euros a month. On top of it the tenants pay 185 euros for heating and 40 euros for the caretaker"
answers what all three cost together. Each thing needs an amount of its own, all of one unit and in one passage; what is
paid a month and what is paid a year are not added.
"""

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

from rag.answer.operators.computed.amounts import prices_in
from rag.answer.operators.tables.values import Value, total
from rag.answer.operators.worked import Source, Statement, Worked
from rag.text.sentences import cached_sentences
from rag.text.words import match, prefixes_of, stem, stems, words
from rag.types import Passage, Query

_SUM = re.compile(r"\b(?:together|altogether|in total|in all|combined|sum of|total)\b", re.IGNORECASE)
_PLUS = re.compile(r"\bplus\b|\s\+\s", re.IGNORECASE)
_PAYING = frozenset(stems("cost costs pay paid come comes make makes amount count add"))
_JOINT = re.compile(r"\s*(?:,|\+|&)\s*(?:and\s+|plus\s+)?|\s+(?:and|plus)\s+", re.IGNORECASE)
_CLAUSE = re.compile(r"[;,:()–—]\s|\s(?:and|plus)\s", re.IGNORECASE)
_PERIOD = re.compile(
    r"(?:\b(?:an?|per|each|every)\s+|/\s?)(?P<noun>hour|day|night|week|month|quarter|year|annum)\b"
    r"|\b(?P<adverb>hourly|daily|nightly|weekly|monthly|quarterly|yearly|annual(?:ly)?)\b",
    re.IGNORECASE,
)
_SAME_PERIOD = {"daily": "day", "annum": "year", "annual": "year", "annually": "year"}
_MOST_THINGS = 6


@dataclass(frozen=True, slots=True)
class _Said:
    """An amount with the stems of its clause, the periods that are told with it, and the sentence that it stands in."""

    value: Value
    clause: frozenset[str]
    periods: frozenset[str]
    source: Source


def add_up(query: Query, passages: Sequence[Passage]) -> Worked | None:
    """The sum with its parts; None for other questions, and where a part is not told or told twice."""
    if _SUM.search(query.text) is None and _PLUS.search(query.text) is None:
        return None
    things = _things(query)
    if not 2 <= len(things) <= _MOST_THINGS:
        return None
    for passage in passages:
        found = _one_each(things, list(_amounts(passage)))
        if found is not None:
            return _worked([name for name, _ in things], found)
    return None


def _things(query: Query) -> list[tuple[str, frozenset[str]]]:
    """What the question adds up, as it is written and as stems: the words around each "and" or comma that carry
    meaning."""
    text = _SUM.sub(" . ", query.text)
    parts = _JOINT.split(text)
    found = []
    for at, part in enumerate(parts):
        run = _run(query, part, from_end=at == 0) if at in (0, len(parts) - 1) else part.strip()
        there = (frozenset(stems(run)) & query.rarity.keys()) - _PAYING
        if not there:
            return []
        found.append((run, there))
    return found if len(found) > 1 else []


def _run(query: Query, part: str, *, from_end: bool) -> str:
    """The words that carry meaning at the end or the beginning of a stretch, side by side."""
    spoken = words(part)
    if from_end:
        spoken = spoken[::-1]
    run: list[tuple[int, int]] = []
    for word, start, end in spoken:
        if stem(word) in query.rarity.keys() - _PAYING and (not run or _side_by_side(part, run[-1], (start, end))):
            run.append((start, end))
        elif run:
            break
    return part[min(start for start, _ in run) : max(end for _, end in run)] if run else ""


def _side_by_side(text: str, one: tuple[int, int], other: tuple[int, int]) -> bool:
    first, second = sorted((one, other))
    return text[first[1] : second[0]].isspace()


def _amounts(passage: Passage) -> Iterator[_Said]:
    """The amounts of a passage that stand alone in their clauses."""
    for start, end in cached_sentences(passage.text):
        text = passage.text[start:end]
        if " | " in text:  # a row of a table
            continue
        cuts = [0, *(found.start() for found in _CLAUSE.finditer(text)), len(text)]
        clauses = [(first, last, list(prices_in(text[first:last]))) for first, last in pairwise(cuts)]
        priced = [clause for clause in clauses if clause[2]]
        for at, (first, last, prices) in enumerate(priced):
            behind = priced[at + 1][0] if at + 1 < len(priced) else len(text)
            if len(prices) == 1:
                stems_, periods = frozenset(stems(text[first:last])), _periods(text[first:behind])
                yield _Said(prices[0][2], stems_, periods, Source(passage, start, end))


def _periods(text: str) -> frozenset[str]:
    """The units of time: "month" for "a month" and for "monthly"."""
    told = (found[found.lastgroup or 0].casefold() for found in _PERIOD.finditer(text))
    return frozenset(_SAME_PERIOD.get(each, each.removesuffix("ly")) for each in told)


def _one_each(things: Sequence[tuple[str, Set[str]]], amounts: Sequence[_Said]) -> list[_Said] | None:
    """The amount of each thing; one that fits two things is that of the one that has no other."""
    fitting = {at: [said for said in amounts if _is_of(said, stems_)] for at, (_, stems_) in enumerate(things)}
    chosen: dict[int, _Said] = {}
    while fitting:
        at = min(fitting, key=lambda each: len(fitting[each]))
        if len(fitting[at]) != 1:
            return None
        chosen[at] = fitting.pop(at)[0]
        fitting = {other: [said for said in found if said is not chosen[at]] for other, found in fitting.items()}
    units = {(said.value.before, said.value.after) for said in chosen.values()}
    periods = frozenset[str]().union(*(said.periods for said in chosen.values()))
    return [chosen[at] for at in range(len(things))] if len(units) == 1 and len(periods) <= 1 else None


def _is_of(said: _Said, wanted: Set[str]) -> bool:
    prefixes = prefixes_of(said.clause)
    return all(match(term, said.clause, prefixes) > 0 for term in wanted)


def _worked(names: Sequence[str], amounts: Sequence[_Said]) -> Worked:
    result = total([said.value for said in amounts])
    shown = " + ".join(f"{said.value.written} ({name})" for name, said in zip(names, amounts, strict=True))
    sources = tuple(dict.fromkeys(said.source for said in amounts))
    return Worked((Statement(f"{result.written}: {shown} = {result.written}.", sources),), 1.0)
