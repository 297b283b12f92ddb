"""Requests that nobody sends by mistake, and what once was a failure of Docent's own."""

import asyncio
import logging
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.api.http import create_api
from app.assistant import Assistant
from app.settings.schema import ModelSettings, Settings
from tests.app.fakes import LightParts

NOBODY = "~nobody-of-this-name"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(data_dir=tmp_path / "data", model=ModelSettings(name=None))
    (tmp_path / "lamp.txt").write_text("The lamp was lit in 1868.")
    with Assistant(settings, LightParts(settings)) as assistant:
        assistant.sync([str(tmp_path / "lamp.txt")])
        yield TestClient(create_api(assistant))


def test_a_question_may_name_a_thousand_folders(client: TestClient, tmp_path: Path) -> None:
    for folders, found in (([str(tmp_path)], 1), ([], 0)):
        asked = [*(f"/elsewhere/{number}" for number in range(999)), *folders]
        reply = client.get("/api/search", params={"question": "lamp", "folder": asked})
        assert reply.status_code == 200, reply.text
        assert len(reply.json()["hits"]) == found
        body = {"question": "When was the lamp lit?", "folders": asked, "stream": False}
        assert client.post("/api/ask", json=body).json()["found"] is bool(found)
    many = {"question": "lamp", "folder": ["/elsewhere"] * 1001}
    assert client.get("/api/search", params=many).status_code == 422


@pytest.mark.parametrize("typed", [NOBODY, f"{NOBODY}/lamps", "~", "/" + "a" * 4_000, "a/" * 2_000, "\x00"])
def test_folders_that_cannot_be(client: TestClient, typed: str) -> None:
    assert client.get("/api/folders", params={"path": typed}).status_code == (200 if typed == "~" else 400)
    if typed == "~":
        return
    for path, body in (
        ("/api/sources", {"location": typed}),
        ("/api/models/use", {"name": typed}),
        ("/api/models/measure", {"name": typed}),
        ("/api/sync/preview", {"locations": [typed]}),
        ("/api/settings/folder/check", {"value": typed}),
        ("/api/settings/model.name/check", {"value": typed}),
        ("/api/settings/embedder.folder/check", {"value": typed}),
    ):
        reply = client.post(path, json=body)
        assert reply.status_code < 500, (path, reply.text)
    assert client.post("/api/models/imports", json={"folder": typed}).status_code < 500


@pytest.mark.parametrize("key", ["nothing", "\N{SLIGHTLY SMILING FACE}", "{'a': None}", "model", "a" * 5_000])
def test_a_setting_that_is_not_there(client: TestClient, key: str) -> None:
    for reply in (
        client.delete(f"/api/settings/{key}"),
        client.put(f"/api/settings/{key}", json={"value": 1}),
    ):
        assert reply.status_code == 400, reply.text
        assert "There is no setting" in reply.json()["error"]["message"]
    assert client.post(f"/api/settings/{key}/check", json={"value": 1}).json()["problem"] is not None


def test_an_upload_that_is_broken_off_is_no_failure(
    client: TestClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    messages = iter(
        [
            {"type": "http.request", "body": b"half a file", "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return next(messages)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    path = "/api/uploads/lamps.txt"
    scope = {"type": "http", "method": "PUT", "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {"headers": [], "server": ("127.0.0.1", 80), "scheme": "http", "root_path": "", "http_version": "1.1"}
    with caplog.at_level(logging.WARNING):
        asyncio.run(client.app(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 499 and not caplog.records
    assert [file for file in (tmp_path / "data").rglob("*") if file.name.startswith("lamps")] == []
