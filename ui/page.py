"""Serves the page: its files, the addresses that it has, and the stream of news.

The page is plain ES modules that a browser loads as they lie in ``static/``; it talks to the HTTP API alone. Every
address of the page (``/chat/ID``, ``/library``, ...) gives the same document, so that Back and reloading work.
"""

import contextlib
import mimetypes
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
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
_SMALL_BYTES = 128 * 1024
_ASKED_EACH_TIME = {"cache-control": "no-cache"}  # a browser may keep them, but they change with an update of Docent


class Page:
    """The page's own files, and the ``stream`` of news that its pages follow; every other request is for ``api``, the
    application of the HTTP API."""

    def __init__(self, api: ASGIApp, desk: Desk) -> None:
        self.stream = GradioStream(desk.feed, desk.uploads)
        self.is_asked_for = False  # by a browser, since Docent has begun
        routes = [
            *(Route(address, self._document) for address in _ADDRESSES),
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

    def _document(self, request: Request) -> Response:
        self.is_asked_for = True
        return FileResponse(STATIC / "index.html", headers=_ASKED_EACH_TIME)


class _Static(StaticFiles):
    """The page is drawn from some 70 small files, which are read where they are asked for: handing each to threads in
    pieces takes longer than reading it."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        is_whole = scope["method"] == "GET" and "range" not in Headers(scope=scope)
        if isinstance(response, FileResponse) and is_whole and stat_result.st_size <= _SMALL_BYTES:
            return Response(Path(full_path).read_bytes(), status_code, response.headers)
        return response

    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            return JSONResponse({"error": {"message": f"{error.detail}.", "remedy": ""}}, error.status_code)
        response.headers.update(_ASKED_EACH_TIME)
        return response
