"""Collections by the Assistant, the HTTP API and the command line: what is asked of one is searched there alone."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.api.http import create_api
from app.assistant import Assistant
from app.errors import UsageError
from app.events import Answered
from app.repair import repair
from rag.errors import CollectionError, UnknownCollection

QUESTION = "When was the Eiffel Tower opened?"


@pytest.fixture
def client(assistant: Assistant, folder: Path) -> Iterator[TestClient]:
    assistant.sync([str(folder)])
    with TestClient(create_api(assistant), raise_server_exceptions=False) as opened:
        yield opened


def test_a_question_is_answered_from_its_collection_alone(assistant: Assistant, folder: Path) -> None:
    assistant.sync([str(folder)])
    made = assistant.make_collection("Animals", [str(folder / "whales.txt")])
    scope = assistant.restricted(collections=[made.id])
    *_, last = assistant.ask(QUESTION, filter=scope)
    assert isinstance(last, Answered)
    assert {citation.source for citation in last.answer.citations} <= {str(folder / "whales.txt")}
    whole = assistant.change_collection(made.id, add=[str(folder)])
    assert assistant.documents_in(whole.id) == {document.id for document in assistant.documents()}
    *_, last = assistant.ask(QUESTION, filter=assistant.restricted(collections=[made.id]))
    assert "1889" in last.answer.text


def test_a_collection_without_documents_is_not_everything(assistant: Assistant, folder: Path) -> None:
    assistant.sync([str(folder)])
    made = assistant.make_collection("Nothing yet")
    with pytest.raises(CollectionError, match="Nothing in “Nothing yet” can be searched"):
        assistant.restricted(collections=[made.id])
    whales, tower = (str(folder / name) for name in ("whales.txt", "towers.md"))
    assistant.change_collection(made.id, add=[whales])
    other = assistant.documents([tower])[0].id
    with pytest.raises(UsageError):
        assistant.restricted(documents=[other], collections=[made.id])
    assistant.delete_collection(made.id)
    with pytest.raises(UnknownCollection):
        assistant.restricted(collections=[made.id])


def test_what_is_not_in_the_library_cannot_be_collected(assistant: Assistant, folder: Path, tmp_path: Path) -> None:
    assistant.sync([str(folder)])
    with pytest.raises(UsageError, match="not in the library"):
        assistant.make_collection("Elsewhere", [str(tmp_path / "elsewhere")])
    assert assistant.collections() == []


def test_removing_a_document_and_wiping_the_library_leave_no_trace(assistant: Assistant, folder: Path) -> None:
    assistant.sync([str(folder)])
    whales = str(folder / "whales.txt")
    made = assistant.make_collection("Animals", [whales])
    assistant.remove(whales)
    assert assistant.collections()[0].locations == ()
    assistant.wipe_library()
    assert assistant.collections() == []
    assert made.name.encode() not in assistant.settings.folder.library.read_bytes()


def test_a_repair_of_a_damaged_library_keeps_the_collections(assistant: Assistant, folder: Path) -> None:
    assistant.sync([str(folder)])
    assistant.delete_collection(assistant.make_collection("Before").id)
    made = assistant.make_collection("Animals", [str(folder / "whales.txt")])
    settings = assistant.settings
    assistant.close()
    with closing(sqlite3.connect(settings.folder.library)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'chunks'").fetchone()
    content = bytearray(settings.folder.library.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    settings.folder.library.write_bytes(content)
    repair(settings, lambda sentence: None)
    assert len(list(settings.data_dir.glob("library.damaged-*.db"))) == 1
    with Assistant.open(settings) as again:
        assert again.collections() == [made]  # with the id by which chats know it


def test_collections_over_http(client: TestClient, folder: Path) -> None:
    whales = str(folder / "whales.txt")
    made = client.post("/api/collections", json={"name": "Animals", "locations": [whales]}).json()
    assert made == {"id": made["id"], "name": "Animals", "locations": [whales], "documents": 1, "shared": True}
    assert client.post("/api/collections", json={"name": "animals"}).status_code == 400
    body = {"question": QUESTION, "collections": [made["id"]], "stream": False}
    assert {one["source"] for one in client.post("/api/ask", json=body).json()["citations"]} <= {whales}
    url = f"/api/collections/{made['id']}"
    changed = client.patch(url, json={"name": "All", "add": [str(folder)], "remove": [whales]}).json()
    assert (changed["name"], changed["locations"], changed["documents"]) == ("All", [str(folder)], 4)
    assert client.get("/api/collections").json() == {"collections": [changed]}
    assert client.delete(url).json() == {"collections": []}
    assert client.delete(url).status_code == 404
    reply = client.post("/api/ask", json=body)
    assert reply.status_code == 404 and "no collection" in reply.json()["error"]["message"]
    assert len(client.get("/api/documents").json()["documents"]) == 4
