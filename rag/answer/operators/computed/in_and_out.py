"""Cash books with a column for what comes in and one for what goes out: "In" and "Out", "Income" and "Expenses"."""

import re
from collections.abc import Sequence

from rag.answer.operators.tables.grid import Grid, Line, meaning
from rag.answer.operators.tables.matching import around, share, shared
from rag.answer.operators.tables.values import Value, difference, total
from rag.answer.operators.worked import Statement, Worked, row_source
from rag.text.words import content_stems, match, prefixes_of, stems
from rag.types import Query

_IN = re.compile(
    r"(?:money |paid )?in|income|receipts?|received|takings|credit|einnahmen?|eingang|haben|recettes?|"
    r"ingresos?|entrate",
    re.IGNORECASE,
)
_OUT = re.compile(
    r"(?:money |paid )?out|expenses?|expenditures?|payments?|spent|spending|debit|ausgaben?|ausgang|soll|"
    r"dépenses?|gastos?|uscite",
    re.IGNORECASE,
)
_UNIT = re.compile(r"\s*(?:\(.*\)|in [^\W\d_]+|[$€£¥₹])\s*$")
_GAIN = re.compile(
    r"\b(?:(?:make|made|making|bring|brought|turn|turned) (?:a |any )?(?:profit|surplus|loss|money)|profitable|"
    r"(?:profit|surplus|net result) (?:of|from|on))\b",
    re.IGNORECASE,
)
_BY_FORM = frozenset(
    stems(
        "make made making bring brought turn turned profit surplus loss money profitable net result how much big large"
    )
)
_LOSS = re.compile(r"\bloss\b", re.IGNORECASE)
_MOST = 20  # entries of one occasion


def columns_in_and_out(grid: Grid) -> tuple[int, int] | None:
    """The column of what comes in and that of what goes out; None for a table that has not one of each."""
    columns = grid.value_columns
    comes_in, goes_out = (
        [column for column in columns if pattern.fullmatch(_UNIT.sub("", grid.column_name(column)).strip())]
        for pattern in (_IN, _OUT)
    )
    return (comes_in[0], goes_out[0]) if len(comes_in) == len(goes_out) == 1 else None


def find_result(query: Query, grids: Sequence[Grid]) -> Worked | None:
    """Whether an occasion of a cash book brought a profit, and how much: what came in less what went out for it; None
    for other questions, and where not both are there."""
    if _GAIN.search(query.text) is None:
        return None
    found = [worked for grid in grids if (worked := _in_grid(query, grid)) is not None]
    return found[0] if len(found) == 1 else None


def _in_grid(query: Query, grid: Grid) -> Worked | None:
    columns = columns_in_and_out(grid)
    if columns is None or not grid.is_whole:
        return None
    above = shared(query, around(grid)) | (_BY_FORM & query.rarity.keys())
    occasion = frozenset(content_stems(query.text)) - above
    lines = [line for line in grid.lines if occasion and _says_all(grid, line, occasion)]
    came, went = ([line for line in lines if _value(line, column)] for column in columns)
    if not came or not went or len(lines) > _MOST:
        return None
    sums = [total([value for line in lines if (value := _value(line, column))]) for column in columns]
    result = difference(sums[0], sums[1])
    says = "Yes" if (result.number < 0 if _LOSS.search(query.text) else result.number > 0) else "No"
    parts = " − ".join(
        f"{grid.column_name(column)} {grid.written(value)}" for column, value in zip(columns, sums, strict=True)
    )
    text = f"{says}: {grid.written(result)} ({parts})."
    return Worked((Statement(text, tuple(row_source(grid, line) for line in lines)),), share(query, occasion | above))


def _says_all(grid: Grid, line: Line, occasion: frozenset[str]) -> bool:
    there = frozenset(term for column in range(len(grid.columns)) for term in meaning(grid.text(line, column)))
    return all(match(term, there, prefixes_of(there)) > 0 for term in occasion)


def _value(line: Line, column: int) -> Value | None:
    return line.cells[column].value if column in line.cells else None
