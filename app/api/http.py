"""The HTTP API over an Assistant: JSON in, JSON or newline-delimited JSON out.

Documents are named by id, never by path. A failure is ``{"error": {"message", "remedy"}}`` with a fitting status;
inside a stream it is the last line. Access control is app.api.security's, which wraps the whole server. Results have
the shapes that the command line's --json prints (app.api.shapes).
"""

import json
import logging
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse

from app.api.openai import openai_routes
from app.api.shapes import conversation_json, document_json, exchange_json, hit_json, status_json
from app.api.streams import answer_lines, sync_lines
from app.assistant import Assistant
from app.errors import ConversationError, UnknownDocument
from docent import DocentError, __version__
from rag.errors import LibraryLocked
from rag.types import Filter

_log = logging.getLogger(__name__)
_NO_STORE = {"cache-control": "no-store"}  # a person's documents do not belong into the browser's cache


class AsciiJSON(JSONResponse):
    """JSON with escapes for everything beyond ASCII: file names may hold what UTF-8 cannot."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode("ascii")


class NdJSON(StreamingResponse):
    """One JSON object a line, each sent as soon as it exists."""

    media_type = "application/x-ndjson"

    def __init__(self, lines: AsyncIterator[dict[str, Any]]) -> None:
        async def encoded() -> AsyncIterator[bytes]:
            async for line in lines:
                yield json.dumps(line).encode("ascii") + b"\n"

        super().__init__(encoded(), headers=_NO_STORE)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AskBody(_Body):
    """``folders`` and ``documents`` restrict the question; ``stream=false`` gives one JSON document."""

    question: str = Field(min_length=1, max_length=10_000)
    conversation: str | None = None
    folders: list[str] = []
    documents: list[int] = []
    stream: bool = True


class SyncBody(_Body):
    """``locations`` are folders, files or URLs; null means every known source."""

    locations: list[str] | None = None


class TitleBody(_Body):
    title: str = Field(min_length=1, max_length=200)


def create_api(assistant: Assistant) -> FastAPI:
    """An application that serves ``/api/*`` and ``/v1/*``; the window can be mounted beside it."""
    # The documentation pages would load scripts from a remote host.
    api = FastAPI(title="Docent", version=__version__, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    api.add_exception_handler(DocentError, _person_can_mend)
    api.add_exception_handler(RequestValidationError, _invalid_request)
    api.add_exception_handler(HTTPException, _http_error)
    api.add_exception_handler(Exception, _defect)
    for router in (_library_routes(assistant), _question_routes(assistant), _conversation_routes(assistant)):
        api.include_router(router, prefix="/api")
    api.include_router(openai_routes(assistant))

    @api.api_route("/api/{rest:path}", methods=["GET", "POST", "PATCH", "DELETE"], include_in_schema=False)
    def unknown(rest: str) -> Response:
        # The window, mounted at "/", would answer in a shape of its own.
        raise HTTPException(404, f"There is no /api/{rest}.")

    return api


def _library_routes(assistant: Assistant) -> APIRouter:
    routes = APIRouter()

    @routes.get("/status")
    def status() -> Response:
        return _json(status_json(assistant.status()))

    @routes.post("/sync")
    async def sync(body: SyncBody) -> Response:
        return NdJSON(sync_lines(assistant, body.locations))

    @routes.delete("/sources")
    def remove(location: str) -> Response:
        return _json({"location": location, "removed": assistant.remove(location)})

    @routes.get("/documents")
    def documents() -> Response:
        return _json({"documents": [document_json(document) for document in assistant.documents()]})

    @routes.get("/documents/{document_id}")
    def document(document_id: int) -> Response:
        view = assistant.document_view(document_id)
        return _json({**document_json(view.document), "characters": len(view.text), "pages": view.pages})

    @routes.get("/documents/{document_id}/text")
    def text(document_id: int) -> Response:
        content = assistant.document_view(document_id).text.encode("utf-8", "replace")
        return Response(content, media_type="text/plain; charset=utf-8", headers=_NO_STORE)

    @routes.get("/documents/{document_id}/page/{page}.png")
    def page(
        document_id: int,
        page: int,
        start: Annotated[int | None, Query(ge=0)] = None,
        end: Annotated[int | None, Query(ge=0)] = None,
        scale: Annotated[float, Query(ge=0.25, le=4)] = 2.0,
        read_start: Annotated[int | None, Query(ge=0)] = None,
        read_end: Annotated[int | None, Query(ge=0)] = None,
    ) -> Response:
        span = (start, end) if start is not None and end is not None else None
        read = (read_start, read_end) if read_start is not None and read_end is not None else None
        picture = assistant.page_png(document_id, page, span, scale, read)
        return Response(picture, media_type="image/png", headers=_NO_STORE)

    return routes


def _question_routes(assistant: Assistant) -> APIRouter:
    routes = APIRouter()

    @routes.post("/ask")
    async def ask(body: AskBody) -> Response:
        scope = Filter(frozenset(body.documents), assistant.scope(body.folders).folders)
        lines = answer_lines(assistant, body.question, body.conversation, scope)
        if body.stream:
            return NdJSON(lines)
        reply: dict[str, Any] = {}
        async for line in lines:
            reply = line
        reply.pop("event", None)
        return _json(reply, 400 if "error" in reply else 200)

    @routes.get("/search")
    def search(
        question: Annotated[str, Query(min_length=1, max_length=10_000)],
        k: Annotated[int, Query(ge=1, le=1000)] = 10,
        folder: Annotated[list[str] | None, Query()] = None,
    ) -> Response:
        hits, timings = assistant.search_timed(question, k, assistant.scope(folder or []))
        return _json({"question": question, "hits": [hit_json(hit) for hit in hits], "timings_ms": timings})

    return routes


def _conversation_routes(assistant: Assistant) -> APIRouter:
    routes = APIRouter(prefix="/conversations")

    @routes.get("")
    def conversations() -> Response:
        return _json({"conversations": [conversation_json(info) for info in assistant.conversations()]})

    @routes.get("/{conversation_id}")
    def conversation(conversation_id: str) -> Response:
        exchanges = assistant.conversation(conversation_id)
        return _json({"id": conversation_id, "exchanges": [exchange_json(exchange) for exchange in exchanges]})

    @routes.patch("/{conversation_id}")
    def rename(conversation_id: str, body: TitleBody) -> Response:
        assistant.rename_conversation(conversation_id, body.title)
        return _json({"id": conversation_id, "title": body.title})

    @routes.delete("/{conversation_id}")
    def delete(conversation_id: str) -> Response:
        assistant.delete_conversation(conversation_id)
        return _json({"id": conversation_id, "deleted": True})

    return routes


def _json(content: Any, status: int = 200) -> Response:
    return AsciiJSON(content, status, headers=_NO_STORE)


def _error(status: int, message: str, remedy: str = "") -> Response:
    return _json({"error": {"message": message, "remedy": remedy}}, status)


def status_of(error: DocentError) -> int:
    """The HTTP status that fits an error a person can mend."""
    if isinstance(error, ConversationError | UnknownDocument):
        return 404
    if isinstance(error, LibraryLocked):
        return 409
    return 400


async def _person_can_mend(request: Request, error: Exception) -> Response:
    assert isinstance(error, DocentError)
    return _error(status_of(error), error.message, error.remedy)


async def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _error(422, f"{where}: {first['msg']}.", "See /api/openapi.json.")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, f"{error.detail}.", "See /api/openapi.json for what there is.")


async def _defect(request: Request, error: Exception) -> Response:
    _log.error("request %s failed", request.url.path, exc_info=error)
    return _error(500, "Docent failed unexpectedly.", "The log in the data folder holds the details.")
