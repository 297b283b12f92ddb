"""Serves the page: its files, the addresses that it has, and the stream of news.

The page is plain ES modules that a browser loads as they lie in ``static/``; it talks to the HTTP API alone. Every
address of the page (``/chat/ID``, ``/library``, ...) gives the same document, so that Back and reloading work.
"""

import contextlib
import mimetypes
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.body_limit import BodyLimit
from app.pages.desk import Desk
from ui.stream import GradioStream

STATIC = Path(__file__).parent / "static"
mimetypes.add_type("text/javascript", ".js")  # some Windows registries name another type, which browsers refuse
_ADDRESSES = ("/", "/chat/{rest:path}", "/library", "/models", "/settings/{rest:path}", "/settings")
_ASKED_EACH_TIME = {"cache-control": "no-cache"}  # a browser may keep them, but they change with an update of Docent


class Page:
    """The page's own files, and the ``stream`` of news that its pages follow; every other request is for ``api``, the
    application of the HTTP API."""

    def __init__(self, api: ASGIApp, desk: Desk) -> None:
        self.stream = GradioStream(desk.feed, desk.uploads)
        routes = [
            *(Route(address, _document) for address in _ADDRESSES),
            Mount("/static", _Static(directory=STATIC)),
            Mount("/gradio", BodyLimit(self.stream)),
        ]
        self._router = Router(routes, redirect_slashes=False, default=api, lifespan=self._lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._router(scope, receive, send)

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Any) -> AsyncIterator[None]:
        yield
        self.stream.stop()


def _document(request: Request) -> Response:
    return FileResponse(STATIC / "index.html", headers=_ASKED_EACH_TIME)


class _Static(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            return JSONResponse({"error": {"message": f"{error.detail}.", "remedy": ""}}, error.status_code)
        response.headers.update(_ASKED_EACH_TIME)
        return response
