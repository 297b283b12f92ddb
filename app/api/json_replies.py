"""What all routes of the HTTP API share: how JSON is written, and that nothing is kept in a browser's cache."""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api.gate import Ticket
from app.api.json_body import StrictRoute
from app.api.shapes.base import Shape

ONE_A_LINE = "A stream of JSON objects, one a line."
NO_STORE = {"cache-control": "no-store"}  # a person's documents do not belong into the browser's cache


class AsciiJSON(JSONResponse):
    """A JSON reply with escapes for everything beyond ASCII: file names may hold what UTF-8 cannot."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode("ascii")


def plain_reply(reply: Shape) -> AsciiJSON:
    """A finished reply, for routes that make it on their own thread: FastAPI writes JSON where requests are answered.
    Such a route names its ``response_model``."""
    return AsciiJSON(reply.plain(), headers=NO_STORE)


def reply_if_changed(request: Request, reply: Shape) -> Response:
    """A large finished reply with an ETag; 304 without a body to who names it as what is known already."""
    full = plain_reply(reply)
    tag = f'"{hashlib.sha256(full.body).hexdigest()[:32]}"'
    known = [one.strip() for one in request.headers.get("if-none-match", "").split(",")]
    if tag in known:
        return Response(status_code=304, headers={**NO_STORE, "etag": tag})
    full.headers["etag"] = tag
    return full


class NdJSON(StreamingResponse):
    """A reply of one JSON object a line, each sent as soon as it exists. ``ticket`` is given back with it, unless what
    makes the lines has it."""

    media_type = "application/x-ndjson"

    def __init__(self, lines: AsyncIterator[Shape], ticket: Ticket) -> None:
        self._ticket = ticket

        async def encoded() -> AsyncIterator[bytes]:
            async for line in lines:
                yield json.dumps(line.plain()).encode("ascii") + b"\n"

        super().__init__(encoded(), headers=NO_STORE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            if not self._ticket.lent:
                self._ticket.give_back()


def content(media_type: str, schema: Mapping[str, Any], description: str) -> dict[int | str, dict[str, Any]]:
    """Describes a reply other than JSON for the OpenAPI description."""
    return {200: {"description": description, "content": {media_type: {"schema": schema}}}}


def router(prefix: str = "") -> APIRouter:
    return APIRouter(
        prefix=prefix, route_class=StrictRoute, default_response_class=AsciiJSON, dependencies=[Depends(_no_store)]
    )


async def _no_store(response: Response) -> None:  # not on a thread, which is worth a turn of its own
    response.headers.update(NO_STORE)
