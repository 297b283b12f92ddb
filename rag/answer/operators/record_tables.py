"""Records as tables: blocks of "name: value" lines that follow one another, each about one thing.

Catalogues in XML, address lists and other files that people write as records are no tables to a parser, but what is
asked of them is what is asked of rows: which there are, how many, which of them were made in 1911.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from rag.answer.operators.tables.grid import Cell, Grid, Line, Texts
from rag.answer.operators.tables.values import read_value
from rag.answer.operators.whole_document import whole_documents
from rag.text.words import stems
from rag.types import Passage

_BLOCK = re.compile(r"[^\n]+(?:\n[^\n]+)*")
_FIELD = re.compile(r"(?P<name>[^\W\d_][\w .'’/-]{0,30}?): (?P<value>\S[^\n]*)")
_ATTRIBUTE = re.compile(r", (?P<name>[^\W\d_][\w-]{0,20}): (?P<value>[^:\n]+)$")  # "Paris, year: 1868"
_NUMBERS = re.compile(r"(?:id|no|nr|number|code|key|inventory (?:no|number))\.?", re.IGNORECASE)
_NAMES = re.compile(
    r"(?:full |first |last )?(?:name|title|label|term|item|product|object|titel|bezeichnung|nom|nombre)", re.I
)
_LEAST_RECORDS = 3
_MOST_RECORDS = 400
_LEAST_FIELDS = 2
_USUAL = 0.5  # share of the records that a field which makes a column stands in
_DOCUMENTS = 3
_READ = 200_000  # characters of a document that is looked through


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    value: str
    start: int
    end: int


def record_grids(passages: Sequence[Passage], texts: Texts) -> list[Grid]:
    """A table for each document of the passages that consists of records; none for others."""
    found = (_grid(whole, passages) for whole in whole_documents(passages, texts, _DOCUMENTS, _READ))
    return [grid for grid in found if grid is not None]


def _grid(whole: Passage, passages: Sequence[Passage]) -> Grid | None:
    records = list(islice(_records(whole.text), _MOST_RECORDS))
    if len(records) < _LEAST_RECORDS:
        return None
    usual = Counter(name for record in records for name in {field.name for field in record})
    names = [name for name, count in usual.items() if count >= _USUAL * len(records)]
    first = next((field.name for field in records[0] if _NAMES.fullmatch(field.name)), None)
    if first is None or first not in names or len(names) < _LEAST_FIELDS:
        return None
    columns = (first, *dict.fromkeys(field.name for record in records for field in record if field.name != first))
    lines = tuple(line for record in records if (line := _line(record, columns)) is not None)
    if len(lines) < _LEAST_RECORDS or len({line.name for line in lines}) < len(lines):
        return None
    headings = _headings(whole, passages, columns)
    if headings:  # the "name" of an object is no person
        columns = (headings[-1], *columns[1:])
    return Grid(
        replace(whole, heading_path=headings), columns, 1, lines, "", " ".join(headings), whole.text[: lines[-1].end]
    )


def _headings(whole: Passage, passages: Sequence[Passage], columns: Sequence[str]) -> tuple[str, ...]:
    """The headings above the records: those of the best passage without fields that have headings of their own."""
    path = next(one.heading_path for one in passages if one.document.id == whole.document.id)
    while path and path[-1] in columns:
        path = path[:-1]
    return path


def _records(text: str) -> Iterator[list[_Field]]:
    """The blocks of which every line is a field, and that begin with the name or number of something."""
    for block in _BLOCK.finditer(text):
        fields = list(_fields(text, block.start(), block.end()))
        begins = bool(fields) and (_NAMES.fullmatch(fields[0].name) or _NUMBERS.fullmatch(fields[0].name))
        if begins and len({field.name for field in fields}) >= _LEAST_FIELDS:
            yield fields


def _fields(text: str, start: int, end: int) -> Iterator[_Field]:
    """The fields of a block with the attributes of each, none where a line is something else."""
    found: list[_Field] = []
    for line in re.finditer(r"[^\n]+", text[start:end]):
        field = _FIELD.fullmatch(line[0])
        if field is None:
            return
        first, last = field.span("value")
        attributes = []
        while (attribute := _ATTRIBUTE.search(line[0], first, last)) is not None:
            at, stop = attribute.span("value")
            attributes.append(_at(f"{field['name']} {attribute['name']}", line, at, stop, start))
            last = attribute.start()
        found += [_at(field["name"], line, first, last, start), *reversed(attributes)]
    yield from found


def _at(name: str, line: re.Match[str], first: int, last: int, start: int) -> _Field:
    offset = start + line.start()
    return _Field(name, line[0][first:last], offset + first, offset + last)


def _line(record: Sequence[_Field], columns: Sequence[str]) -> Line | None:
    """A record as a row; None where its name is missing."""
    named = next((field for field in record if field.name == columns[0]), None)
    if named is None or not stems(named.value):
        return None
    cells: dict[int, Cell] = {}
    for field in record:
        if field is not named:
            cells.setdefault(
                columns.index(field.name), Cell(field.start, field.end, field.value, read_value(field.value))
            )
    return Line(named.value, "", cells, record[0].start, record[-1].end)
