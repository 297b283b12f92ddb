"""Counts and lists the rows of a table that a question picks out."""

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.answer.asked.superlatives import superlative_in
from rag.answer.expected import is_date
from rag.answer.operators.tables.choosing import HOW_OFTEN, KINDS_OF_FILES, Picked, counted, counted_phrase, pick
from rag.answer.operators.tables.grid import Grid, Line
from rag.answer.operators.tables.matching import around, asked_columns, said_in_column, shared
from rag.answer.operators.tables.people import columns_of_people
from rag.answer.operators.worked import Statement, Worked, row_source
from rag.protocols import Embedder
from rag.text.words import stems
from rag.types import Query

_COUNTS = re.compile(r"^\W*(?:and )?how (?:many|often)\b", re.IGNORECASE)
_LISTS = re.compile(
    r"^\W*(?:(?:which|what|who)\b(?!'s| is\b| was\b| does\b| did\b)|list\b|name\b|show\b|everything\b"
    r"|(?:give me |tell me )?(?:all )?(?:the )?names of\b)",
    re.IGNORECASE,
)
_COVERED_ALONE = 0.75  # share of the question that a single row must account for
_TELLING = 5.5  # weight of a word from which it says more than "there are" and "belong to"
_MOST_CELLS = 6  # of a row that is told whole
_SMALL_WORD = re.compile(r"\w.* (?!de\b|da\b|van\b|von\b|der\b|den\b|la\b|le\b|al\b|bin\b|and\b|of\b)[a-z]{3,}")
_MOST = 20  # rows that are named one by one


def count(query: Query, grids: Sequence[Grid], embedder: Embedder) -> Worked | None:
    """How many rows are picked out, and which; None for other questions."""
    if _COUNTS.match(query.text) is None:
        return None
    picked = pick(query, grids, embedder)
    if picked is None or not picked.lines or counted(query) not in picked.said:
        return None
    if not picked.is_bounded and not HOW_OFTEN.match(query.text) and _asks_for_another(query, picked):
        return None
    if _is_a_column(query, picked):  # "how many nights" are told by "Nights"
        return None
    if picked.column is None and picked.grid.scale:  # lines of accounts are no things
        return None
    if picked.column is None and _names_a_condition(query, picked):
        return None
    picked = _each_once(query, picked)
    return Worked((_said(f"{len(picked.lines)}: ", picked),), picked.covered)


def list_rows(query: Query, grids: Sequence[Grid], embedder: Embedder) -> Worked | None:
    """The names of the rows that are picked out; None for other questions. A single row must be told by what stands in
    a cell of it, and is named with that cell: "Phalarope, Route: Varnholt to Cape Adder"."""
    if _LISTS.match(query.text) is None or superlative_in(query.text) is not None:
        return None
    picked = pick(query, grids, embedder)
    if picked is None or not picked.lines or (picked.column != 0 and _asks_for_another(query, picked)):
        return None
    if picked.column is None and _names_a_condition(query, picked):
        return None
    if query.kind == "person" and not _are_called_by_name(picked.grid):
        return _who(picked)
    if len(picked.lines) > 1 or picked.column == 0:
        return Worked((_said("", _each_once(query, picked)),), picked.covered)
    column, (line,) = picked.column, picked.lines
    others = [at for at in range(1, len(picked.grid.columns)) if at != column]
    if any(counted(query) in stems(picked.grid.column_name(at)) for at in others):
        return None  # "which lamp has Sable Head" asks for what stands under "lamp"
    if column is None or column not in line.cells or picked.is_bounded or picked.covered < _COVERED_ALONE:
        return None
    return Worked((Statement(f"{picked.grid.said(line, column)}.", (row_source(picked.grid, line),)),), picked.covered)


def _who(picked: Picked) -> Worked | None:
    """Who stands in the one column of people of several rows, each with what the row is called."""
    people = [column for column in columns_of_people(picked.grid) if column and column != picked.column]
    lines = [line for line in picked.lines if people and people[0] in line.cells]
    if len(people) != 1 or picked.column is None or not 2 <= len(lines) <= _MOST or len(lines) < len(picked.lines):
        return None
    first = picked.grid.column_name(0)
    called = [f"{line.cells[people[0]].text} ({f'{first} ' if first else ''}{line.name})" for line in lines]
    text = f"{('; ' if any(',' in name for name in called) else ', ').join(called)}."
    return Worked((Statement(text, tuple(row_source(picked.grid, line) for line in lines)),), picked.covered)


def _said(front: str, picked: Picked) -> Statement:
    shown = picked.lines[:_MOST]
    called = [_called(picked, line) for line in shown]
    names = ("; " if any("," in name for name in called) else ", ").join(called)
    more = f" and {len(picked.lines) - _MOST} more" if len(picked.lines) > _MOST else ""
    return Statement(f"{front}{names}{more}.", tuple(row_source(picked.grid, line) for line in shown))


def _each_once(query: Query, picked: Picked) -> Picked:
    """The rows without those of somebody who has one already, where people are counted or listed: who stands twice in a
    rota is one volunteer. Times and other things are counted by rows."""
    if HOW_OFTEN.match(query.text) or 0 not in columns_of_people(picked.grid):
        return picked
    first: dict[str, Line] = {}
    for line in picked.lines:
        first.setdefault(" ".join(line.name.casefold().split()), line)
    return replace(picked, lines=tuple(first.values()))


def _called(picked: Picked, line: Line) -> str:
    """What a row is about; of one that is called by its date alone what else stands in it."""
    by_date = picked.is_bounded and is_date(line.name) and len(line.cells) <= _MOST_CELLS
    if picked.column != 0 and not by_date:  # of somebody with several rows the others were left out
        is_alone = [other.name for other in picked.lines].count(line.name) == 1 and 0 in columns_of_people(picked.grid)
        return line.name if is_alone else picked.grid.called(line)
    return f"{line.name} ({', '.join(cell.text for cell in line.cells.values())})"


def _is_a_column(query: Query, picked: Picked) -> bool:
    """Whether what is counted is the name of a column of numbers."""
    head = counted(query)
    columns = picked.grid.value_columns
    return any(head in stems(picked.grid.column_name(column)) for column in columns if column > 0)


def _names_a_condition(query: Query, picked: Picked) -> bool:
    """Whether the question says something that may hold for some rows alone: "which drug gave him a rash?". What names
    the table or its columns holds for all; a letter in front of it may be about anything."""
    grid = picked.grid
    document = grid.passage.document
    in_front = grid.around.strip().rpartition("\n")[2]
    captions = (table.caption for table in grid.passage.tables)
    named = " ".join([document.title, document.path, *grid.passage.heading_path, *captions, *grid.columns, in_front])
    told = shared(query, frozenset(stems(named))) | KINDS_OF_FILES
    return any(value >= _TELLING for term, value in query.rarity.items() if term not in told)


def _are_called_by_name(grid: Grid) -> bool:
    """Whether the rows of a table may be people: where another column says who, their names do not, nor do numbers."""
    people = columns_of_people(grid)
    if people:
        return 0 in people
    things = sum(_SMALL_WORD.search(line.name) is not None for line in grid.lines)  # "Chess set", "Fog signal"
    return things * 2 <= len(grid.lines) and any(any(map(str.isalpha, line.name)) for line in grid.lines)


def _asks_for_another(query: Query, picked: Picked) -> bool:
    """Whether the question names a column beside the one that picks the rows: then it asks for what stands there."""
    others = [column for column in range(1, len(picked.grid.columns)) if column != picked.column]
    if picked.column is None:
        taken = around(picked.grid) & picked.said
    else:  # "Borrower" picks the rows by the verb that "Borrowed on" has as well
        taken = said_in_column(query, picked.grid.column_name(picked.column)) | frozenset(counted_phrase(query))
    return bool(asked_columns(query, picked.grid, taken, others))
