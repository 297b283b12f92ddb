"""Prompts over the HTTP API: kept in the data folder, within limits, exported and wiped."""

import io
import json
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.api.http import create_api
from app.assistant import Assistant
from app.pages.prompts import LONGEST_NAME, LONGEST_TEXT, MOST, Prompts
from tests.app.users.team import Team

SHORT = {"name": "Short", "text": "Answer in one sentence."}


@pytest.fixture
def client(assistant: Assistant) -> Iterator[TestClient]:
    with TestClient(create_api(assistant), raise_server_exceptions=False) as opened:
        yield opened


def names(client: TestClient) -> list[str]:
    return [one["name"] for one in client.get("/api/prompts").json()["prompts"]]


def problem(reply: Any) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["message"]


def test_a_prompt_is_kept_changed_and_deleted(client: TestClient, assistant: Assistant) -> None:
    made = client.post("/api/prompts", json={"name": "  In   short ", "text": "  Answer in one sentence.\n"}).json()
    assert made == {"id": made["id"], "name": "In short", "text": "Answer in one sentence."}
    client.post("/api/prompts", json={"name": "abstract", "text": "Summarise."})
    assert names(client) == ["abstract", "In short"]
    changed = client.patch(f"/api/prompts/{made['id']}", json={"name": "One sentence"}).json()
    assert changed == {**made, "name": "One sentence"}
    assert client.patch(f"/api/prompts/{made['id']}", json={"text": "Now."}).json()["text"] == "Now."
    with TestClient(create_api(assistant)) as another:  # after a restart
        assert names(another) == ["abstract", "One sentence"]
    assert client.delete(f"/api/prompts/{made['id']}").json()["prompts"][0]["name"] == "abstract"
    assert names(client) == ["abstract"]
    assert assistant.settings.folder.prompts.stat().st_mode & 0o077 == 0


def test_what_cannot_be_kept_is_refused_with_the_reason(client: TestClient) -> None:
    kept = client.post("/api/prompts", json=SHORT).json()
    for body, expected in (
        ({**SHORT, "name": "sHORT"}, (400, "There is a prompt “sHORT” already.")),
        ({**SHORT, "name": " "}, (400, "A prompt needs a name.")),
        ({"name": "Empty", "text": "\n"}, (400, "A prompt needs a text.")),
        ({**SHORT, "name": "n" * (LONGEST_NAME + 1)}, (413, "The name of a prompt has at most 80 characters.")),
        ({"name": "Long", "text": "t" * (LONGEST_TEXT + 1)}, (413, "A prompt has at most 10,000 characters.")),
    ):
        assert problem(client.post("/api/prompts", json=body)) == expected
        if body["name"] != "sHORT":  # its own name may be written otherwise
            assert problem(client.patch(f"/api/prompts/{kept['id']}", json=body)) == expected
    assert problem(client.delete("/api/prompts/none")) == (404, "There is no prompt none.")
    assert problem(client.patch("/api/prompts/none", json=SHORT)) == (404, "There is no prompt none.")
    assert client.get("/api/prompts").json()["prompts"] == [kept]


def test_their_number_is_limited(client: TestClient, assistant: Assistant) -> None:
    file = assistant.settings.folder.prompts
    file.parent.mkdir(exist_ok=True)
    full = [{"id": str(number), "name": f"Prompt {number}", "text": "Why?"} for number in range(MOST)]
    file.write_text(json.dumps(full), encoding="utf-8")
    assert problem(client.post("/api/prompts", json=SHORT)) == (
        413,
        "There are 200 prompts already, which is the most.",
    )
    client.delete("/api/prompts/7")
    assert client.post("/api/prompts", json=SHORT).status_code == 200


@pytest.mark.parametrize("content", ["{", "[1]", '[{"id": "a"}]', "7"])
def test_a_damaged_file_is_told_and_left(client: TestClient, assistant: Assistant, content: str) -> None:
    file = assistant.settings.folder.prompts
    file.parent.mkdir(exist_ok=True)
    file.write_text(content, encoding="utf-8")
    for reply in (client.get("/api/prompts"), client.post("/api/prompts", json=SHORT)):
        assert problem(reply) == (400, f"The prompts file {file} cannot be read (damaged).")
    assert file.read_text(encoding="utf-8") == content
    assert client.get("/api/data/export").status_code == 200  # as it lies there


def test_they_are_listed_exported_and_wiped(client: TestClient, assistant: Assistant) -> None:
    client.post("/api/prompts", json=SHORT)
    stored = {one["kind"]: one for one in client.get("/api/data").json()["stored"]}
    assert stored["prompts"]["files"] == 1 and stored["prompts"]["path"].endswith("prompts.json")
    with zipfile.ZipFile(io.BytesIO(client.get("/api/data/export").content)) as archive:
        assert json.loads(archive.read("prompts.json"))[0]["text"] == SHORT["text"]
    wiped = client.post("/api/data/wipe", json={"kinds": ["conversations"], "confirm": "wipe"})
    assert wiped.status_code == 200 and names(client) == ["Short"]
    client.post("/api/data/wipe", json={"kinds": ["prompts"], "confirm": "wipe"})
    assert names(client) == [] and not assistant.settings.folder.prompts.exists()


def test_each_user_of_a_server_has_their_own(assistant: Assistant) -> None:
    team = Team(assistant, "anna", "ben", admins=("chief",))
    try:
        with team.client("anna") as anna:
            anna.post("/api/prompts", json=SHORT)
            assert names(anna) == ["Short"]
        for name in ("ben", "chief", ""):
            with team.client(name) as client:
                assert names(client) == []
    finally:
        team.rooms.end(5)


def test_two_pages_at_once_lose_none(tmp_path: Path) -> None:

    prompts = Prompts(tmp_path / "prompts.json")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: prompts.make(f"Prompt {number}", "Why?"), range(40)))
    assert len(prompts.all()) == 40
