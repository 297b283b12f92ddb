"""Tells whether the best sentence or row is the one that something was read in, or as good as it."""

from collections.abc import Sequence

from rag.answer.evidence import Candidate, holds
from rag.answer.rows import row_at, same_table
from rag.types import Reading


def is_read_in_best(ranked: Sequence[Candidate], reading: Reading) -> bool:
    """Whether something was read in the best sentence or row, in another one that says the same, or in another row of
    the table whose row the question names."""
    best = ranked[0]
    if holds(best, reading.span) or any(says_same(one, best) for one in ranked[1:] if holds(one, reading.span)):
        return True
    if best.row is None or not best.features["named"]:
        return False
    if not best.passage.span(0, len(best.passage.text)).contains(reading.span):
        return False
    row = row_at(best.passage, reading.span.start - best.passage.start)
    return row is not None and same_table(row, best.row)


def says_same(one: Candidate, other: Candidate) -> bool:
    """Whether two candidates say the same: equal but for white space, or one span (two copies of a document)."""
    return one.text.split() == other.text.split()
