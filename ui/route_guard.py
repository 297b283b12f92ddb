"""Refuses the routes of Gradio's own HTTP interface that the window does not need.

Some of them serve files by path or fetch web addresses for the caller. The window needs neither: documents and their
pages come from the HTTP API, by id.
"""

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_API = "/gradio_api/"
_NEEDED = frozenset(
    {"queue", "heartbeat", "upload", "upload_progress", "run", "reset", "cancel", "startup-events", "app_id"}
)
_REFUSED = ("/file=", "/file/", "/proxy=", "/login", "/logout", "/monitoring", "/deep_link", "/docs", "/openapi.json")


def allowed(path: str) -> bool:
    """Returns whether the window needs this path or it is none of Gradio's."""
    _, found, rest = path.partition(_API)
    return rest.split("/", 1)[0] in _NEEDED if found else not path.startswith(_REFUSED)


class GradioGate:
    """ASGI middleware that answers 404 to what is not ``allowed``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not allowed(scope["path"]):
            await PlainTextResponse("Docent does not serve this.", status_code=404)(scope, receive, send)
            return
        await self._app(scope, receive, send)
