"""Tables whose first column only numbers the rows: 1, 2, 3, a place in a race, the number of an article.

People call such a row by what stands behind the number ("what was Marek Dudek's time?"), so that column becomes the
first one. Rows that are called by their number are still found by it, as by any other cell.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.answer.expected import is_date
from rag.answer.operators.tables.values import read_value
from rag.answer.rows import NamedCell, Row

_NUMBER = re.compile(r"#?\d{1,6}\.?")
_CODE = re.compile(r"(?=\S*\d)[\w./-]{2,14}")
_ORDINAL = re.compile(r"\b(?:no|nr|number|id|ref|sku|article|item)\b", re.IGNORECASE)  # the name of such a column
_LONGEST_NAME = 6  # words
_LEAST_ROWS = 2


def named_by_text(columns: Sequence[str], rows: Sequence[Row]) -> tuple[tuple[str, ...], list[Row]]:
    """The columns and rows with the column that tells the rows apart in front; as they are in other tables."""
    column = _telling_column(columns, [row for row in rows if not row.is_header])
    if column is None:
        return tuple(columns), list(rows)
    order = [column, *(other for other in range(len(columns)) if other != column)]
    return tuple(columns[at] for at in order), [_reordered(row, order) for row in rows]


def _telling_column(columns: Sequence[str], rows: Sequence[Row]) -> int | None:
    """The first column of short texts that differ in every row, where the first column numbers the rows."""
    cells = [{cell.column: cell for cell in row.cells} for row in rows]
    if len(rows) < _LEAST_ROWS or not all(_is_number(columns, row) for row in cells):
        return None
    for column in range(1, len(columns)):
        texts = [row[column].text for row in cells if column in row]
        differ = len(texts) == len(rows) == len({text.casefold() for text in texts})
        if differ and all(map(_is_name, texts)) and sum(map(is_date, texts)) * 2 < len(texts):  # "Ruby Tuesday"
            return column
    return None


def _is_number(columns: Sequence[str], row: dict[int, NamedCell]) -> bool:
    names = [cell for cell in row.values() if cell.is_name]
    is_called_so = _ORDINAL.search(columns[0]) is not None  # of several columns of names the first is none then
    if not names or (len(names) > 1 and not is_called_so) or names[0].column != 0 or len(row) < _LEAST_ROWS:
        return False
    if _NUMBER.fullmatch(names[0].text):
        return True
    return is_called_so and _CODE.fullmatch(names[0].text) is not None


def _is_name(text: str) -> bool:
    if "@" in text or read_value(text) is not None:
        return False
    return any(map(str.isalpha, text)) and len(text.split()) <= _LONGEST_NAME


def _reordered(row: Row, order: Sequence[int]) -> Row:
    place = {column: at for at, column in enumerate(order)}
    cells = [
        replace(cell, column=place[cell.column], is_name=place[cell.column] == 0)
        for cell in row.cells
        if cell.column in place
    ]
    return replace(row, cells=tuple(sorted(cells, key=lambda cell: cell.column)))
