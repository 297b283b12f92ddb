"""The routes of settings and privacy over a real library."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.api.http import create_api
from app.assistant import Assistant


@pytest.fixture
def client(assistant: Assistant, folder: Path) -> Iterator[TestClient]:
    assistant.sync([str(folder)])
    with TestClient(create_api(assistant), raise_server_exceptions=False) as opened:
        yield opened


def test_a_setting_is_checked_changed_and_set_back(client: TestClient, assistant: Assistant) -> None:
    assert client.post("/api/settings/model.threads/check", json={"value": -1}).json()["problem"]["message"]
    assert client.post("/api/settings/model.threads/check", json={"value": 2}).json() == {"problem": None}
    assert client.put("/api/settings/model.threads", json={"value": -1}).status_code == 400
    changed = client.put("/api/settings/model.threads", json={"value": 2}).json()
    assert (changed["value"], changed["origin"]) == (2, str(assistant.settings.folder.config))
    assert assistant.settings.model.threads == 2
    assert client.delete("/api/settings/model.threads").json()["value"] == 0
    assert client.put("/api/settings/retrieval.store", json={"value": "a:B"}).status_code == 400


def test_patterns_are_tried_without_a_change(client: TestClient, assistant: Assistant) -> None:
    found = client.post("/api/sync/preview", json={"exclude": ["whales.*"]}).json()
    assert [one["pattern"] for one in found["left_out"]] == ["whales.*"]
    assert any(path.endswith("whales.txt") for path in found["gone"])
    assert client.post("/api/sync/preview", json={}).json()["gone"] == []
    assert assistant.settings.library.exclude == ()


def test_everything_is_listed_exported_and_wiped(client: TestClient, assistant: Assistant, folder: Path) -> None:
    body = {"question": "When was the Eiffel Tower opened?", "stream": False}
    client.post("/api/ask", json=body)
    stored = {one["kind"]: one for one in client.get("/api/data").json()["stored"]}
    assert stored["library"]["size"] > 0 and stored["conversations"]["files"] >= 1
    with zipfile.ZipFile(io.BytesIO(client.get("/api/data/export").content)) as archive:
        names = archive.namelist()
        assert "documents.json" in names
        chats = [archive.read(name) for name in names if name.endswith(".md")]
    assert len(chats) == 1 and b"Eiffel Tower" in chats[0]
    assert list((assistant.settings.folder.uploads).glob("*.zip")) == []

    assert client.post("/api/data/wipe", json={"kinds": ["library"], "confirm": "yes"}).status_code == 422
    kinds = ["library", "conversations", "logs", "transcripts"]
    assert client.post("/api/data/wipe", json={"kinds": kinds, "confirm": "wipe"}).status_code == 200
    assert client.get("/api/documents").json()["documents"] == []
    assert client.get("/api/conversations").json()["conversations"] == []
    for file in (assistant.settings.folder.library, assistant.settings.folder.conversations):
        for path in file.parent.glob(f"{file.name}*"):
            assert b"Eiffel" not in path.read_bytes(), path
    assert (folder / "whales.txt").is_file()
    assert client.get("/api/search", params={"question": "whale"}).json()["hits"] == []
