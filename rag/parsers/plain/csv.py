"""Parses tables in text form (CSV, TSV and their kin): a line a row, with the column names repeated in it.

"City: Paris | Country: France" stands by itself when it is found, which "Paris,France" does not.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Literal

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder, one_line
from rag.parsers.encodings.decode import decode
from rag.parsers.tables.table import MAX_COLUMNS, Grid, Table
from rag.types import ParsedDocument

_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_CHARS = 65_536
_SAMPLE_ROWS = 100
_BATCH_ROWS = 1_000
_MOST_CHARS = 32_000_000
"""Where a text would grow beyond this, the names stand above the rows (and in front of each chunk) instead."""
_MAX_FIELD_CHARS = 50_000_000


def parse(path: Path) -> ParsedDocument:
    decoded = decode(path.read_bytes())
    is_tab = path.suffix.lower() in (".tsv", ".tab")
    builder = DocumentBuilder(title=path.stem, media_type="text/tab-separated-values" if is_tab else "text/csv")
    builder.metadata["encoding"] = decoded.encoding
    if decoded.warning:
        builder.warn(decoded.warning)
    delimiter = "\t" if is_tab else _delimiter(decoded.text)
    # Excel's own line: "sep=;"
    text = re.sub(r"\Asep=.\r?\n", "", decoded.text)
    try:
        _add_rows(builder, _rows(text, delimiter, quotes=_quotes_are_closed(text, delimiter)), len(text))
    except csv.Error as error:
        raise ReadError(f"The table could not be read: {error}.") from error
    return builder.build()


def _rows(text: str, delimiter: str, *, quotes: bool = True) -> Iterator[list[str]]:
    previous = csv.field_size_limit(_MAX_FIELD_CHARS)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    lines = io.StringIO(text, newline="")
    try:
        yield from csv.reader(lines, delimiter=delimiter, skipinitialspace=True, quoting=quoting)
    finally:
        csv.field_size_limit(previous)


def _quotes_are_closed(text: str, delimiter: str) -> bool:
    """Tells whether a quotation mark opens a cell that never ends and would swallow the rest of the table."""
    previous = csv.field_size_limit(_MAX_FIELD_CHARS)
    try:
        for _ in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True):
            pass
    except csv.Error as error:
        return "end of data" not in str(error)
    finally:
        csv.field_size_limit(previous)
    return True


def _delimiter(text: str) -> str:
    """Returns the delimiter that cuts most rows into the same number of cells, more than one."""
    named = re.match(r"sep=(.)\r?\n", text)
    if named:
        return named[1]
    sample = text[:_SAMPLE_CHARS]
    best, best_score = ",", 0.0
    for delimiter in _DELIMITERS:
        try:
            widths = Counter(
                len(row) for row, _ in zip(_rows(sample, delimiter), range(_SAMPLE_ROWS), strict=False) if row
            )
        except csv.Error:
            continue
        width, count = max(widths.items(), key=lambda item: item[1] * (item[0] > 1), default=(1, 0))
        score = count / sum(widths.values()) if width > 1 else 0.0
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _add_rows(builder: DocumentBuilder, rows: Iterator[list[str]], length: int) -> None:
    """Adds the rows of a file of ``length`` characters."""
    cleaned = ([one_line(cell) for cell in row[:MAX_COLUMNS]] for row in rows)
    sample = list(islice(cleaned, _SAMPLE_ROWS))
    grid = Grid.of(Table.of_rows(sample, records=True))
    if length * _growth(grid, sample) > _MOST_CHARS:
        grid = replace(grid, records=False)
    builder.grid(grid)
    while batch := list(islice(cleaned, _BATCH_ROWS)):
        builder.grid(grid.more(batch), goes_on=True)


def _growth(grid: Grid, sample: list[list[str]]) -> float:
    """How many times its length a table becomes when each row repeats the names of its columns."""
    values = sum(len(cell) + 1 for row in sample for cell in row)
    names = sum(len(name) for row in sample for name, cell in zip(grid.columns, row, strict=False) if cell)
    return 1 + names / max(values, 1)
