"""What a user may ask for. What is not listed is for administrators, and little for who started the server alone.

Chats, runs and news need no list: a user's application holds those of this user and no others (``per_user``).
"""

from starlette.responses import JSONResponse
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

USERS = (
    # the page itself
    "GET /",
    "GET /chat/{rest:path}",
    "GET /library",
    "GET /settings",
    "GET /settings/prompts",
    "GET /static/{rest:path}",
    "GET /gradio/{rest:path}",
    "POST /gradio/{rest:path}",
    "GET /api/openapi.json",
    # their own chats and prompts
    "GET /api/conversations",
    "GET /api/conversations/export",
    "GET /api/conversations/{conversation_id}",
    "PATCH /api/conversations/{conversation_id}",
    "DELETE /api/conversations/{conversation_id}",
    "PUT /api/conversations/{conversation_id}/shown",
    "GET /api/conversations/{conversation_id}/export",
    "POST /api/conversations/{conversation_id}/copy",
    "POST /api/conversations/{conversation_id}/restore",
    "DELETE /api/conversations/{conversation_id}/exchanges/{exchange}",
    "GET /api/conversations/{conversation_id}/exchanges/{exchange}/suggestions",
    "PUT /api/conversations/{conversation_id}/exchanges/{exchange}/feedback",
    "POST /api/conversation-folders",
    "PATCH /api/conversation-folders/{folder}",
    "DELETE /api/conversation-folders/{folder}",
    "GET /api/prompts",
    "POST /api/prompts",
    "PATCH /api/prompts/{prompt_id}",
    "DELETE /api/prompts/{prompt_id}",
    "POST /api/ask",
    "GET /api/runs",
    "POST /api/runs",
    "POST /api/runs/{run_id}/stop",
    "DELETE /api/runs/{run_id}",
    # the library that all share, to read
    "GET /api/status",
    "GET /api/search",
    "GET /api/syncing",
    "GET /api/documents",
    "GET /api/documents/{document_id}",
    "GET /api/documents/{document_id}/text",
    "GET /api/documents/{document_id}/file",
    "GET /api/documents/{document_id}/tables",
    "GET /api/documents/{document_id}/layout",
    "GET /api/documents/{document_id}/page/{page}.png",
    "GET /api/documents/{document_id}/page/{page}.txt",
    "GET /api/documents/{document_id}/page/{page}/marks",
    # collections: those of all to read, those of their own to change
    "GET /api/collections",
    "POST /api/collections",
    "POST /api/collections/{collection_id}/restore",
    "PATCH /api/collections/{collection_id}",
    "DELETE /api/collections/{collection_id}",
    # the models
    "GET /api/models",
    "GET /v1/models",
    "GET /v1/models/{name:path}",
    "POST /v1/chat/completions",
    "POST /v1/completions",
    "POST /v1/embeddings",
    "POST /v1/rerank",
    "POST /v1/responses",
    "GET /v2",
    "GET /v2/health/live",
    "GET /v2/health/ready",
    "GET /v2/models/{name}",
    "GET /v2/models/{name}/ready",
    "POST /v2/models/{name}/infer",
    "POST /v2/models/{name}/generate",
    "POST /v2/models/{name}/generate_stream",
    "GET /v2/models/{name}/versions/{version}",
    "GET /v2/models/{name}/versions/{version}/ready",
    "POST /v2/models/{name}/versions/{version}/infer",
    "POST /v2/models/{name}/versions/{version}/generate",
    "POST /v2/models/{name}/versions/{version}/generate_stream",
)
"""Method and path as the routes name them."""

OPERATOR_ALONE = ("/desktop/", "/api/browsers", "/api/documents/{document_id}/open")
"""Of the computer that the server runs on, or of a launch: not for administrators either."""

_USERS = [(method, compile_path(path)[0]) for method, path in (one.split(" ", 1) for one in USERS)]
_ALONE = [compile_path(path)[0] for path in OPERATOR_ALONE if "{" in path]
_ALONE_BELOW = tuple(path for path in OPERATOR_ALONE if "{" not in path)


def may(method: str, path: str, *, is_admin: bool) -> bool:
    """Whether a user, or with ``is_admin`` an administrator, may send such a request."""
    if is_admin:
        return not path.startswith(_ALONE_BELOW) and not any(one.fullmatch(path) for one in _ALONE)
    wanted = "GET" if method == "HEAD" else method
    return any(wanted == listed and pattern.fullmatch(path) for listed, pattern in _USERS)


class Permitted:
    """An application of which a user can reach what ``may`` allows."""

    def __init__(self, app: ASGIApp, *, is_admin: bool) -> None:
        self._app = app
        self._is_admin = is_admin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and may(scope["method"], scope["path"], is_admin=self._is_admin):
            await self._app(scope, receive, send)
            return
        assert scope["type"] == "http", "no route is a WebSocket"
        problem = {"message": "This is for who runs this Docent.", "remedy": "Ask them to do it."}
        await JSONResponse({"error": problem}, 403, {"cache-control": "no-store"})(scope, receive, send)
