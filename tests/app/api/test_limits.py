"""What is too large or too much is refused in the API's own shape, before anything is made of it."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from app.api.body_limit import MOST_BYTES
from app.api.gate import Gate
from app.api.http import create_api
from app.api.streams import answer_lines
from app.assistant import Assistant
from app.events import AskEvent
from app.settings.schema import ModelSettings, Settings
from rag.errors import BusyError
from rag.types import Filter
from tests.app.fakes import LightParts


@pytest.fixture
def client(assistant: Assistant) -> Iterator[TestClient]:
    with TestClient(create_api(assistant), raise_server_exceptions=False) as opened:
        yield opened


def pieces(size: int) -> Iterator[bytes]:
    """A body of unannounced length."""
    yield b'{"question": "'
    for _ in range(size >> 16):
        yield b"a" * (1 << 16)
    yield b'"}'


@pytest.mark.parametrize("path", ["/api/ask", "/api/sync", "/v1/chat/completions", "/v1/embeddings", "/elsewhere"])
@pytest.mark.parametrize("announced", [True, False])
def test_a_body_beyond_the_limit_is_refused(client: TestClient, path: str, announced: bool) -> None:
    content: Any = b" " * (MOST_BYTES + 1) if announced else pieces(2 * MOST_BYTES)
    response = client.post(path, content=content, headers={"content-type": "application/json"})
    error = response.json()["error"]
    if path == "/elsewhere" and not announced:
        assert response.status_code in (404, 413)  # nobody looks at it
        return
    assert response.status_code == 413
    assert error["message"] == "The request is larger than 4 MiB."
    assert set(error) == ({"message", "type", "param", "code"} if path.startswith("/v1") else {"message", "remedy"})


def test_a_body_within_the_limit_passes(client: TestClient) -> None:
    response = client.post("/api/ask", content=pieces(MOST_BYTES // 2), headers={"content-type": "application/json"})
    assert response.status_code == 422  # a question has a limit of its own
    assert client.get("/api/status").status_code == 200


def test_a_length_that_is_no_number_is_refused(client: TestClient) -> None:
    response = client.post("/api/ask", content=b"{}", headers={"content-length": "9" * 30})
    assert response.status_code == 413


def test_of_many_at_once_some_run_some_wait_and_the_rest_are_refused() -> None:
    asyncio.run(_many_at_once())


async def _many_at_once() -> None:
    gate = Gate(running=2, waiting=3)
    running, most, release = 0, 0, asyncio.Event()

    async def work() -> str:
        nonlocal running, most
        try:
            ticket = gate.enter()
        except BusyError:
            return "busy"
        try:
            await ticket.turn()
            running += 1
            most = max(most, running)
            await release.wait()
            running -= 1
            return "done"
        finally:
            ticket.give_back()

    tasks = [asyncio.create_task(work()) for _ in range(9)]
    await asyncio.sleep(0)
    tasks[4].cancel()  # one that waits goes away, and its place is free again
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(work()))
    await asyncio.sleep(0)
    release.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert outcomes.count("busy") == 4 and outcomes.count("done") == 5
    assert isinstance(outcomes[4], asyncio.CancelledError)
    assert most == 2


class Held(Assistant):
    """Answers when it is let."""

    let = threading.Event()

    def ask(self, question: str, **options: Any) -> Iterator[AskEvent]:
        self.let.wait()
        return super().ask(question, **options)


def test_questions_beyond_the_queue_are_told_to_come_again(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", model=ModelSettings(name=None))
    with Held(settings, LightParts(settings)) as assistant:
        asyncio.run(_many_questions(assistant))


async def _many_questions(assistant: Held) -> None:
    transport = httpx.ASGITransport(create_api(assistant))
    async with httpx.AsyncClient(transport=transport, base_url="http://docent") as client:
        body = {"question": "When was the lamp lit?", "stream": False}
        asked = {asyncio.ensure_future(client.post("/api/ask", json=body)) for _ in range(300)}
        refused: set[asyncio.Task[httpx.Response]] = set()
        while len(refused) < 40:
            done, asked = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            refused |= done
        assistant.let.set()
        replies = [task.result() for task in refused]
        assert [reply.status_code for reply in replies] == [429] * 40
        assert replies[0].headers["retry-after"] == "1" and "waiting already" in replies[0].json()["error"]["message"]
        assert [reply.status_code for reply in await asyncio.gather(*asked)] == [200] * 260
        assert (await client.post("/api/ask", json=body)).status_code == 200


def test_an_answer_whose_client_left_keeps_its_place_until_it_has_ended(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", model=ModelSettings(name=None))
    with Held(settings, LightParts(settings)) as assistant:
        asyncio.run(_left_alone(assistant))


async def _left_alone(assistant: Held) -> None:
    assistant.let.clear()
    gate = Gate(running=1, waiting=0)
    ticket = gate.enter()
    lines = answer_lines(assistant, "When was the lamp lit?", None, Filter(), ticket)
    waiting = asyncio.ensure_future(anext(lines))
    while not ticket.lent:
        await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait([waiting])
    with pytest.raises(BusyError):
        gate.enter()
    assistant.let.set()
    while gate.is_full:
        await asyncio.sleep(0.01)
    gate.enter().give_back()
