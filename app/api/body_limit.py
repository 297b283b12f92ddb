"""Refuses requests with too large a body before anything is made of it: an ASGI middleware.

Uploads are apart: they go to a file and have a limit of their own (``app.pages.inbox``).
"""

import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 4 << 20
"""Far more than a long context or the largest batch of embeddings needs."""

_UPLOADS = "/api/uploads/"
_MOST_DRAINED = 64 << 20


class BodyLimit:
    """Answers 413 in the shape of the API that was asked."""

    def __init__(self, app: ASGIApp, most_bytes: int = MOST_BYTES) -> None:
        self._app = app
        self._most = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_UPLOADS):
            await self._app(scope, receive, send)
            return
        if self._announced(scope) > self._most:
            if not any(name == b"expect" for name, _ in scope["headers"]):  # who expects an answer sends nothing yet
                await _drain(receive)
            await self._refuse(scope, send)
            return
        taken = 0
        ended = started = False

        async def counted() -> Message:
            nonlocal taken, ended
            if taken > self._most:
                return {"type": "http.disconnect"}
            message = await receive()
            ended = not message.get("more_body", False)
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > self._most:
                    return {"type": "http.disconnect"}
            return message

        async def guarded(message: Message) -> None:
            nonlocal started
            if taken > self._most and not started:
                return  # whatever was made of half a body
            started = True
            await send(message)

        await self._app(scope, counted, guarded)
        if taken > self._most and not started:
            if not ended:
                await _drain(receive)
            await self._refuse(scope, send)

    def _announced(self, scope: Scope) -> int:
        for name, value in scope["headers"]:
            if name == b"content-length":
                return int(value) if value.isdigit() and len(value) < 20 else self._most + 1
        return 0

    async def _refuse(self, scope: Scope, send: Send) -> None:
        error: dict[str, str | None] | str
        limit = f"The request is larger than {self._most >> 20} MiB."
        if scope["path"].startswith("/v1/"):
            error = {"message": limit, "type": "invalid_request_error", "param": None, "code": "request_too_large"}
        elif scope["path"].startswith("/v2/"):
            error = limit
        else:
            error = {"message": limit, "remedy": "Ask for less at a time."}
        body = json.dumps({"error": error}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"connection", b"close"),  # the rest of the body is not wanted
        ]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _drain(receive: Receive) -> None:
    """Takes the rest of a body and keeps nothing of it, up to a size: most clients read no answer before they have sent
    everything, and a connection that is closed meanwhile tells them nothing."""
    taken, more = 0, True
    while more and taken < _MOST_DRAINED:
        message = await receive()
        taken += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
