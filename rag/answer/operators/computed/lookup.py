"""Looks a value up in tables by row and column.

The row is the one whose name the question says, the column the one it names or, by the embedder, means. A period that
the table does not have is never answered with another one; where the question leaves the period open, the row is given
with all of them.
"""

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from rag.answer.expected import is_date, type_evidence
from rag.answer.operators.tables.choosing import is_total
from rag.answer.operators.tables.degrees import measures, product_column
from rag.answer.operators.tables.grid import Cell, Grid, Line
from rag.answer.operators.tables.matching import (
    Meant,
    around,
    asked_columns,
    asks_for_another_measure,
    in_front,
    is_money,
    is_narrowed,
    likest_column,
    meant_lines,
    said_in_column,
    share,
    shared,
)
from rag.answer.operators.tables.people import columns_of_people
from rag.answer.operators.tables.periods import said_by_all_periods
from rag.answer.operators.worked import Statement, Worked, cell_source, row_source, told_by
from rag.answer.roles import is_of_another_person
from rag.protocols import Embedder
from rag.text.words import match, prefixes_of, stem, stems, words
from rag.types import Query

_STRENGTH = 0.75  # of a row's name that the question must say
_COVERED = 0.6  # share of the question that row, column and what stands around the table must account for
_COVERED_WHOLE = 0.75  # ... where the column is left open, or another cell than the name tells the row
_MOST_ALIKE = 4  # rows that may be meant alike; more of them leave the question open
_MOST_SHOWN = 6  # columns of a row that is given whole
_ASKS_WHETHER = re.compile(
    r"^\W*(?:is|are|was|were|do|does|did|has|have|had|can|could|may|must|should|will|would)\b", re.I
)
_TOTAL = re.compile(r"\btotal\b|\bin all\b|\baltogether\b", re.IGNORECASE)
_HOW = re.compile(r"^\W*(?:and )?how (?!much|many)\w+", re.IGNORECASE)
_COUNTS = re.compile(r"^\W*(?:and )?how many\b", re.IGNORECASE)
_HOW_OFTEN = re.compile(r"^\W*(?:and )?how (?:often|many times)\b", re.IGNORECASE)
_COSTS = re.compile(r"\b(?:cost|costs|pay|paid|charged?)\b", re.IGNORECASE)
_EACH = re.compile(r"\b(?:per|each|unit|an hour|a day)\b", re.IGNORECASE)
_WHO_HAS = re.compile(r"^\W*(?:and )?who(?: currently| now)? (?:has|holds|keeps|got)\b", re.IGNORECASE)
_HAS_IT = re.compile(r"\b(?:borrow\w*|lent|loan\w*|issued|handed|given|holder|held by|with)\b", re.IGNORECASE)
_CURRENCY = re.compile(
    r"[$€£]|\b(?:dollars?|euros?|pounds?|crowns?|francs?|yen|cents?|usd|eur|gbp|chf|millions?|billions?)\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:1[6-9]|20|21)\d\d")


@dataclass(frozen=True, slots=True)
class Found:
    """A cell that may be the one asked for; ``column`` is None where the row does not decide it. ``said`` are the
    question's stems that tell the row."""

    grid: Grid
    line: Line
    column: int | None
    strength: float
    covered: float
    said: frozenset[str] = frozenset()

    @property
    def rank(self) -> float:
        return (
            self.strength + self.covered + (0.2 if self.column is not None else 0.0) - 0.02 * self.grid.passage.number
        )


def look_up(query: Query, grids: Sequence[Grid], embedder: Embedder) -> Worked | None:
    """The cell that the question asks for, or its row; None where no table accounts for the question."""
    if query.kind == "reason" or _ASKS_WHETHER.match(query.text):
        return None
    found = look_up_cells(query, grids, embedder)
    if len(found) > 1 and _HOW_OFTEN.match(query.text) and _are_all_there_is(found):
        return Worked((_counted(found),), found[0].covered)
    return Worked(tuple(map(_statement, found)), found[0].covered) if found else None


def _are_all_there_is(found: Sequence[Found]) -> bool:
    return all(one.column is None and one.grid.is_whole for one in found)


def _counted(found: Sequence[Found]) -> Statement:
    called = "; ".join(one.grid.called(one.line) for one in found)
    return Statement(f"{len(found)}: {called}.", tuple(row_source(one.grid, one.line) for one in found))


def look_up_cells(query: Query, grids: Sequence[Grid], embedder: Embedder) -> list[Found]:
    """The cells that account for the question alike, best first; none where too many do."""
    found = _best(query, grids, embedder)
    return found if len(found) <= _MOST_ALIKE else []


def look_up_total(query: Query, grids: Sequence[Grid], embedder: Embedder) -> Worked | None:
    """As ``look_up``, but only where a row that is a total answers: "how much was sold in total?"."""
    if _TOTAL.search(query.text) is None:
        return None
    found = _best(query, grids, embedder)
    totals = [each for each in found if is_total(each.grid, each.line)]
    return Worked((_statement(totals[0]),), totals[0].covered) if totals else None


def _best(query: Query, grids: Sequence[Grid], embedder: Embedder) -> list[Found]:
    """The cell that accounts best for the question, and those of the same column and table that do so as well: "in
    July" means the July of each year."""
    candidates = [found for grid in grids for found in _in_grid(query, grid, embedder)]
    best = max(candidates, key=lambda found: found.rank, default=None)
    return [found for found in candidates if best is not None and _is_alike(found, best)]


def _is_alike(found: Found, best: Found) -> bool:
    return found.grid is best.grid and found.column == best.column and found.rank == best.rank


def _in_grid(query: Query, grid: Grid, embedder: Embedder) -> Iterator[Found]:
    about = shared(query, around(grid))
    for meant in meant_lines(query, grid)[:6]:
        if meant.strength < _STRENGTH or meant.said <= grid.names:  # whose report it is tells no row
            continue
        named, column = _column(query, grid, meant, embedder)
        if named and column is None:  # the row has nothing there
            continue
        if column is None and query.kind == "person" and not columns_of_people(grid):
            continue
        if column is None and (how := _HOW.match(query.text)) is not None and not measures(how[0], grid):
            continue
        if column is None and not (_is_shown_whole(grid, meant) and max(meant.line.cells) >= grid.name_columns):
            continue
        shown = grid.columns if column is None else [grid.column_name(column)]
        of_column = frozenset[str]().union(*(said_in_column(query, name) for name in shown))
        if meant.by_name and query.kind == "person":
            of_column |= said_in_column(query, grid.column_name(0))  # "the blue group" is the row "Blue" of "Group"
        if column is not None and column == product_column(grid):
            of_column |= frozenset(stems(" ".join(_COSTS.findall(query.text))))
        is_period = any(map(str.isdigit, " ".join(shown)))
        if column is not None and not is_period and is_narrowed(query, grid, meant.line, of_column):
            continue
        if asks_for_another_measure(query, grid, meant.line, meant.said):
            continue
        if (
            column is not None
            and _COUNTS.match(query.text)
            and is_money(grid, column)
            and not _CURRENCY.search(query.text)
        ):
            continue
        said = meant.said | about | of_column
        if is_period and _is_shown_whole(grid, meant) and query.names & grid.fiscal_years - said:
            column = None  # the table calls the period otherwise: all of them are given
            said |= said_by_all_periods(query, grid.fiscal_years)
        missing = query.names - said
        if missing and _only_years(missing) and _stands_in(missing, grid) and _is_shown_whole(grid, meant):
            column = None  # ... or the passage does
        elif missing:
            continue
        if column is None and _is_paid_where_counted(query, grid, meant.line):
            continue
        covered = share(query, said if meant.by_name else said | shared(query, in_front(grid)))
        if covered >= (_COVERED if column is not None and meant.by_name else _COVERED_WHOLE):
            yield Found(grid, meant.line, column, share(query, meant.said), covered, meant.said)


def _is_paid_where_counted(query: Query, grid: Grid, line: Line) -> bool:
    """Whether a question asks for how many there are of a thing, and the row says how much money it brought."""
    if not _COUNTS.match(query.text) or _CURRENCY.search(query.text):
        return False
    return any(is_money(grid, column) for column in line.cells if column in grid.value_columns)


def _column(query: Query, grid: Grid, meant: Meant, embedder: Embedder) -> tuple[bool, int | None]:
    """Whether the question names a column, and the one that is asked for and may hold the answer; None where none or
    several are."""
    cells = meant.line.cells
    others = [
        column
        for column in range(1, len(grid.columns))
        if column not in cells or not _repeats(query, meant, cells[column])
    ]
    asked = _of_kind(query, grid, asked_columns(query, grid, meant.said, others))
    if asked:
        column = asked[0]
        alone = len(asked) == 1 or _alike(grid, asked)
        there = column in cells and _fits(query, cells[column]) and not _is_of_another(query, grid, meant, column)
        return alone and not there, column if alone and there else None
    fitting = [column for column in others if column in cells and _fits(query, cells[column])]
    if _WHO_HAS.match(query.text):
        holders = [column for column in fitting if _HAS_IT.search(grid.column_name(column))]
        if len(holders) == 1:  # whoever owns it
            return False, holders[0]
    if query.kind == "person" and (people := columns_of_people(grid)):
        fitting = [column for column in fitting if column in people]
        if len(fitting) == 1:
            return False, fitting[0]
    if _COSTS.search(query.text) and not _EACH.search(query.text) and (product := product_column(grid)) in fitting:
        if not _asks_for_one(query, meant.line):
            return False, product  # what two of them cost, not one
        single = [column for column in fitting if _EACH.search(grid.column_name(column))]
        return False, single[0] if len(single) == 1 else None
    if len(fitting) == 1 and len(others) == 1:
        return False, fitting[0]
    if not meant.by_name or not fitting:
        return False, None
    rest = " ".join(query.text[start:end] for word, start, end in words(query.text) if stem(word) not in meant.said)
    return False, likest_column(rest, grid, fitting, embedder)


def _asks_for_one(query: Query, line: Line) -> bool:
    """Whether "a" or "one" stands in front of the name of a row, or of its last word."""
    name = " ".join(re.escape(word) for word in line.name.split())
    one = rf"\b(?:an?|one) (?:{name}|{name.rpartition(' ')[2]})\b"
    return bool(name) and re.search(one, query.text, re.IGNORECASE) is not None


def _repeats(query: Query, meant: Meant, cell: Cell) -> bool:
    """Whether a cell only says what the question or the row's name says itself."""
    said = frozenset(stems(cell.text))
    own = len(said & frozenset(stems(meant.line.name))) * 2 > len(said)
    return cell.value is None and (own or bool(shared(query, said)))


def _fits(query: Query, cell: Cell) -> bool:
    """Whether a cell is of the kind that is asked for, as far as that can be told."""
    if query.kind == "number":
        return any(map(str.isdigit, cell.text)) or type_evidence(query, cell.text) > 0
    if query.kind == "date":
        return is_date(cell.text)
    return query.kind != "person" or any(map(str.isalpha, cell.text))


def _of_kind(query: Query, grid: Grid, columns: Sequence[int]) -> list[int]:
    """Of several columns that the question names those that hold what it asks for, people or days: "Borrower" and not
    "Borrowed on" says who borrowed something. All of them where that tells nothing."""
    if len(columns) < 2 or query.kind not in ("person", "date"):
        return list(columns)
    wants_date = query.kind == "date"
    texts = {column: [line.cells[column].text for line in grid.lines if column in line.cells] for column in columns}
    kept = [
        column for column in columns if texts[column] and all(_may_tell(text, wants_date) for text in texts[column])
    ]
    return kept or list(columns)


def _may_tell(text: str, wants_date: bool) -> bool:
    return is_date(text) if wants_date else not any(map(str.isdigit, text))


def _is_of_another(query: Query, grid: Grid, meant: Meant, column: int) -> bool:
    cells = {0: meant.line.name} | {other: cell.text for other, cell in meant.line.cells.items()}
    return is_of_another_person(grid.columns, column, cells, frozenset(stems(query.text)))


def _alike(grid: Grid, columns: Sequence[int]) -> bool:
    """Whether columns are periods of different lengths, of which reports give the shortest first."""
    return all(_YEAR.search(grid.column_name(column)) for column in columns)


def _is_shown_whole(grid: Grid, meant: Meant) -> bool:
    return meant.by_name and meant.strength == 1.0 and len(meant.line.cells) <= _MOST_SHOWN and bool(grid.value_columns)


def _only_years(stems_: Set[str]) -> bool:
    return all(_YEAR.fullmatch(each) for each in stems_)


def _stands_in(years: Set[str], grid: Grid) -> bool:
    """Whether years stand in the passage that the table was found by."""
    there = frozenset(stems(grid.found_in))
    return all(match(year, there, prefixes_of(there)) > 0 for year in years)


def _statement(found: Found) -> Statement:
    grid, line = found.grid, found.line
    source = row_source(grid, line)
    if found.column is not None:
        told = told_by(grid, line, found.said, found.column)
        text = f"{told}{grid.said(line, found.column)}."
        return Statement(text, (source,), cell_source(grid, line.cells[found.column]))
    cells = "; ".join(
        f"{grid.column_name(column)}: {grid.written(cell.value) if cell.value else cell.text}"
        for column, cell in line.cells.items()
        if column >= grid.name_columns
    )
    return Statement(f"{grid.called(line)}: {cells}.", (source,))
