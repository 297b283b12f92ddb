"""Tells what is recorded under a number: "what is object GR-014?" -> the name and the fields of that record."""

import re
from collections.abc import Iterator, Sequence

from rag.answer.operators.tables.choosing import row_names
from rag.answer.operators.tables.grid import Grid, Line
from rag.answer.operators.worked import Statement, Worked, row_source
from rag.text.words import stems
from rag.types import Query

_ASKS = re.compile(
    r"^\W*(?:and )?(?:what(?:'s|’s| is| was)|which|tell me about|describe|show(?: me)?) (?P<what>.+?)\W*$",
    re.IGNORECASE,
)
_ANY_THING = frozenset(stems("number no nr item object thing entry record"))


def quote_record(query: Query, records: Sequence[Grid]) -> Worked | None:
    """The record; None for other questions, and where a field of several records or none holds just the number."""
    asked = _ASKS.match(query.text)
    if asked is None or not any(map(str.isdigit, asked["what"])):
        return None
    found = [(grid, line) for grid in records for line in _called(grid, asked["what"], query)]
    if len(found) != 1:
        return None
    grid, line = found[0]
    fields = (f"{grid.column_name(column)}: {cell.text}" for column, cell in sorted(line.cells.items()))
    return Worked((Statement(f"{line.name}; {'; '.join(fields)}", (row_source(grid, line),)),), 1.0)


def _called(grid: Grid, what: str, query: Query) -> Iterator[Line]:
    """The records with a number that is all the question says beside what they are."""
    kind = row_names(grid) | _ANY_THING
    for line in grid.lines:
        for cell in line.cells.values():
            number = re.search(rf"(?<![\w-]){re.escape(cell.text)}(?![\w-])", what, re.IGNORECASE)
            if number is None or not any(map(str.isdigit, cell.text)):
                continue
            others = f"{what[: number.start()]} {what[number.end() :]}"
            if frozenset(stems(others)) & query.rarity.keys() <= kind:
                yield line
