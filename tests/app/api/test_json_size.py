"""Large bodies: what they may hold is bounded before it is parsed, and they are checked apart from other requests."""

import json
import random
import threading
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI
from pydantic import AfterValidator, BaseModel
from starlette.testclient import TestClient

from app.api.json_body import StrictRoute
from app.api.json_size import _outside_texts, check_size


def _random_value(chance: random.Random, depth: int) -> Any:
    texts = ('"', "\\", '\\"', "[{,", "a" * chance.choice((0, 3, 900)), "\\\\", "ä,\n")
    match chance.randrange(8 if depth else 3):
        case 0:
            return chance.choice((1, None, 1.5, True))
        case 1 | 2:
            return "".join(chance.choice(texts) for _ in range(chance.randrange(30)))
        case 3 | 4:
            return {str(number): _random_value(chance, depth - 1) for number in range(chance.randrange(40))}
        case _:
            return [_random_value(chance, depth - 1) for _ in range(chance.randrange(40))]


def _counted(value: Any) -> tuple[int, int]:
    """How many commas and how many opening brackets there are, by the values themselves."""
    if not isinstance(value, list | dict):
        return 0, 0
    inner = [_counted(one) for one in (value.values() if isinstance(value, dict) else value)]
    return max(0, len(inner) - 1) + sum(one for one, _ in inner), 1 + sum(one for _, one in inner)


@pytest.mark.parametrize("seed", range(12))
def test_what_stands_within_texts_is_left_out(seed: int) -> None:
    chance = random.Random(seed)
    value = [_random_value(chance, 2) for _ in range(12)]
    body = json.dumps(value, ensure_ascii=seed % 2 == 0).encode()
    outside = b"".join(_outside_texts(body))
    assert (outside.count(b","), outside.count(b"[") + outside.count(b"{")) == _counted(value)


def test_a_long_text_is_as_long_as_it_likes() -> None:
    for text in ("[1,2]," * 400_000, '\\",' * 400_000, "{" * 1_000_000):
        check_size(json.dumps({"question": text, "list": [1, 2]}).encode())


def test_too_many_values_are_too_many() -> None:
    for body in (b"[" + b"1," * 400_000 + b"1]", b'{"a":[' + b'"",' * 400_000 + b'""]}'):
        with pytest.raises(ValueError, match="too many values"):
            check_size(body)
    for body in (b"[" + b"[]," * 30_000 + b"[]]", b"[" + b'{"[":1},' * 30_000 + b"1]", b"[" * 30_000):
        with pytest.raises(ValueError, match="too many lists"):
            check_size(body)


def _noted(value: int) -> int:
    threads.append(threading.current_thread())
    if value < 0:
        raise ValueError("less than nothing")
    return value


_JSON = {"content-type": "application/json"}
threads: list[threading.Thread] = []


class Counts(BaseModel):
    counts: list[Annotated[int, AfterValidator(_noted)]]


@pytest.fixture
def client() -> TestClient:
    routes = APIRouter(route_class=StrictRoute)

    @routes.post("/counts")
    async def counts(body: Counts) -> int:
        threads.append(threading.current_thread())
        return len(body.counts)

    api = FastAPI()
    api.include_router(routes)
    threads.clear()
    return TestClient(api)


def test_a_large_body_is_checked_apart_from_other_requests(client: TestClient) -> None:
    assert client.post("/counts", json={"counts": [7] * 40_000}).json() == 40_000
    *checking, answering = threads
    assert len(checking) == 40_000 and answering not in checking


@pytest.mark.parametrize("many", [10, 40_000])
def test_small_and_large_bodies_fail_alike(client: TestClient, many: int) -> None:
    reply = client.post("/counts", json={"counts": [7] * many + [-1]})
    assert reply.status_code == 422
    [error] = reply.json()["detail"]
    assert error["loc"] == ["body", "counts", many] and "less than nothing" in error["msg"]
    reply = client.post("/counts", content=json.dumps({"counts": [7] * many})[:-1], headers=_JSON)
    assert reply.status_code == 422 and reply.json()["detail"][0]["type"] == "json_invalid"
    reply = client.post("/counts", content=json.dumps({"counts": [7] * many}).replace("7", "NaN", 1), headers=_JSON)
    assert reply.status_code == 400 and "NaN" in reply.json()["detail"]
