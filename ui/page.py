"""Serves the page: its files, the addresses that it has, and the stream of news.

The page is plain ES modules that a browser loads as they lie in ``static/``; it talks to the HTTP API alone. Every
address of the page (``/chat/ID``, ``/library``, ...) gives the same document, so that Back and reloading work.
"""

import contextlib
import mimetypes
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.desk import Desk
from ui.stream import GradioStream

STATIC = Path(__file__).parent / "static"
mimetypes.add_type("text/javascript", ".js")  # some Windows registries name another type, which browsers refuse
_ADDRESSES = ("/", "/chat/{rest:path}", "/library", "/models", "/settings/{rest:path}", "/settings")


class _Static(StaticFiles):
    """Files that a browser may keep, but asks about each time: they change with an update of Docent."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return response


def add_page(api: FastAPI, desk: Desk) -> GradioStream:
    """Serves the page at ``/`` of the HTTP API's application. Returns the stream that its pages follow."""
    stream = GradioStream(desk.feed, desk.uploads)

    def page() -> Response:
        return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})

    for address in _ADDRESSES:
        api.add_api_route(address, page, include_in_schema=False)
    api.mount("/static", _Static(directory=STATIC))
    api.mount("/gradio", stream)
    before = api.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[Mapping[str, Any]]:
        async with before(app) as state:
            yield state or {}
            stream.stop()

    api.router.lifespan_context = lifespan
    return stream
