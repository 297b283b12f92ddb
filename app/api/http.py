"""Serves an Assistant over HTTP: JSON requests, JSON or newline-delimited JSON replies.

Documents are named by id, never by path. A failure is ``{"error": {"message", "remedy"}}`` with a fitting status;
inside a stream it is the last line. Access control is app.api.security's, which wraps the whole server. Replies are the
documents that the command line's --json prints (``answer_shapes``, ``library_shapes``).
"""

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from app.api.body_limit import BodyLimit
from app.api.collections import collection_routes
from app.api.conversations import conversation_routes, folder_routes
from app.api.description import DescribedAPI, Stream
from app.api.desk import desk_routes
from app.api.gate import Gate, Gates
from app.api.json_replies import NO_STORE, ONE_A_LINE, AsciiJSON, NdJSON, router
from app.api.library import library_routes, page_routes
from app.api.metrics import metrics_routes
from app.api.models import model_routes
from app.api.privacy import privacy_routes
from app.api.prompts import prompt_routes
from app.api.settings import settings_routes
from app.api.shapes.answer import (
    AnsweredLine,
    AnswerLine,
    AnswerReply,
    SearchReply,
    Unloaded,
)
from app.api.shapes.base import ErrorLine, Failure, Problem, Shape
from app.api.shapes.library import SyncLine
from app.api.streams import answer_lines
from app.assistant import Assistant
from app.errors import ConversationError, TooLarge, UnknownDocument, UnknownPrompt, disk_error
from app.pages.desk import Desk
from docent import DocentError, __version__
from rag.errors import BusyError, LibraryLocked, UnknownCollection

_log = logging.getLogger(__name__)
_UNLOADING = 2  # they may wait for a model that is being loaded
_BUSY = 429
STREAMS = {
    "/api/ask": Stream("application/x-ndjson", list[AnswerLine]),
    "/api/sync": Stream("application/x-ndjson", list[SyncLine]),
}
_FAILURE: dict[int | str, dict[str, Any]] = {"default": {"model": Failure, "description": "The request failed."}}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AskBody(_Body):
    """A question. ``folders``, ``documents`` and ``collections`` (ids) restrict it; what is searched fits each kind
    that is given. ``after`` is the exchange that it follows in place of what stands there (0: it is asked in place of
    the first), which begins a branch of the conversation; null appends. ``model`` is the name of an installed
    model that answers, null for the one that is set up. ``stream=false`` gives one JSON document."""

    question: str = Field(min_length=1, max_length=10_000)
    conversation: str | None = None
    folders: list[str] = Field(default=[], max_length=1000)
    documents: list[int] = Field(default=[], max_length=100_000, fail_fast=True)
    collections: list[int] = Field(default=[], max_length=1000)
    after: int | None = Field(default=None, ge=0)
    model: str | None = Field(default=None, min_length=1, max_length=4_096)
    stream: bool = True


def create_api(assistant: Assistant, desk: Desk | None = None, gates: Gates | None = None) -> DescribedAPI:
    """Makes an application that serves ``/api/*``, ``/v1/*``, ``/v2/*`` and ``/metrics``; the window can be added to it
    (``ui.page``).

    ``desk`` is what its pages share, ``gates`` what bounds the work for the models; made here where none is given.
    """
    desk = desk or Desk(assistant, assistant.settings.data_dir / "inbox", assistant.settings.folder.uploads)
    # The documentation pages would load scripts from a remote host.
    api = DescribedAPI(
        STREAMS, title="Docent", version=__version__, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json"
    )
    api.add_exception_handler(DocentError, _person_can_mend)
    api.add_exception_handler(RequestValidationError, _invalid_request)
    api.add_exception_handler(HTTPException, _http_error)
    api.add_exception_handler(ClientDisconnect, _left)
    api.add_exception_handler(Exception, _defect)
    api.add_middleware(BodyLimit)
    gates = gates or Gates()
    work = gates.work
    for routes in (
        library_routes(assistant, work),
        page_routes(assistant),
        collection_routes(assistant, desk),
        _question_routes(assistant, gates),
        conversation_routes(assistant, desk),
        folder_routes(assistant, desk),
        prompt_routes(desk),
        desk_routes(desk),
        model_routes(desk),
        settings_routes(desk),
        privacy_routes(desk),
    ):
        api.include_router(routes, prefix="/api", responses=_FAILURE)
    api.include_router(metrics_routes(desk), responses=_FAILURE)
    api.include_later("/v1/", partial(_openai, assistant, work))  # these load the engine
    api.include_later("/v2", partial(_kserve, assistant, work))

    @api.api_route("/api/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    def unknown(rest: str) -> Response:
        # The window, mounted at "/", would answer in a shape of its own.
        raise HTTPException(404, f"There is no /api/{rest}.")

    return api


def _openai(assistant: Assistant, work: Gate) -> tuple[APIRouter, Mapping[str, Stream]]:
    from app.api.openai.routes import OPENAI_STREAMS, openai_routes

    return openai_routes(assistant, work), OPENAI_STREAMS


def _kserve(assistant: Assistant, work: Gate) -> tuple[APIRouter, Mapping[str, Stream]]:
    from app.api.kserve.routes import KSERVE_STREAMS, kserve_routes

    return kserve_routes(assistant, work), KSERVE_STREAMS


def _question_routes(assistant: Assistant, gates: Gates) -> APIRouter:
    routes = router()
    unloading = Gate(_UNLOADING)
    asks, work = gates.asks, gates.work

    @routes.post("/ask", response_model=AnswerReply, response_description=ONE_A_LINE)
    async def ask(body: AskBody) -> Response:
        """Answers a question, with citations: a stream, or one reply where ``stream`` is false.

        Closing the connection stops the answer.
        """
        ticket = asks.enter()
        with ExitStack() as undo:
            undo.callback(ticket.give_back)
            scope = await run_in_threadpool(assistant.restricted, body.folders, body.documents, body.collections)
            lines = answer_lines(assistant, body.question, body.conversation, scope, ticket, body.after, body.model)
            undo.pop_all()
        if body.stream:
            return NdJSON(lines, ticket)
        last: AnswerLine | None = None
        try:
            async for line in lines:
                last = line
        finally:
            if not ticket.lent:
                ticket.give_back()
        assert isinstance(last, AnsweredLine | ErrorLine), "a stream ends with one of them"
        return _json(last, 400 if isinstance(last, ErrorLine) else 200, without={"event"})

    @routes.post("/model/unload")
    async def unload() -> Unloaded:
        """Gives the language model's memory back until the next question, unless it is answering."""
        return Unloaded(unloaded=await unloading.run(assistant.unload_model))

    @routes.get("/search")
    async def search(
        question: Annotated[str, Query(min_length=1, max_length=10_000)],
        k: Annotated[int, Query(ge=1, le=1000)] = 10,
        folder: Annotated[list[str] | None, Query(max_length=1000)] = None,
    ) -> SearchReply:
        """Finds the chunks that match a question, best first."""
        scope = assistant.scope(folder or [])
        hits, timings = await work.run(partial(assistant.search_timed, question, k, scope))
        return SearchReply.of(question, hits, timings)

    return routes


def _json(content: Shape, status: int = 200, without: set[str] | None = None) -> Response:
    return AsciiJSON(content.model_dump(mode="json", exclude=without), status, headers=NO_STORE)


def _error(status: int, message: str, remedy: str = "") -> Response:
    return _json(Failure(error=Problem(message=message, remedy=remedy)), status)


def status_of(error: DocentError) -> int:
    """Returns the HTTP status that fits an error a person can mend."""
    if isinstance(error, ConversationError | UnknownDocument | UnknownPrompt | UnknownCollection):
        return 404
    if isinstance(error, LibraryLocked):
        return 409
    if isinstance(error, TooLarge):
        return 413
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
    return _error(error.status_code, f"{error.detail.rstrip('.')}.", "See /api/openapi.json for what there is.")


async def _left(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # nginx's code for a client that went before its request was whole; nobody sees it


async def _defect(request: Request, error: Exception) -> Response:
    if (full := disk_error(error)) is not None:
        return _error(507, full.message, full.remedy)  # Insufficient Storage
    _log.error("request %s failed", request.url.path, exc_info=error)
    return _error(500, "Docent failed unexpectedly.", "The log in the data folder holds the details.")
