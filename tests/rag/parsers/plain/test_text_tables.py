"""Tables in plain text: bars, tabs, semicolons and columns below each other; prose and lists are none."""

from pathlib import Path

import pytest

from rag.parsers.registry import parse
from rag.text.table_spans import TableSpans


def table_of(folder: Path, text: str) -> TableSpans | None:
    path = folder / "a.txt"
    path.write_text(text, encoding="utf-8")
    document = parse(path)
    assert document.text == text
    return next((block.table for block in document.blocks if block.table), None)


@pytest.mark.parametrize(
    "lines",
    [
        ["| Port | 2030 | 2031 |", "|------|------|------|", "| Oslo |      | 84 |", "| Vardø | 12 | 91 |"],
        [
            "+------+----+",
            "| Port | 2030 | 2031 |",
            "+====+",
            "| Oslo | | 84 |",
            "+---+",
            "| Vardø | 12 | 91 |",
            "+--+",
        ],
        ["│ Port │ 2030 │ 2031 │", "├──────┼──────┼──────┤", "│ Oslo │      │ 84   │", "│ Vardø │ 12  │ 91   │"],
        ["Port\t2030\t2031", "Oslo\t\t84", "Vardø\t12\t91"],
        ["Port;2030;2031", "Oslo;;84", "Vardø;12;91"],
        ["Port      2030   2031", "-----     ----   ----", "Oslo              84", "Vardø       12    91"],
        ["===== ==== ====", "Port  2030 2031", "===== ==== ====", "Oslo       84", "Vardø 12   91", "===== ==== ===="],
        ["Table 3: ships", "Port      2030   2031", "Oslo              84", "Vardø       12    91"],
        ["Table 3: ships", "| Port | 2030 | 2031 |", "| Oslo |      | 84 |", "| Vardø | 12 | 91 |", "See below."],
    ],
)
def test_cells_stand_in_their_columns(tmp_path: Path, lines: list[str]) -> None:
    text = "Ships\n\n" + "\n".join(lines) + "\n\nAfter it.\n"
    table = table_of(tmp_path, text)
    assert table is not None and table.columns == ("Port", "2030", "2031")
    body = [row for row in table.rows if not row.is_header]
    cells = [[(cell.column, text[cell.start : cell.end]) for cell in row.cells] for row in body]
    assert cells == [[(0, "Oslo"), (2, "84")], [(0, "Vardø"), (1, "12"), (2, "91")]]


@pytest.mark.parametrize(
    "text",
    [
        "The keeper rose at four.  He lit the lamp.\nThen he slept.  It rained.\nNobody came by that day.\n",
        "- one thing\n- another thing\n- a third\n",
        "Roses are red,\n    violets are blue,\nsugar is sweet,\n    and so are you.\n",
        "if a | b:\n    return\nelse:\n    raise\n",
    ],
)
def test_prose_and_lists_are_no_tables(tmp_path: Path, text: str) -> None:
    assert table_of(tmp_path, text) is None
