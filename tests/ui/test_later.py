"""An application that is made while the server answers: requests wait for it, and are told where it cannot be made."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from ui.later import Later

_T = TypeVar("_T")


def run_apart(work: Coroutine[Any, Any, _T]) -> _T:
    """On a thread of its own: that of the tests may hold the loop of a browser that other tests have opened."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def an_app(lives: list[str]) -> Starlette:
    async def hello(request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        lives.append("begun")
        yield
        lives.append("ended")

    return Starlette(routes=[Route("/", hello)], lifespan=lifespan)


def client(later: Later[Starlette]) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(later), base_url="http://127.0.0.1")


def test_requests_wait_until_it_is_made_once_and_it_ends() -> None:
    made, may, lives = [], threading.Event(), []  # type: ignore[var-annotated]

    def make() -> Starlette:
        made.append(threading.current_thread().name)
        assert may.wait(30)
        return an_app(lives)

    async def run() -> list[str]:
        later = Later(make, "thing")
        async with client(later) as asking:
            first = asyncio.create_task(asking.get("/"))
            second = asyncio.create_task(asking.get("/"))
            await asyncio.sleep(0.05)
            assert not first.done()
            may.set()
            replies = [await first, await second]
        later.end()
        while len(lives) < 2:
            await asyncio.sleep(0.01)
        assert later.made() is not None
        return [reply.text for reply in replies]

    assert run_apart(run()) == ["hello", "hello"]
    assert made == ["docent-thing"]
    assert lives == ["begun", "ended"]


def test_a_failure_is_told_to_every_request_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    def make() -> Starlette:
        raise OSError("the disk is gone")

    async def run() -> list[httpx.Response]:
        later = Later(make, "thing")
        async with client(later) as asking:
            replies = [await asking.get("/"), await asking.get("/")]
        with pytest.raises(OSError, match="gone"):
            later.made()
        return replies

    for reply in run_apart(run()):
        assert reply.status_code == 503
        assert reply.json()["error"]["message"] == "Docent could not be loaded."
    assert "thing could not be loaded" in caplog.text and "the disk is gone" in caplog.text


def test_a_server_that_ends_meanwhile_leaves_no_error(caplog: pytest.LogCaptureFixture) -> None:
    may, over = threading.Event(), threading.Event()

    def make() -> Starlette:
        assert may.wait(30)
        over.set()
        return an_app([])

    async def run() -> Later[Starlette]:
        later = Later(make, "thing")
        later.begin()
        return later

    later = run_apart(run())
    may.set()
    assert over.wait(30) and later.made() is not None
    assert caplog.text == ""
