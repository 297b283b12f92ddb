"""Counts the cells of tables, read by hand, that the PDF parser puts under the right names of row and column.

    python -m benchmarks.reading.table_cells [--folder FOLDER] [--show]

FOLDER holds the quarterly reports that ``benchmarks/data/financial_tables.txt`` names. A cell is right where the parsed
table has its value (or nothing, for a blank cell) in a row of the same name, under the same heading within the table
where one is given, and in a column of the same name with all its levels. Of rows with one name the first not yet taken
counts. Signs of currency and units in brackets ("(In millions)") are not compared, nor are case, commas and spaces.
"""

import argparse
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rag.parsers.registry import parse
from rag.text.table_spans import TableRow, TableSpans
from rag.types import ParsedDocument

_TABLES = Path(__file__).parents[1] / "data" / "financial_tables.txt"
_FOLDER = Path("../shared/data/qa/sec-10-q/sec-10-q/data/v1/docs")
_UNITS = re.compile(r"\(in (?:millions|billions|thousands)[^)]*\)", re.IGNORECASE)
_NOT_COMPARED = re.compile(r"[\s,:.$'’\-\u2010]+")


@dataclass(frozen=True)
class HandRow:
    """A row as a person reads it."""

    section: str
    name: str
    values: tuple[str, ...]


@dataclass
class HandTable:
    """A table as a person reads it."""

    file: str
    page: int
    columns: tuple[str, ...] = ()
    rows: list[HandRow] = field(default_factory=list)

    @property
    def title(self) -> str:
        return f"{self.file}, page {self.page}"


@dataclass(frozen=True)
class ParsedRow:
    """A row as the parser gives it: its values by the names of their columns."""

    section: str
    name: str
    values: dict[str, str]


def hand_tables(path: Path) -> list[HandTable]:
    tables: list[HandTable] = []
    section = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("= "):
            file, _, page = line[2:].rpartition(",")
            tables.append(HandTable(file, int(page)))
            section = ""
        elif line.startswith("columns:"):
            tables[-1].columns = tuple(name.strip() for name in line.removeprefix("columns:").split("|"))
        elif line.startswith("["):
            section = line[1:-1]
        elif line and not line.startswith("#"):
            name, *values = (cell.strip() for cell in line.split("|"))
            assert len(values) == len(tables[-1].columns), line
            tables[-1].rows.append(HandRow(section, name, tuple(values)))
    return tables


def parsed_rows(document: ParsedDocument, page: int) -> Iterator[ParsedRow]:
    """The rows below the headers of a page's tables."""
    for block in document.blocks:
        if block.table is not None and block.page == page:
            for row in block.table.rows:
                if not row.is_header:
                    yield _parsed(document.text, block.table, row)


def _parsed(text: str, table: TableSpans, row: TableRow) -> ParsedRow:
    name = ""
    values: dict[str, str] = {}
    for cell in row.cells:
        if cell.column == 0:
            name = text[cell.start : cell.end]
        else:
            values[_folded(_UNITS.sub("", table.name_of(cell.column)))] = text[cell.start : cell.end]
    return ParsedRow(_folded(row.section), _folded(name), values)


def _folded(text: str) -> str:
    return _NOT_COMPARED.sub("", unicodedata.normalize("NFKC", text)).casefold()


def _value(text: str) -> str:
    return re.sub(r"[\s$]+", "", text)


def wrong_cells(table: HandTable, rows: Sequence[ParsedRow]) -> list[str]:
    """Says for each wrong cell what was found in its place."""
    left = list(rows)
    wrong: list[str] = []
    for row in table.rows:
        alike = [
            other for other in left if other.name == _folded(row.name) and other.section.endswith(_folded(row.section))
        ]
        found = next((other for other in alike if _agrees(table, row, other) == len(row.values)), None)
        found = found or max(alike, key=lambda other: _agrees(table, row, other), default=None)
        if found is None:
            wrong += [f"{row.section} / {row.name}: no such row"] * len(row.values)
            continue
        left.remove(found)
        for column, value in zip(table.columns, row.values, strict=True):
            other = found.values.get(_folded(column), "")
            if _value(other) != _value(value):
                wrong.append(f"{row.section} / {row.name} / {column}: {value!r}, found {other!r}")
    return wrong


def _agrees(table: HandTable, row: HandRow, found: ParsedRow) -> int:
    pairs = zip(table.columns, row.values, strict=True)
    return sum(_value(found.values.get(_folded(column), "")) == _value(value) for column, value in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=_FOLDER)
    parser.add_argument("--show", action="store_true", help="list what is wrong")
    arguments = parser.parse_args()
    documents: dict[str, ParsedDocument] = {}
    all_cells = all_wrong = 0
    print("| table | cells | right |\n|---|---|---|")
    for table in hand_tables(_TABLES):
        if table.file not in documents:
            documents[table.file] = parse(arguments.folder / table.file)
        wrong = wrong_cells(table, list(parsed_rows(documents[table.file], table.page)))
        cells = sum(len(row.values) for row in table.rows)
        print(f"| {table.title} | {cells} | {1 - len(wrong) / cells:.1%} |")
        if arguments.show:
            print(*(f"    {line}" for line in wrong), sep="\n")
        all_cells, all_wrong = all_cells + cells, all_wrong + len(wrong)
    print(f"| all | {all_cells:,} | {1 - all_wrong / all_cells:.1%} |")


if __name__ == "__main__":
    main()
