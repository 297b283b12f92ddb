"""Keeps to the sentences that are about what a question asks for and hold something of the form that it asks for."""

from collections.abc import Sequence

from rag.answer.asked.answers import lacks_answer
from rag.answer.asked.attributes import is_contact_of_another, with_asked_amount, with_asked_attribute
from rag.answer.asked.cells import lacks_asked_cell, with_asked_cell
from rag.answer.asked.computation import with_asked_computation
from rag.answer.asked.counted_rows import without_rows_of_others
from rag.answer.asked.dates import about_asked_days
from rag.answer.asked.duties import with_asked_duty
from rag.answer.asked.entries import may_be_of_another_entry
from rag.answer.asked.events import with_asked_event
from rag.answer.asked.extremes import with_asked_extreme
from rag.answer.asked.identifiers import about_asked_identifiers
from rag.answer.asked.next_things import about_next_thing
from rag.answer.asked.numbers import about_asked_numbers
from rag.answer.asked.periods import is_of_another_turn, is_undated
from rag.answer.asked.things import about_asked_thing, counts_another, names_no_such_role
from rag.answer.asked.unnamed import names_nobody_asked
from rag.answer.evidence import Candidate, holds
from rag.answer.quote import Quote
from rag.answer.rows import Row, same_table
from rag.types import Passage, Query, Reading

SURELY = 0.5  # confidence from which what a reader read is right more often than not, whatever its form


def about_what_is_named(query: Query, passages: Sequence[Passage], ranked: Sequence[Candidate]) -> list[Candidate]:
    """The sentences that hold the numbers, identifiers and days of the question, or the next thing of its kind, best
    first."""
    kept = about_asked_identifiers(query, about_asked_numbers(query, passages, ranked))
    return about_next_thing(query, about_asked_days(query, kept))


def that_can_answer(query: Query, about: Sequence[Candidate], readings: Sequence[Reading]) -> list[Candidate]:
    """The sentences that hold something of the form that is asked for, said of the thing that is asked about.

    A sentence from which a sure reader read its best answer needs no form: "every other day" tells how often. Rows of
    one table are told apart by their names.
    """
    about = with_asked_event(query, without_rows_of_others(query, about))
    said = with_asked_cell(query, about_asked_thing(query, about, readings))
    ranked = with_asked_computation(query, with_asked_attribute(query, with_asked_duty(query, said)))
    ranked = with_asked_amount(query, with_asked_extreme(query, ranked))
    best = next((reading for reading in readings[:1] if reading.confidence >= SURELY), None)
    computed = with_asked_computation(query, said)  # one amount alone is no sum or difference, however sure the reader
    read = [one for one in computed if best is not None and holds(one, best.span)][:1]
    rows = [one.row for one in ranked if one.row is not None]
    told_apart = any(one.row is not None and any(same_table(one.row, row) for row in rows) for one in read)
    return ranked if not read or read[0] in ranked or told_apart else [*read, *ranked]


def is_no_answer(query: Query, best: Candidate, quote: Quote, *, sure: bool) -> bool:
    """Whether a quote around the best sentence names or counts nothing of what is asked for. ``sure``: a reader is."""
    lacks = lacks_answer(query, best.text, quote.text) or names_no_such_role(query, best)
    other = counts_another(query, best) or names_nobody_asked(query, quote.text) or is_undated(query, best)
    return (not sure and lacks) or other


def may_be_of_another(query: Query, quote: Quote, row: Row | None) -> bool:
    """Whether what was read in a quote, or in a ``row``, may be said of another time, entry or person than the asked
    one."""
    return (
        is_of_another_turn(query.text, quote.text)
        or (row is not None and lacks_asked_cell(query, row))
        or may_be_of_another_entry(query.text, quote.passage)
        or is_contact_of_another(query, quote)
    )
