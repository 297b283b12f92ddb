"""Finds the row with the most or the least of something: "Which e-bike is the lightest?", "who joined most recently?".

The column is the one that the superlative and what follows it name or, by the embedder, mean. Sums are no rows of their
own. A year since when something is so counts backwards: who is there longest came first.
"""

import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from rag.answer.asked.superlatives import asks_for_extreme, left_out, superlative_in
from rag.answer.operators.tables.choosing import is_total
from rag.answer.operators.tables.degrees import measured_by
from rag.answer.operators.tables.grid import Grid, Line
from rag.answer.operators.tables.matching import (
    asked_columns,
    in_front,
    likest_column,
    meant_lines,
    said_in_column,
    share,
    shared,
)
from rag.answer.operators.tables.periods import said_by_all_periods
from rag.answer.operators.tables.regions import asks_for_region, names_regions
from rag.answer.operators.worked import Statement, Worked, cell_source, row_source
from rag.protocols import Embedder
from rag.text.stop_words import ENGLISH
from rag.text.words import match, prefixes_of, stem, stems, words
from rag.types import Query

_COVERED = 0.45  # share of the question that table, column and rows must account for
_FEW = re.compile(
    r"\b(?:least|fewest|lowest|smallest|shortest|cheapest|lightest|earliest|oldest|slowest|nearest|closest|coldest|"
    r"quietest|weakest|worst|thinnest|narrowest|poorest|lowermost)\b"
    r"|\b(?:wenigst|billigst|günstigst|kürzest|niedrigst|kleinst|leichtest|ältest|frühest|langsamst|kältest)e[nrsm]?\b",
    re.IGNORECASE,
)
_MEASURED = 0.3  # what it counts that a column's name says what the superlative measures
_NOTE = re.compile(r"\(.*?\)")  # "Operating income (loss)"
_BY_TIME = re.compile(r"\b(?:fastest|quickest|slowest|schnellste[nrsm]?|langsamste[nrsm]?)\b", re.IGNORECASE)
_TIMES = frozenset(stems("time times duration minutes hours seconds finish zeit dauer minuten"))
_YEAR = re.compile(r"(?:19|20)\d\d")
_SUMS = re.compile(r"(?:grand |sub)?totals?\b|consolidated\b|all\b", re.IGNORECASE)
_CHANGE = re.compile(r"\b(?:change[ds]?|increase|decrease)\b|%", re.IGNORECASE)  # from one period to another
_LEAST_PART = 4  # letters of a word that a compound ends with
_LEAST_NAME = 0.6  # of a column's name that the question must say
_YEARS = (Decimal(1500), Decimal(2200))
_BACKWARDS = re.compile(r"\b(?:longest|oldest|längste[nrsm]?|älteste[nrsm]?)\b", re.IGNORECASE)
_FORWARDS = re.compile(
    r"\b(?:newest|latest|youngest|most recent(?:ly)?|recent|(?:neu|jüng|spät)e?ste[nrsm]?)\b", re.IGNORECASE
)


def find_extreme(query: Query, grids: Sequence[Grid], embedder: Embedder) -> Worked | None:
    """The row, or the column of a row, that has the most or least; None for other questions."""
    superlative = superlative_in(query.text)
    if superlative is None or not asks_for_extreme(query.text):
        return None
    found = [worked for grid in grids for worked in _in_grid(query, superlative, grid, embedder)]
    best = max(found, key=lambda worked: worked.strength, default=None)
    return best if best is not None and best.strength >= _COVERED else None


def _in_grid(query: Query, superlative: re.Match[str], grid: Grid, embedder: Embedder) -> list[Worked]:
    about = shared(query, in_front(grid))
    if all(any(map(str.isdigit, grid.column_name(column))) for column in grid.value_columns):
        about |= said_by_all_periods(query, grid.fiscal_years)
    named = query.names if query.is_english else frozenset(name for name in query.names if name[:1].isdigit())
    if named - about - frozenset(stems(superlative[0])) - shared(query, frozenset(stems(grid.found_in))):
        return []
    across = _across(query, superlative, grid, about)
    if across is not None:
        return [across]
    if not _is_about(query, grid):
        return []
    columns = grid.value_columns
    if not columns or len(grid.lines) < 2:
        return []
    column = _column(query, superlative, grid, columns, embedder)
    if column is None:
        return []
    lines = _in_asked_year(query, grid, _without_left_out(query, _lines(query, grid)))
    amounts = _amounts(lines, column)
    if len(amounts) < 2:
        return []
    values = list(amounts.values())
    best = _best(superlative[0] + query.text[superlative.end() :], values)
    if _BY_TIME.search(superlative[0]) and frozenset(stems(grid.column_name(column))) & _TIMES:
        best = min(values) if best == max(values) else max(values)  # the fastest takes the least of it
    of_column = said_in_column(query, grid.column_name(column))
    said = frozenset(about | of_column | _of(_phrase(query, superlative)))
    if len({line.name for line in lines}) == 1:  # the same row of several groups
        said |= shared(query, frozenset(stems(lines[0].name)))
    kinds = shared(query, frozenset(stems(grid.column_name(0))))
    if share(query, said) < _COVERED or not _measures(query, superlative, said, lines):
        return []
    strength = share(query, said) + (0.2 if kinds else 0.0) - 0.02 * grid.passage.number
    if measured_by(_phrase(query, superlative), grid, [column]) is not None:
        strength += _MEASURED
    chosen = [line for line, amount in amounts.items() if amount == best]
    text = "; ".join(grid.said(line, column) for line in chosen)
    text = f"{text} ({superlative[0].lower()} of {len(amounts)})."
    sources = tuple(row_source(grid, line) for line in chosen)
    return [Worked((Statement(text, sources, cell_source(grid, chosen[0].cells[column])),), strength)]


def _in_asked_year(query: Query, grid: Grid, lines: Sequence[Line]) -> list[Line]:
    """The rows with the year that the question names in a cell of their own, where some have it: "in 2031" leaves out
    those of 2032."""
    years = [name for name in query.names if _YEAR.fullmatch(name) and name not in " ".join(grid.columns)]
    named = [line for line in lines if any(cell.text in years for cell in line.cells.values())]
    return named or list(lines)


def _without_left_out(query: Query, lines: Sequence[Line]) -> list[Line]:
    """The rows without the one that the question leaves out; none where no single row is called so."""
    name = left_out(query.text)
    if name is None:
        return list(lines)
    wanted = frozenset(stems(name)) & query.rarity.keys()
    named = [line for line in lines if wanted <= frozenset(stems(line.name))]
    return [line for line in lines if line is not named[0]] if wanted and len(named) == 1 else []


def _amounts(lines: Sequence[Line], column: int) -> dict[Line, Decimal]:
    """What each row has in a column, in one unit; none where they cannot be compared: a number that cannot be read
    could be the greatest."""
    found: dict[Line, tuple[str, Decimal]] = {}
    for line in lines:
        cell = line.cells.get(column)
        if cell is not None and cell.value is not None:
            found[line] = cell.value.magnitude
        elif cell is not None and any(map(str.isdigit, cell.text)):
            return {}
    kinds = {kind for kind, _ in found.values() if kind}
    return {line: amount for line, (_, amount) in found.items()} if len(kinds) <= 1 else {}


def _is_about(query: Query, grid: Grid) -> bool:
    """Whether the table says that its rows are what the question asks for: "which membership", "which e-bike"."""
    asked = re.match(
        r"^\W*(?:and |und )?(?:in |on |for |from |to |at |by |von |bei |an |auf )?"
        r"(?:which|what|welche[mnrs]?)(?: of)? (?!is\b|was\b|are\b|were\b|the\b|ist\b|war\b)",
        query.text,
        re.I,
    )
    if asked is None:
        return True
    if asks_for_region(query.text) and names_regions([line.name for line in grid.lines if not is_total(grid, line)]):
        return True
    heads = _heads(query, asked.end())
    document = grid.passage.document
    headings = (document.title, document.path.rpartition("/")[2], grid.kind_of_rows)
    there = frozenset(stems(" ".join([*headings, *(line.group for line in grid.lines)])))
    if not heads or any(match(head, there, prefixes_of(there)) > 0 for head in heads):
        return True
    return any(len(term) >= _LEAST_PART and heads[0].endswith(term) for term in there)  # "Honigsorte" is a "Sorte"


def _heads(query: Query, start: int) -> list[str]:
    """The stems of the first word from a position on that carries meaning, and of the one right behind it: "savings
    account"."""
    found: list[str] = []
    end = start
    for word, first, last in words(query.text):
        if first < start or (not found and stem(word) not in query.rarity):
            continue
        if len(found) == 2 or stem(word) not in query.rarity or (found and query.text[end:first] != " "):
            break
        found.append(stem(word))
        end = last
    return found


def _measures(query: Query, superlative: re.Match[str], said: frozenset[str], lines: Sequence[Line]) -> bool:
    """Whether the table says what is to be compared, where the question names it: "the highest net sales"."""
    after = [stem(word) for word, start, _ in words(query.text) if start >= superlative.end()]
    wanted = [term for term in after if term in query.rarity and not any(map(str.isdigit, term))][:2]
    groups = shared(query, frozenset(stems(" ".join(line.group for line in lines))))
    return not wanted or any(term in said | groups for term in wanted)


def _of(superlative: str) -> frozenset[str]:
    return frozenset(stems(superlative))


def _column(
    query: Query, superlative: re.Match[str], grid: Grid, columns: Sequence[int], embedder: Embedder
) -> int | None:
    if len(columns) == 1:
        return columns[0]
    rows = frozenset(stems(grid.column_name(0)))
    asked = asked_columns(query, grid, rows, columns, _LEAST_NAME)
    if asked:
        return asked[0]
    phrase = _phrase(query, superlative)
    measured = measured_by(phrase, grid, columns)
    if measured is not None:
        return measured
    for text in (phrase, query.text[superlative.start() :].rstrip("?!. ")):
        column = likest_column(text, grid, columns, embedder)
        if column is not None:
            return column
    columns = [column for column in columns if _CHANGE.search(grid.column_name(column)) is None] or columns
    names = [grid.column_name(column) for column in columns]
    if all(any(character.isdigit() for character in name) for name in names):  # periods: the first is the report's own
        years = frozenset(name for name in query.names if _YEAR.fullmatch(name))
        fitting = [column for column in columns if years <= frozenset(stems(grid.column_name(column)))]
        return fitting[0] if fitting else None
    return None


def _phrase(query: Query, superlative: re.Match[str]) -> str:
    """The superlative with the adjective behind "most" or "least"."""
    found = re.compile(r"(?:most|least)\s+\w+|\w+", re.IGNORECASE).match(query.text, superlative.start())
    assert found is not None, "it begins with the superlative"
    return found[0]


def _lines(query: Query, grid: Grid) -> list[Line]:
    """The rows to compare: those of the group that the question names, where it names one; no sums."""
    named = [line for line in grid.lines if line.group and shared(query, frozenset(stems(line.group)))]
    most = max((share(query, shared(query, frozenset(stems(line.group)))) for line in named), default=0.0)
    lines = [line for line in named if share(query, shared(query, frozenset(stems(line.group)))) == most]
    return [line for line in _of_one_measure(query, lines or grid.lines) if not is_total(grid, line)]


def _of_one_measure(query: Query, lines: Sequence[Line]) -> list[Line]:
    """Of groups that have the same rows ("Net sales", "Operating income") those of the row that the question says, but
    for the group that sums the others; none where it says none of them."""
    counts = Counter(line.name for line in lines)
    if len({line.group for line in lines}) < 2 or max(counts.values(), default=0) < 2:
        return list(lines)
    said = {name for name in counts if frozenset(stems(_NOTE.sub("", name))) - ENGLISH <= query.rarity.keys()}
    return [line for line in lines if line.name in said and not _SUMS.match(line.group)]


def _best(asked: str, values: Sequence[Decimal]) -> Decimal:
    low, high = _YEARS
    few = _FEW.search(asked) is not None
    if all(low <= value <= high and value == value.to_integral_value() for value in values):
        few = _BACKWARDS.search(asked) is not None or (few and _FORWARDS.search(asked) is None)
    return min(values) if few else max(values)


def _across(query: Query, superlative: re.Match[str], grid: Grid, about: frozenset[str]) -> Worked | None:
    """The column in which a named row has the most or least: "in which month was the car most expensive?"."""
    columns = grid.value_columns
    if (
        len(columns) < 3
        or re.match(r"^\W*(?:and )?(?:in|on|when)\b|\bwhich (?:month|year|week|day|quarter)\b", query.text, re.I)
        is None
    ):
        return None
    meant = [meant for meant in meant_lines(query, grid) if meant.strength == 1.0]
    if not meant:
        return None
    line = meant[0].line
    values = {column: line.cells[column].value for column in columns if column in line.cells}
    numbers = {column: value.number for column, value in values.items() if value is not None}
    if len(numbers) < 3:
        return None
    few = _FEW.search(superlative[0]) is not None
    best = min(numbers.values()) if few else max(numbers.values())
    column = next(column for column, number in numbers.items() if number == best)
    strength = share(query, meant[0].said | about | _of(superlative[0])) + 0.5
    text = f"{grid.said(line, column)} ({superlative[0].lower()} of {len(numbers)})."
    return Worked((Statement(text, (row_source(grid, line),), cell_source(grid, line.cells[column])),), strength)
