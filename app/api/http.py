"""Serves an Assistant over HTTP: JSON requests, JSON or newline-delimited JSON replies.

Documents are named by id, never by path. A failure is ``{"error": {"message", "remedy"}}`` with a fitting status;
inside a stream it is the last line. Access control is app.api.security's, which wraps the whole server. Replies are the
documents that the command line's --json prints (``answer_shapes``, ``library_shapes``).
"""

import json
import logging
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api.answer_shapes import (
    AnsweredLine,
    AnswerLine,
    AnswerReply,
    Conversation,
    ConversationList,
    Deleted,
    Renamed,
    SearchReply,
    Unloaded,
)
from app.api.body_limit import BodyLimit
from app.api.description import DescribedAPI, Stream
from app.api.gate import Gate, Ticket
from app.api.json_body import StrictRoute
from app.api.library_shapes import DocumentList, DocumentReply, Removed, Status, SyncLine, SyncPreview
from app.api.openai import OPENAI_STREAMS, openai_routes
from app.api.shape import ErrorLine, Failure, Problem, Shape
from app.api.streams import answer_lines, sync_lines
from app.assistant import Assistant
from app.errors import ConversationError, UnknownDocument, disk_error
from docent import DocentError, __version__
from rag.errors import BusyError, LibraryLocked
from rag.types import Filter

_log = logging.getLogger(__name__)
_WORKING_AT_ONCE = 4  # questions, searches and other work for the models
_DRAWN_AT_ONCE = 8  # pictures of pages; they wait for the processes that draw
_SYNCS = 16
_BUSY = 429
_MOST_WAITING = 256  # of a kind, as in the engine's queue
_NO_STORE = {"cache-control": "no-store"}  # a person's documents do not belong into the browser's cache
_ONE_A_LINE = "A stream of JSON objects, one a line."
STREAMS = {
    "/api/ask": Stream("application/x-ndjson", list[AnswerLine]),
    "/api/sync": Stream("application/x-ndjson", list[SyncLine]),
    **OPENAI_STREAMS,
}
_FAILURE: dict[int | str, dict[str, Any]] = {"default": {"model": Failure, "description": "The request failed."}}


class AsciiJSON(JSONResponse):
    """A JSON reply with escapes for everything beyond ASCII: file names may hold what UTF-8 cannot."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode("ascii")


class NdJSON(StreamingResponse):
    """A reply of one JSON object a line, each sent as soon as it exists."""

    media_type = "application/x-ndjson"

    def __init__(self, lines: AsyncIterator[Shape], ticket: Ticket) -> None:
        self._ticket = ticket

        async def encoded() -> AsyncIterator[bytes]:
            async with ticket:
                async for line in lines:
                    yield json.dumps(line.plain()).encode("ascii") + b"\n"

        super().__init__(encoded(), headers=_NO_STORE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._ticket.give_back()


def _no_store(response: Response) -> None:
    response.headers.update(_NO_STORE)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AskBody(_Body):
    """A question. ``folders`` and ``documents`` restrict it; ``stream=false`` gives one JSON document."""

    question: str = Field(min_length=1, max_length=10_000)
    conversation: str | None = None
    folders: list[str] = Field(default=[], max_length=1000)
    documents: list[int] = Field(default=[], max_length=100_000)
    stream: bool = True


class SyncBody(_Body):
    """What to sync: ``locations`` are folders, files or URLs; null means every known source. With ``anew`` every
    document there is read, changed or not."""

    locations: list[str] | None = Field(default=None, max_length=1000)
    anew: bool = False


class PreviewBody(_Body):
    """What to look at: ``locations`` are folders, files or URLs; null means every known source."""

    locations: list[str] | None = Field(default=None, max_length=1000)


class TitleBody(_Body):
    title: str = Field(min_length=1, max_length=200)


def create_api(assistant: Assistant) -> FastAPI:
    """Makes an application that serves ``/api/*`` and ``/v1/*``; the window can be mounted beside it."""
    # The documentation pages would load scripts from a remote host.
    api = DescribedAPI(
        STREAMS, title="Docent", version=__version__, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json"
    )
    api.add_exception_handler(DocentError, _person_can_mend)
    api.add_exception_handler(RequestValidationError, _invalid_request)
    api.add_exception_handler(HTTPException, _http_error)
    api.add_exception_handler(Exception, _defect)
    api.add_middleware(BodyLimit)
    work = Gate(_WORKING_AT_ONCE, _MOST_WAITING)
    for router in (
        _library_routes(assistant, work),
        _question_routes(assistant, work),
        _conversation_routes(assistant),
    ):
        api.include_router(router, prefix="/api", responses=_FAILURE)
    api.include_router(openai_routes(assistant, work))

    @api.api_route("/api/{rest:path}", methods=["GET", "POST", "PATCH", "DELETE"], include_in_schema=False)
    def unknown(rest: str) -> Response:
        # The window, mounted at "/", would answer in a shape of its own.
        raise HTTPException(404, f"There is no /api/{rest}.")

    return api


def _router(prefix: str = "") -> APIRouter:
    return APIRouter(
        prefix=prefix, route_class=StrictRoute, default_response_class=AsciiJSON, dependencies=[Depends(_no_store)]
    )


def _content(media_type: str, schema: Mapping[str, Any], description: str) -> dict[int | str, dict[str, Any]]:
    """Describes a reply other than JSON for the OpenAPI description."""
    return {200: {"description": description, "content": {media_type: {"schema": schema}}}}


def _library_routes(assistant: Assistant, work: Gate) -> APIRouter:
    routes = _router()
    syncs = Gate(_SYNCS, 0)  # they wait for each other

    @routes.get("/status")
    def status() -> Status:
        """Returns the sources, how many documents have each status, and which could not be read."""
        return Status.of(assistant.status())

    @routes.post("/sync", response_model=None, response_description=_ONE_A_LINE)
    async def sync(body: SyncBody) -> Response:
        """Reads new and changed documents. Closing the connection cancels the sync; what is finished stays."""
        return NdJSON(sync_lines(assistant, body.locations, anew=body.anew), syncs.enter())

    @routes.post("/sync/preview")
    def preview(body: PreviewBody) -> SyncPreview:
        """Tells what a sync would read, and what each pattern leaves out. Nothing is read or changed."""
        return SyncPreview.of(assistant.preview(body.locations))

    @routes.delete("/sources")
    async def remove(location: str) -> Removed:
        """Takes a source, or one document of it, out of the library. The files stay where they are."""
        return Removed(location=location, removed=await syncs.run(partial(assistant.remove, location)))

    @routes.get("/documents")
    def documents() -> DocumentList:
        """Lists all documents, whatever their status."""
        return DocumentList.of(assistant.documents())

    drawing = Gate(_DRAWN_AT_ONCE, _MOST_WAITING)

    @routes.get("/documents/{document_id}")
    async def document(document_id: int) -> DocumentReply:
        """Returns one document."""
        return DocumentReply.of(await drawing.run(partial(assistant.document_view, document_id)))

    text_reply = _content("text/plain", {"type": "string"}, "The text.")

    @routes.get("/documents/{document_id}/text", response_class=Response, responses=text_reply)
    async def text(document_id: int) -> Response:
        """Returns the text of a document, to which the positions of citations refer."""
        content = await work.run(lambda: assistant.document_text(document_id).encode("utf-8", "replace"))
        return Response(content, media_type="text/plain; charset=utf-8", headers=_NO_STORE)

    _page_routes(routes, assistant, drawing)
    return routes


def _page_routes(routes: APIRouter, assistant: Assistant, drawing: Gate) -> None:
    picture_reply = _content("image/png", {"type": "string", "format": "binary"}, "The picture.")

    @routes.get("/documents/{document_id}/page/{page}.png", response_class=Response, responses=picture_reply)
    async def page(
        document_id: int,
        page: int,
        start: Annotated[int | None, Query(ge=0)] = None,
        end: Annotated[int | None, Query(ge=0)] = None,
        scale: Annotated[float, Query(ge=0.25, le=4)] = 2.0,
        read_start: Annotated[int | None, Query(ge=0)] = None,
        read_end: Annotated[int | None, Query(ge=0)] = None,
    ) -> Response:
        """Draws a page (from 1) of a PDF as a picture.

        The characters ``start`` to ``end`` of its text are highlighted, and more so ``read_start`` to ``read_end``.
        """
        span = (start, end) if start is not None and end is not None else None
        read = (read_start, read_end) if read_start is not None and read_end is not None else None
        picture = await drawing.run(partial(assistant.page_png, document_id, page, span, scale, read))
        return Response(picture, media_type="image/png", headers=_NO_STORE)

    text_reply = _content("text/plain", {"type": "string"}, "The text.")

    @routes.get("/documents/{document_id}/page/{page}.txt", response_class=Response, responses=text_reply)
    async def page_text(document_id: int, page: int) -> Response:
        """Returns the text of a page (from 1), for where its picture cannot be drawn."""
        content = await drawing.run(lambda: assistant.page_text(document_id, page).encode("utf-8", "replace"))
        return Response(content, media_type="text/plain; charset=utf-8", headers=_NO_STORE)


def _question_routes(assistant: Assistant, work: Gate) -> APIRouter:
    routes = _router()
    asks = Gate(_WORKING_AT_ONCE, _MOST_WAITING)

    @routes.post("/ask", response_model=AnswerReply, response_description=_ONE_A_LINE)
    async def ask(body: AskBody) -> Response:
        """Answers a question, with citations: a stream, or one reply where ``stream`` is false.

        Closing the connection stops the answer.
        """
        ticket = asks.enter()
        try:
            scope = Filter(frozenset(body.documents), assistant.scope(body.folders).folders)
            lines = answer_lines(assistant, body.question, body.conversation, scope)
        except BaseException:
            ticket.give_back()
            raise
        if body.stream:
            return NdJSON(lines, ticket)
        last: AnswerLine | None = None
        try:
            async with ticket:
                async for line in lines:
                    last = line
        finally:
            ticket.give_back()
        assert isinstance(last, AnsweredLine | ErrorLine), "a stream ends with one of them"
        return _json(last, 400 if isinstance(last, ErrorLine) else 200, without={"event"})

    @routes.post("/model/unload")
    def unload() -> Unloaded:
        """Gives the language model's memory back until the next question, unless it is answering."""
        return Unloaded(unloaded=assistant.unload_model())

    @routes.get("/search")
    async def search(
        question: Annotated[str, Query(min_length=1, max_length=10_000)],
        k: Annotated[int, Query(ge=1, le=1000)] = 10,
        folder: Annotated[list[str] | None, Query()] = None,
    ) -> SearchReply:
        """Finds the chunks that match a question, best first."""
        scope = assistant.scope(folder or [])
        hits, timings = await work.run(partial(assistant.search_timed, question, k, scope))
        return SearchReply.of(question, hits, timings)

    return routes


def _conversation_routes(assistant: Assistant) -> APIRouter:
    routes = _router("/conversations")

    @routes.get("")
    def conversations() -> ConversationList:
        """Lists all conversations, newest first."""
        return ConversationList.of(assistant.conversations())

    @routes.get("/{conversation_id}")
    def conversation(conversation_id: str) -> Conversation:
        """Returns the questions and answers of a conversation, oldest first."""
        return Conversation.of(conversation_id, assistant.conversation(conversation_id))

    @routes.patch("/{conversation_id}")
    def rename(conversation_id: str, body: TitleBody) -> Renamed:
        """Gives a conversation another title."""
        assistant.rename_conversation(conversation_id, body.title)
        return Renamed(id=conversation_id, title=body.title)

    @routes.delete("/{conversation_id}")
    def delete(conversation_id: str) -> Deleted:
        """Deletes a conversation for good."""
        assistant.delete_conversation(conversation_id)
        return Deleted(id=conversation_id)

    return routes


def _json(content: Shape, status: int = 200, without: set[str] | None = None) -> Response:
    return AsciiJSON(content.model_dump(mode="json", exclude=without), status, headers=_NO_STORE)


def _error(status: int, message: str, remedy: str = "") -> Response:
    return _json(Failure(error=Problem(message=message, remedy=remedy)), status)


def status_of(error: DocentError) -> int:
    """Returns the HTTP status that fits an error a person can mend."""
    if isinstance(error, ConversationError | UnknownDocument):
        return 404
    if isinstance(error, LibraryLocked):
        return 409
    if isinstance(error, BusyError):
        return _BUSY
    return 400


async def _person_can_mend(request: Request, error: Exception) -> Response:
    assert isinstance(error, DocentError)
    reply = _error(status_of(error), error.message, error.remedy)
    if reply.status_code == _BUSY:
        reply.headers["retry-after"] = "1"
    return reply


async def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _error(422, f"{where}: {first['msg']}.", "See /api/openapi.json.")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, f"{error.detail}.", "See /api/openapi.json for what there is.")


async def _defect(request: Request, error: Exception) -> Response:
    if (full := disk_error(error)) is not None:
        return _error(507, full.message, full.remedy)  # Insufficient Storage
    _log.error("request %s failed", request.url.path, exc_info=error)
    return _error(500, "Docent failed unexpectedly.", "The log in the data folder holds the details.")
