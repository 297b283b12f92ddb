"""Finds questions that lead on from an answer: the rows beside a quoted one, and the sections beside a quoted passage.

They are only candidates: whoever offers one asks it first, and looks whether the answer stands where it should.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.text.language import language_of
from rag.text.table_spans import TableRow, TableSpans
from rag.types import Block

_ABOUT = {"en": "What does “{title}” say about {heading}?", "de": "Was steht in „{title}“ über {heading}?"}
_SHORTEST, _LONGEST = 2, 60  # characters of a heading or of the name of a row
_NEIGHBOURS = (1, 2, -1)  # rows and sections, from the quoted one on
_SUM = re.compile(r"^\W*(?:(?:sub|grand )?total|sum|average|mean|gesamt\w*|summe|durchschnitt)\b", re.IGNORECASE)
_NUMBERING = re.compile(r"^(?:\d+[.)]?)+\s+|^(?:chapter|section|kapitel|abschnitt)\s+\d+\W*\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cited:
    """A quote, ``text[start:end]``, with what the document holds around it."""

    document_id: int
    title: str
    text: str
    start: int
    end: int
    tables: Sequence[TableSpans]
    headings: Sequence[Block]


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A question, and where its answer must stand: ``text[start:end]`` of the document."""

    question: str
    document_id: int
    start: int
    end: int


def follow_ups(question: str, quotes: Sequence[Cited]) -> list[FollowUp]:
    """The candidates, the likeliest to be of use first, no question twice."""
    about = _ABOUT.get(language_of(question))
    found = [one for quote in quotes for one in _rows_beside(question, quote)]
    if about is not None:
        found += [one for quote in quotes for one in _sections_beside(quote, about)]
    unique = {one.question.casefold(): one for one in reversed(found)}
    unique.pop(question.strip().casefold(), None)
    return list(reversed(unique.values()))


def _rows_beside(question: str, quote: Cited) -> Iterator[FollowUp]:
    """The same question about the neighbours of the quoted row, where it names that row."""
    for table in quote.tables:
        rows = [row for row in table.rows if not row.is_header]
        for at, row in enumerate(rows):
            if not (quote.start < row.end and row.start < quote.end):
                continue
            said = _name_in(question, row, table, quote.text)
            if said is None:
                continue
            column, place = said
            for step in _NEIGHBOURS:
                other = rows[at + step] if 0 <= at + step < len(rows) else None
                name = None if other is None else _cell(other, column, quote.text)
                if other is not None and name is not None and name.casefold() not in question.casefold():
                    changed = f"{question[: place.start()]}{name}{question[place.end() :]}"
                    yield FollowUp(changed, quote.document_id, other.start, other.end)
            return


def _name_in(question: str, row: TableRow, table: TableSpans, text: str) -> tuple[int, re.Match[str]] | None:
    """The column whose cell names the row in the question, and where it stands there."""
    for column in range(max(table.name_columns, 1)):
        name = _cell(row, column, text)
        if name is not None:
            place = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", question, re.IGNORECASE)
            if place is not None:
                return column, place
    return None


def _cell(row: TableRow, column: int, text: str) -> str | None:
    """The name in a cell; None where there is none, or a sum."""
    name = next((text[cell.start : cell.end].strip() for cell in row.cells if cell.column == column), "")
    return name if _SHORTEST <= len(name) <= _LONGEST and "\n" not in name and not _SUM.match(name) else None


def _sections_beside(quote: Cited, about: str) -> Iterator[FollowUp]:
    """What the document says under the headings around the quote."""
    headings = sorted(quote.headings, key=lambda block: block.start)
    starts = [heading.start for heading in headings]
    own = sum(start <= quote.start for start in starts) - 1  # -1: in front of them all
    for step in _NEIGHBOURS:
        at = own + step
        if not 0 <= at < len(headings):
            continue
        heading = headings[at]
        name = " ".join((quote.text[heading.start : heading.end].strip() or heading.label or "").split())
        name = _NUMBERING.sub("", name).rstrip(".:")
        end = starts[at + 1] if at + 1 < len(starts) else len(quote.text)
        if _SHORTEST < len(name) <= _LONGEST and name.casefold() != quote.title.casefold() and heading.end < end:
            question = about.format(title=quote.title, heading=name)
            yield FollowUp(question, quote.document_id, heading.end, end)
