"""What a user can reach: every route of the API is looked at, and none of them shows or changes another one's chats."""

import io
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.api.access.permissions import USERS, may
from app.api.http import create_api
from app.assistant import Assistant
from tests.app.users.team import Team

SECRET = "krill"  # of Anna's question and the answer to it
OPEN = [one.replace(":path", "") for one in USERS]  # as the description of the API names them
OWN = {"conversation_id", "exchange", "run_id", "folder", "prompt_id"}  # what names something of a single user
BODIES = {
    "PATCH /api/conversations/{conversation_id}": {"title": "taken"},
    "PUT /api/conversations/{conversation_id}/exchanges/{exchange}/feedback": {"feedback": -1},
    "POST /api/conversations/{conversation_id}/copy": {},
    "PATCH /api/conversation-folders/{folder}": {"name": "taken"},
    "PATCH /api/prompts/{prompt_id}": {"name": "taken"},
}


def routes_of(assistant: Assistant) -> list[str]:
    """Every route of the API as "METHOD /path"."""
    described = create_api(assistant).openapi()["paths"]
    return sorted(f"{method.upper()} {path}" for path, methods in described.items() for method in methods)


@pytest.fixture
def team(assistant: Assistant, folder: Path) -> Iterator[Team]:
    assistant.sync([str(folder)])
    made = Team(assistant, "anna", "ben", admins=("chief",))
    yield made
    made.rooms.end(5)


@pytest.fixture
def anna(team: Team) -> Iterator[dict[str, Any]]:
    """What Anna has: a chat with an answer, in a folder, that she has judged, a prompt, and a question that failed."""
    with team.client("anna") as client:
        asked = client.post("/api/ask", json={"question": f"How much {SECRET} does the whale eat?", "stream": False})
        chat = asked.json()["conversation"]
        exchange = client.get(f"/api/conversations/{chat}").json()["exchanges"][0]["id"]
        folder = client.post("/api/conversation-folders", json={"name": f"{SECRET}s", "conversations": [chat]}).json()
        prompt = client.post("/api/prompts", json={"name": f"{SECRET}s", "text": f"How many {SECRET}s?"}).json()
        client.put(f"/api/conversations/{chat}/exchanges/{exchange}/feedback", json={"feedback": 1})
        run = client.post(
            "/api/runs", json={"question": f"Why {SECRET}?", "model": "none", "conversation": chat}
        ).json()
        until = time.monotonic() + 20
        while client.get("/api/runs").json()["runs"][0]["state"] != "failed" and time.monotonic() < until:
            time.sleep(0.02)
        named = {"conversation_id": chat, "exchange": exchange, "folder": folder["id"], "run_id": run["id"]}
        yield {**named, "prompt_id": prompt["id"]}


def all_of(client: TestClient, chat: str) -> tuple[Any, ...]:
    answer = client.get(f"/api/conversations/{chat}", params={"all": True}).json()
    return client.get("/api/conversations").json(), answer, client.get("/api/runs").json()


def test_what_is_listed_is_there(assistant: Assistant) -> None:
    of_the_api = {one for one in OPEN if one.split(" ")[1].startswith(("/api/", "/v1/"))}
    assert of_the_api - {*routes_of(assistant), "GET /api/openapi.json"} == set()


def test_what_is_not_listed_is_refused_to_users(team: Team, assistant: Assistant) -> None:
    with team.client("ben") as client:
        refused = [one for one in routes_of(assistant) if one not in OPEN]
        assert len(refused) > 30
        for route in refused:
            method, path = route.split(" ", 1)
            reply = client.request(method, re.sub(r"\{\w+(:path)?\}", "1", path))
            assert (reply.status_code, reply.json()["error"]["message"]) == (403, "This is for who runs this Docent.")
        for path in ("/api/sources/", "/api/nothing", "/metrics"):
            assert client.post(path, json={}).status_code == 403


def test_no_route_gives_one_users_chats_to_another(team: Team, assistant: Assistant, anna: dict[str, Any]) -> None:
    """Every route that a user may call and that names something of a user, with the names of Anna's."""
    routes = [one for one in USERS if OWN & {*re.findall(r"\{(\w+)", one)}]
    assert len(routes) >= 14
    with team.client("anna") as hers:
        before = all_of(hers, anna["conversation_id"])
        for name in ("ben", "chief", ""):
            with team.client(name) as client:
                for route in routes:
                    method, path = route.split(" ", 1)
                    reply = client.request(method, path.format(**anna), json=BODIES.get(route, {}))
                    gone = path.startswith("/api/runs")  # a run that nobody has is let be
                    assert reply.status_code in ((200,) if gone else (404, 422)), (name, route, reply.text)
                    assert SECRET not in reply.text
        assert all_of(hers, anna["conversation_id"]) == before


def test_no_list_export_or_search_shows_another_ones(team: Team, assistant: Assistant, anna: dict[str, Any]) -> None:
    shown = [one.split(" ", 1)[1] for one in routes_of(assistant) if one.startswith("GET ") and "{" not in one]
    with team.client("anna") as hers:
        assert SECRET in hers.get("/api/conversations").text
    for name in ("ben", "chief", ""):
        with team.client(name) as client:
            for path in shown:
                params = {"question": "towers", "holding": SECRET} if path != "/api/folders" else {}
                reply = client.get(path, params=params)
                assert anna["conversation_id"] not in reply.text, (name, path)
                assert f"{SECRET}s" not in reply.text, (name, path)
            archive = zipfile.ZipFile(io.BytesIO(client.get("/api/conversations/export").content))
            assert archive.namelist() == []
            follow = {"question": "And how tall is it?", "conversation": anna["conversation_id"]}
            assert "There is no conversation" in client.post("/api/ask", json=follow).text
            assert client.post("/api/runs", json=follow).status_code in (200, 404)
            assert client.get("/api/conversations").json()["conversations"] == []


def test_an_administrator_changes_the_library_and_nothing_of_the_computer(team: Team, tmp_path: Path) -> None:
    with team.client("chief") as chief, team.client("ben") as ben:
        assert chief.get("/api/settings").status_code == 200
        assert chief.get("/api/folders", params={"path": str(tmp_path)}).status_code == 200
        for path in ("/api/browsers", "/api/documents/1/open"):
            assert chief.post(path, json={}).status_code == 403
        assert not may("POST", "/desktop/window", is_admin=True)
        assert ben.get("/api/folders").status_code == 403
        assert "sha256" not in chief.get("/api/settings").text, "what is kept of keys is not shown"
        assert chief.put("/api/settings/server.users", json={"value": []}).status_code == 400


def test_a_user_names_installed_models_and_no_folders(team: Team, tmp_path: Path) -> None:
    """A model may be a folder for who runs the server; others must not have any folder there looked into."""
    with team.client("ben") as ben:
        for model in (str(tmp_path), "..", "/", "~", "none"):
            reply = ben.post("/api/ask", json={"question": "Why?", "model": model, "stream": False})
            assert (reply.status_code, reply.json()["error"]["message"]) == (400, f'There is no model "{model}".')


def test_a_head_is_a_get_and_no_other_method_is_one() -> None:
    assert may("HEAD", "/api/status", is_admin=False)
    for method in ("POST", "PUT", "TRACE", "get", ""):
        assert not may(method, "/api/status", is_admin=False)
    for path in ("/api/status/", "/api//status", "/api/status\n", "/API/status", "/api/conversations/a/b"):
        assert not may("GET", path, is_admin=False)
