"""Tables and layouts of large documents come in pieces and are what the library holds."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.api.http import create_api
from app.api.long_json import LongJSON
from app.api.shapes.library import DocumentLayout, TableList
from app.assistant import Assistant
from app.settings.schema import ModelSettings, Settings
from tests.app.fakes import LightParts


@pytest.fixture
def parts(tmp_path: Path) -> LightParts:
    return LightParts(Settings(data_dir=tmp_path / "data", model=ModelSettings(name=None)))


@pytest.fixture
def client(parts: LightParts, tmp_path: Path) -> Iterator[TestClient]:
    folder = tmp_path / "documents"
    folder.mkdir()
    rows = "\n".join(f"Ship {number},{number % 97},Æbeltoft" for number in range(2_000))
    (folder / "ships.csv").write_text(f"name,masts,harbour\n{rows}\n", encoding="utf-8")
    lines = "\n\n".join(f"# Day {number}\n\n* calm “sea”\n* fog" for number in range(3_000))
    (folder / "log.md").write_text(lines, encoding="utf-8")
    with Assistant(parts.settings, parts) as assistant:
        assistant.sync([str(folder)])
        yield TestClient(create_api(assistant))


def _id(client: TestClient, name: str) -> int:
    documents = client.get("/api/documents").json()["documents"]
    return next(int(one["id"]) for one in documents if Path(one["path"]).name == name)


def test_all_tables_are_those_of_the_library(client: TestClient, parts: LightParts) -> None:
    document = _id(client, "ships.csv")
    held = parts.library.tables(document, 0, sys.maxsize)
    assert len(held) > 16, "more than are read at a time"
    assert tuple(parts.library.all_tables(document)) == held
    reply = client.get(f"/api/documents/{document}/tables")
    shown = TableList.model_validate(reply.json()).tables
    assert [(table.start, table.end, tuple(table.columns)) for table in shown] == [
        (table.start, table.end, table.columns) for table in held
    ]
    cells = [(cell.start, cell.end, cell.column) for table in shown for row in table.rows for cell in row.cells]
    assert cells == [(cell.start, cell.end, cell.column) for table in held for row in table.rows for cell in row.cells]


def test_tables_of_a_stretch_and_where_all_rows_stand(client: TestClient, parts: LightParts) -> None:
    document = _id(client, "ships.csv")
    held = parts.library.tables(document, 0, sys.maxsize)
    rows = [row for table in held for row in table.rows]
    outline = TableList.model_validate(client.get(f"/api/documents/{document}/tables?cells=false").json()).tables
    assert [(row.start, row.end, row.header) for table in outline for row in table.rows] == [
        (row.start, row.end, row.is_header) for row in rows
    ]
    assert not any(row.cells for table in outline for row in table.rows) and not any(one.columns for one in outline)
    first, last = rows[700], rows[760]
    address = f"/api/documents/{document}/tables?start={first.start}&end={last.end}"
    found = TableList.model_validate(client.get(address).json()).tables
    assert [[cell.start for cell in row.cells] for table in found for row in table.rows] == [
        [cell.start for cell in row.cells] for row in rows[700:761]
    ]
    assert {table.start for table in found} <= {table.start for table in outline}
    assert client.get(f"/api/documents/{document}/tables?start={2**53}").json() == {"tables": []}
    assert client.get(f"/api/documents/{document}/tables?end={2**63}").status_code == 422


def test_a_layout_is_that_of_the_library(client: TestClient, parts: LightParts) -> None:
    document = _id(client, "log.md")
    shown = DocumentLayout.model_validate(client.get(f"/api/documents/{document}/layout").json())
    held = parts.library.blocks(document)
    assert len(held) >= 9_000
    assert [(one.start, one.end, one.kind, one.level, one.label) for one in shown.blocks] == [
        (one.start, one.end, one.kind, one.level, one.label) for one in held
    ]
    assert [(one.start, one.page) for one in shown.places] == [
        (start, at.page) for start, at in parts.library.places(document)
    ]


def test_an_unknown_document_has_no_tables(client: TestClient) -> None:
    for path in ("tables", "layout"):
        assert client.get(f"/api/documents/999/{path}").status_code == 404


def test_empty_lists_are_lists() -> None:
    app = LongJSON({"tables": [], "places": iter(())})
    assert TestClient(app).get("/").content == b'{"tables": [], "places": []}'
