"""Counts what stands in a line behind its name: "Members: Ada Holm, Bo Lund, Cleo Marr" are three members."""

import re
from collections.abc import Iterator, Sequence

from rag.answer.above import stems_above
from rag.answer.operators.tables.choosing import counted
from rag.answer.operators.tables.matching import share, shared
from rag.answer.operators.worked import Source, Statement, Worked
from rag.text.words import stem, stems
from rag.types import Passage, Query

_COUNTS = re.compile(r"^\W*(?:and )?how many\b", re.IGNORECASE)
_LINE = re.compile(r"^\W{0,4}(?P<label>[^\W\d_]{3,30}): (?P<items>\S[^\n]+)$", re.MULTILINE)
_BETWEEN = re.compile(r"\s*[,;]\s*(?:and\s+)?|\s+and\s+")
_LONGEST = 5  # words of an item
_COVERED = 0.6  # share of the question that the line, the passage and its titles must account for


def count_listed(query: Query, passages: Sequence[Passage]) -> Worked | None:
    """How many things such a line names, and which; None where none or several lines are called so."""
    head = counted(query) if _COUNTS.match(query.text) else None
    if head is None:
        return None
    found = [(passage, line) for passage in passages for line in _lines(passage, head)]
    if len(found) != 1:
        return None
    passage, line = found[0]
    items = [item for item in _BETWEEN.split(line["items"].strip().rstrip(".")) if item]
    told = shared(query, stems_above(passage) | frozenset(stems(passage.text)))
    if len(items) < 2 or any(len(item.split()) > _LONGEST for item in items) or query.names - told:
        return None
    covered = share(query, told)
    if covered < _COVERED:
        return None
    source = Source(passage, line.start("label"), line.end())
    return Worked((Statement(f"{len(items)}: {', '.join(items)}.", (source,)),), covered)


def _lines(passage: Passage, head: str) -> Iterator[re.Match[str]]:
    return (line for line in _LINE.finditer(passage.text) if stem(line["label"].casefold()) == head)
