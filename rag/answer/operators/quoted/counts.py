"""Answers "how many prisms are in our lens?" with the one place that says a number right in front of the thing.

"One prism of the lower belt" counts a part, not all of them, so one is no answer where many are asked for. The
sentence, what stands above it and the document's title must say the rest of the question.
"""

import re
from collections.abc import Iterator, Sequence

from rag.answer.above import stems_above
from rag.answer.expected import COUNTS
from rag.answer.operators.tables.matching import share, shared
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import LEANS_BACK, LONGEST_QUOTE, readable
from rag.answer.rows import units_of
from rag.text import numbers
from rag.text.words import stem, stems
from rag.types import Passage, Query

_ASKS = re.compile(
    r"^\W*(?:and )?(?:how many|number of) (?P<thing>[^\W\d_]+) "
    r"(?:(?:are|is|were|was)(?: there)? (?:in|on|of|at)\b|(?:does|do|did) .+ (?:have|contain|hold|consist of)\b|"
    r"(?:has|have|had)\b|(?:in|on|at)\b)",
    re.IGNORECASE,
)
_NOT = re.compile(r"\b(?:more|less|fewer|not|no|never|left|missing|together|total|new|other)\b|n['’]t\b", re.IGNORECASE)
_COVERED = 0.95  # share of the question that sentence and titles must say
_ONE = ("one", "1", "first", "once", "half", "third", "quarter")


def find_count(query: Query, passages: Sequence[Passage]) -> Worked | None:
    """The sentence with the number; None for other questions, and where places differ in the number."""
    asked = _ASKS.match(query.text)
    if asked is None or _NOT.search(query.text) or not asked["thing"].casefold().endswith("s"):
        return None
    thing = stem(asked["thing"].casefold())
    found: list[tuple[str, Source, Source]] = []
    for passage in passages:
        above = stems_above(passage)
        for number, source, value in _counts(passage, thing):
            text = passage.text[source.start : source.end]
            if share(query, shared(query, above | frozenset(stems(text)))) >= _COVERED:
                found.append((number, source, value))
    if not found or len({number for number, _, _ in found}) > 1:
        return None
    _, source, value = found[0]
    text = readable(source.passage, source.start, source.end)
    return Worked((Statement(text, (source,), value),), 1.0)


def _counts(passage: Passage, thing: str) -> Iterator[tuple[str, Source, Source]]:
    """The numbers that stand right in front of the thing, with their sentences and where they stand."""
    pattern = re.compile(rf"(?<![\w.,-])(?P<number>{numbers.PATTERN}|(?:{COUNTS})) (?P<thing>[^\W\d_]+)", re.IGNORECASE)
    for unit in units_of(passage, len(passage.text)):
        text = passage.text[unit.first : unit.end]
        if unit.is_table_row or unit.asks or len(text) > LONGEST_QUOTE or LEANS_BACK.match(text):
            continue
        for found in pattern.finditer(text):
            number = found["number"].casefold()
            if stem(found["thing"].casefold()) == thing and number not in _ONE:
                value = Source(passage, unit.first + found.start("number"), unit.first + found.end("number"))
                yield number, Source(passage, unit.first, unit.end), value
