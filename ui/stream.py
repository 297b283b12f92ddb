"""The feed as Gradio carries it: an endpoint of Gradio's server mode that streams what happens, to many pages.

    POST gradio_api/call/news {"data": []}  ->  {"event_id": ID}
    GET  gradio_api/call/news/ID            ->  server-sent events, each with a list of news (app.api.shapes.news)

``gradio_client`` can follow it as well (``Client(...).submit(api_name="/news")``). Importing Gradio takes two seconds
of processor time, so it happens on a thread of its own when the first page asks for news; until then requests wait.
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from app.feed import Feed
from app.process.collector import set_apart
from ui.later import Later

if TYPE_CHECKING:
    from fastapi import FastAPI

_NEEDED = ("/gradio_api/call/", "/gradio_api/queue/", "/gradio_api/info", "/config", "/gradio_api/heartbeat/")
_STREAM = "/gradio_api/call/news/"
_TOLD_AT_ONCE = 100
_BUILDING = threading.Lock()  # what Gradio is building is known to its whole process


async def build(feed: Feed, scratch: Path) -> "FastAPI":
    """Makes Gradio's server with the endpoint ``/news``; it keeps what it likes to keep in the folder ``scratch``."""
    os.environ["GRADIO_TEMP_DIR"] = str(scratch)  # its own folder in /tmp is everybody's
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when Gradio is imported: it would call out
    import gradio as gr
    from fastapi import FastAPI
    from gradio.events import api

    from app.api.shapes.news import news_lines

    async def news() -> AsyncIterator[list[dict[str, Any]]]:
        """Streams lists of what happens in this Docent; the first, empty one says that the stream is open."""
        async for happened in feed.follow():
            for first in range(0, max(len(happened), 1), _TOLD_AT_ONCE):
                yield [line.plain() for line in news_lines(happened[first : first + _TOLD_AT_ONCE])]

    news.__annotations__["return"] = list[dict[str, Any]]  # Gradio makes the type of the output from it
    with gr.Blocks(mode="server", analytics_enabled=False) as blocks:
        api(news, api_name="news", concurrency_limit=None)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    gr.mount_gradio_app(
        app,
        blocks,
        path="",
        server_name="127.0.0.1",
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        allowed_paths=[],
        show_error=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
    )
    return app


class GradioStream:
    """An ASGI application that hands the few routes of Gradio that are needed to it, once it is loaded.

    All others of Gradio's routes are refused: some serve files by path or fetch web addresses for the caller.
    """

    def __init__(self, feed: Feed, scratch: Path) -> None:
        self._gradio = Later(lambda: _built(feed, scratch), "gradio")
        self._open = 0

    @property
    def pages(self) -> int:
        """How many pages follow the news now."""
        return self._open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if not path.startswith(_NEEDED) or ".." in path:
            await JSONResponse({"error": {"message": "Docent does not serve this.", "remedy": ""}}, 404)(
                scope, receive, send
            )
            return
        with self._counted(path):
            await self._gradio(scope, receive, send)

    @contextlib.contextmanager
    def _counted(self, path: str) -> Iterator[None]:
        """Counts a stream while it is open. (Gradio asks a closed one for news until there are some.)"""
        follows = path.startswith(_STREAM)
        self._open += follows
        try:
            yield
        finally:
            self._open -= follows

    def stop(self) -> None:
        """Lets Gradio end."""
        self._gradio.end()


def _built(feed: Feed, scratch: Path) -> "FastAPI":
    # Where no event loop runs, Gradio makes one for each of its locks and never closes it.
    with _BUILDING:
        app = asyncio.run(build(feed, scratch))
    set_apart()
    return app
