"""A body full of wrong values makes a few errors, whatever its fields: a million of them would stop the server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from app.api.http import create_api
from app.assistant import Assistant
from app.settings.schema import ModelSettings, Settings
from tests.app.fakes import LightParts

MANY = 20_000
FEW = 6_000  # a list of at most a thousand may make one for each way to read each of its values
WRONG: dict[str, Any] = {
    "numbers": [1] * MANY,
    "texts": ["x"] * MANY,
    "nothings": [None] * MANY,
    "lists": [[]] * MANY,
    "objects": [{}] * MANY,
    "fields": {f"field {number}": "x" for number in range(MANY)},
}


@pytest.fixture
def assistant(tmp_path: Path) -> Iterator[Assistant]:
    settings = Settings(data_dir=tmp_path / "data", model=ModelSettings(name=None))
    with Assistant(settings, LightParts(settings)) as assistant:
        yield assistant


def _bodies(assistant: Assistant) -> set[type[pydantic.BaseModel]]:
    api = create_api(assistant)
    api.include_all()
    routes = [route for part in api.routes for route in getattr(part, "original_router", api).routes]
    fields = [route.body_field for route in routes if isinstance(route, APIRoute) and route.body_field is not None]
    kinds = {field.field_info.annotation for field in fields}
    return {kind for kind in kinds if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)}


def test_no_field_makes_an_error_of_each_wrong_value(assistant: Assistant) -> None:
    bodies = _bodies(assistant)
    assert len(bodies) > 10
    for body in bodies:
        for name, field in body.model_fields.items():
            for kind, wrong in WRONG.items():
                try:
                    body.model_validate({field.alias or name: wrong})
                except pydantic.ValidationError as error:
                    assert error.error_count() < FEW, (body.__name__, name, kind)


def test_a_body_of_countless_fields_or_objects_is_refused(assistant: Assistant) -> None:
    client = TestClient(create_api(assistant))
    fields = ",".join(f'"field {number}": 1' for number in range(2_000))
    nested = "[" + "[]," * 500_000 + "[]]"
    for path in ("/api/ask", "/v1/completions"):
        for content in ("{" + fields + "}", '{"question": ' + nested + "}"):
            reply = client.post(path, content=content, headers={"content-type": "application/json"})
            assert reply.status_code == 400, reply.text
            assert "too many" in reply.json()["error"]["message"]


def test_a_large_body_is_read_as_a_small_one(assistant: Assistant) -> None:
    client = TestClient(create_api(assistant))
    for documents in ([1] * 60_000, [2**63 - 1] * 10_000):
        reply = client.post("/api/ask", json={"question": "Who?", "documents": documents, "stream": False})
        assert reply.status_code == 200, reply.text
    for number in (str(2**63), "1e999", "NaN", "9" * 30):
        content = '{"question": "Who?", "documents": [' + "1," * 60_000 + number + "]}"
        reply = client.post("/api/ask", content=content, headers={"content-type": "application/json"})
        assert reply.status_code == 400, reply.text
