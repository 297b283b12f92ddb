"""Records of a JSON file become rows, lists of plain values in them cells."""

import json
from pathlib import Path

from rag.parsers.registry import parse


def test_lists_in_records_are_cells_and_numbers_stay_as_written(tmp_path: Path) -> None:
    path = tmp_path / "orders.json"
    path.write_text(
        '[{"order": 7, "parts": ["belt", "screw"], "total": 31.50}, {"order": 8, "parts": [], "total": 4.00}]', "utf-8"
    )
    document = parse(path)
    assert document.text.splitlines()[1:] == [
        "order: 7 | parts: belt, screw | total: 31.50",
        "order: 8 | total: 4.00",
    ]


def test_records_in_records_keep_the_layout_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    path.write_text(json.dumps([{"a": 1, "b": {"c": 2}}, {"a": 2, "b": {"c": 3}}], indent=1), "utf-8")
    assert not any(block.table for block in parse(path).blocks)
