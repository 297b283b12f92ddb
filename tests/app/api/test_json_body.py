"""Bodies and addresses that are no text, no number or have no end: 400 in the shape of the API that was asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.api.http import create_api
from app.assistant import Assistant
from app.settings.schema import ModelSettings, Settings
from tests.app.fakes import LightParts

BODIES = {
    "invalid UTF-8": b'{"question": "\xff"}',
    "half a character": b'{"question": "\\ud800"}',
    "half a character as a key": b'{"question": "a", "\\ud800": 1}',
    "nesting without end": b"[" * 100_000,
    "deep nesting": b'{"question":' * 3000 + b"1" + b"}" * 3000,
    "a huge number": b'{"question": "x", "documents": [' + b"9" * 5000 + b"]}",
    "a number that SQLite does not know": b'{"question": "x", "documents": [99999999999999999999]}',
    "infinity": b'{"question": "x", "documents": [1e999]}',
    "no number": b'{"question": NaN}',
}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(data_dir=tmp_path / "data", model=ModelSettings(name=None))
    with Assistant(settings, LightParts(settings)) as assistant:
        yield TestClient(create_api(assistant))


@pytest.mark.parametrize("kind", BODIES)
def test_a_body_that_cannot_be_meant_is_refused(client: TestClient, kind: str) -> None:
    for path in ("/api/ask", "/v1/chat/completions", "/v1/embeddings"):
        reply = client.post(path, content=BODIES[kind], headers={"content-type": "application/json"})
        assert reply.status_code == 400, (path, reply.text)
        error = reply.json()["error"]
        assert error["message"]
        assert ("type" in error) == path.startswith("/v1")


def test_an_id_that_cannot_be_is_not_found(client: TestClient) -> None:
    for path in ("99999999999999999999999", "-1", "99999999999999999999999/text"):
        assert client.get(f"/api/documents/{path}").status_code == 404


@pytest.mark.parametrize("number", [2**63, 10**30, -(2**63)])
def test_a_number_that_sqlite_does_not_know_names_nothing(client: TestClient, number: int) -> None:
    for method, path, body in (
        ("PATCH", f"/api/conversation-folders/{number}", {"name": "a"}),
        ("DELETE", f"/api/conversation-folders/{number}", None),
        ("GET", f"/api/conversations/none?after={number}", None),
        ("DELETE", f"/api/conversations/none/exchanges/{number}", None),
        ("DELETE", f"/api/collections/{number}", None),
    ):
        reply = client.request(method, path, json=body)
        assert reply.status_code in (404, 422), (path, reply.text)
        assert reply.json()["error"]["message"]
