"""Serves OpenAI's API on ``/v1`` with the model that is set up: chat and plain completions, models, embeddings.

Replies and errors have OpenAI's shapes, so that its client and whatever is built on it can talk to Docent. A client
that goes away ends its generation. Access control is app.api.security's. The model does not see the documents.
"""

import asyncio
import base64
import json
import logging
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse

from app.api.description import Stream
from app.api.gate import Gate
from app.api.json_body import StrictRoute
from app.api.openai_choice import Answer, generations_wanted, returned
from app.api.openai_replies import (
    ChatChunk,
    ChatCompletion,
    Embedding,
    EmbeddingList,
    EmbeddingUsage,
    ModelInfo,
    ModelList,
    OpenAIFailure,
    OpenAIProblem,
    Reply,
    TextChunk,
    TextCompletion,
    usage,
)
from app.api.openai_requests import ChatBody, CompletionBody, EmbeddingBody
from app.settings.paths import builtin_model
from docent import DocentError
from engines.errors import EngineBusy, EngineError, RequestError
from engines.serving.generation import Delta, Finished, Generation
from engines.serving.sampling import SampledToken
from rag.errors import BusyError

if TYPE_CHECKING:
    from app.assistant import Assistant
    from app.models.setup import LocalModel

_log = logging.getLogger(__name__)
_LOOK_AFTER_S = 0.25  # how often a waiting request looks whether its client is still there
_BUSY = 429
_NO_STORE = {"cache-control": "no-store"}
_EVENTS = "text/event-stream"
_STREAMED = "One JSON object; with ``stream`` a stream of pieces, and ``[DONE]`` at its end."
_FAILURE: dict[int | str, dict[str, Any]] = {"default": {"model": OpenAIFailure, "description": "The request failed."}}
OPENAI_STREAMS = {
    "/v1/chat/completions": Stream(_EVENTS, list[ChatChunk]),
    "/v1/completions": Stream(_EVENTS, list[TextChunk]),
}


class _ApiError(Exception):
    """Raised to reply with an error in OpenAI's shape."""

    def __init__(self, status: int, message: str, kind: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = OpenAIFailure(error=OpenAIProblem(message=message, type=kind, param=param, code=code))


class _ClientGone(Exception):
    """Raised when the client has closed the connection."""


class _Route(StrictRoute):
    """A route that turns every failure into OpenAI's shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except HTTPException as error:
                found = _ApiError(error.status_code, f"{error.detail}.", "invalid_request_error")
                return _json(found.body, found.status)
            except (RequestValidationError, DocentError, _ApiError) as error:
                found = _translated(error)
                return _json(found.body, found.status)
            except _ClientGone:
                return Response(status_code=499)  # nginx's code for it; nobody sees it
            except Exception:  # noqa: BLE001 - the edge of this API: its clients must get its shape
                _log.exception("request %s failed", request.url.path)
                failed = _ApiError(500, "Docent failed unexpectedly; its log says more.", "server_error")
                return _json(failed.body, failed.status)

        return handled


def openai_routes(assistant: "Assistant", work: Gate) -> APIRouter:
    """Makes the routes, to be included in an application beside Docent's own API. ``work`` bounds what is tokenised and
    embedded at once."""
    routes = APIRouter(
        prefix="/v1",
        route_class=_Route,
        default_response_class=JSONResponse,
        dependencies=[Depends(_no_store)],
        responses=_FAILURE,
    )

    @routes.get("/models")
    def models() -> ModelList:
        """Lists the language model that is set up, if any, and the embedder."""
        return ModelList(data=[ModelInfo(id=name) for name in _names(assistant)])

    @routes.get("/models/{name:path}")
    def model(name: str) -> ModelInfo:
        """Returns one of the models."""
        if name not in _names(assistant):
            raise _unknown(name)
        return ModelInfo(id=name)

    @routes.post("/chat/completions", response_model=ChatCompletion, response_description=_STREAMED)
    async def chat(body: ChatBody, request: Request) -> Response:
        """Continues a conversation with the language model; it does not see the documents."""
        used = await run_in_threadpool(_model, assistant, body.model)
        tokens = await work.run(partial(used.chat_tokens, [message.plain() for message in body.messages]))
        return await _complete(used, [tokens], body, request)

    @routes.post("/completions", response_model=TextCompletion, response_description=_STREAMED)
    async def completions(body: CompletionBody, request: Request) -> Response:
        """Continues plain texts with the language model."""
        used = await run_in_threadpool(_model, assistant, body.model)
        prompts = await work.run(partial(_prompts, used, body))
        return await _complete(used, prompts, body, request)

    @routes.post("/embeddings")
    async def embeddings(body: EmbeddingBody) -> EmbeddingList:
        """Embeds texts."""
        return await work.run(partial(_embeddings, assistant, body))

    @routes.api_route("/{rest:path}", methods=["GET", "POST", "DELETE"], include_in_schema=False)
    def unknown(rest: str) -> Response:
        # The window, mounted at "/", would answer in a shape of its own.
        raise _ApiError(404, f"There is no /v1/{rest} here.", "invalid_request_error", "unknown_url")

    return routes


async def _complete(
    model: "LocalModel", prompts: list[list[int]], body: ChatBody | CompletionBody, request: Request
) -> Response:
    """Generates the answers to each prompt and makes the reply of ``body.n`` of each."""
    chat = isinstance(body, ChatBody)
    # A constraint's first use builds the tokenizer's index, which takes a moment.
    generations = await run_in_threadpool(_submit, model, prompts, body)
    identity = f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}"
    with_logprobs = body.wanted_logprobs() is not None
    replies = [
        Reply(identity, model.name, model.tokenizer, index, chat=chat, logprobs=with_logprobs)
        for index in range(body.n * len(prompts))
    ]
    if body.stream:
        lines = _event_stream(generations, replies, request, body)
        return StreamingResponse(lines, media_type=_EVENTS, headers=_NO_STORE)
    texts = [""] * len(generations)
    sampled: list[list[SampledToken]] = [[] for _ in generations]
    async with aclosing(_deltas(generations, request)) as deltas:
        async for index, delta in deltas:
            if delta is not None:
                texts[index] += delta.text
                sampled[index] += delta.tokens
    generated = [Answer(*one) for one in zip(texts, sampled, _ends(generations), strict=True)]
    answers = returned(body, generated)
    choices = [
        reply.whole(one.text, one.tokens, one.end) for reply, one in zip(replies, answers, strict=False)
    ]  # beams that ended early may be fewer
    counted = answers if body.num_beams > 1 else generated
    return _json(replies[0].frame(choices, usage([one.end for one in counted], len(counted) // len(prompts))))


def _prompts(model: "LocalModel", body: CompletionBody) -> list[list[int]]:
    return [model.text_tokens(part) if isinstance(part, str) else part for part in body.prompts()]


def _submit(model: "LocalModel", prompts: list[list[int]], body: ChatBody | CompletionBody) -> list[Generation]:
    """Submits all generations or none: where one is refused, the ones before it are cancelled."""
    generations: list[Generation] = []
    try:
        for tokens in prompts:
            params = body.params(model.room(tokens))
            for number in range(generations_wanted(body)):
                seed = None if params.seed is None else (params.seed + number) % 2**63
                generations.append(model.submit(tokens, replace(params, seed=seed)))
    except DocentError:
        for generation in generations:
            generation.cancel()
        raise
    return generations


async def _event_stream(
    generations: list[Generation], replies: list[Reply], request: Request, body: ChatBody | CompletionBody
) -> AsyncIterator[bytes]:
    """Yields server-sent events, as OpenAI sends them."""
    try:
        for reply in replies:
            if (first := reply.begin()) is not None:
                yield _event(first)
        async with aclosing(_deltas(generations, request)) as deltas:
            async for index, delta in deltas:
                if delta is not None:
                    yield _event(replies[index].piece(delta.text, delta.tokens))
                else:
                    yield _event(replies[index].end(_ends([generations[index]])[0]))
    except _ClientGone:
        return
    except EngineError as error:
        yield _event(_translated(error).body)
        return
    finally:
        for generation in generations:
            generation.cancel()  # also where the stream was given up before the first delta
    if body.stream_options.include_usage:
        yield _event(replies[0].usage(usage(_ends(generations), body.n)))
    yield b"data: [DONE]\n\n"


async def _deltas(generations: list[Generation], request: Request) -> AsyncGenerator[tuple[int, Delta | None], None]:
    """Yields each delta with the number of its generation, None at its end. Leaving early ends all generations.

    Raises _ClientGone when the connection is closed meanwhile."""
    streams = [aiter(generation) for generation in generations]
    coming = {asyncio.ensure_future(anext(stream, None)): index for index, stream in enumerate(streams)}
    clock = asyncio.get_running_loop().time
    looked = clock()
    try:
        while coming:
            done, _ = await asyncio.wait(coming, timeout=_LOOK_AFTER_S, return_when=asyncio.FIRST_COMPLETED)
            if clock() - looked >= _LOOK_AFTER_S:  # also while tokens come fast
                looked = clock()
                if await request.is_disconnected():
                    raise _ClientGone
            for future in done:
                index, delta = coming.pop(future), future.result()
                if delta is not None:
                    coming[asyncio.ensure_future(anext(streams[index], None))] = index
                yield index, delta
    finally:
        for future in coming:
            future.cancel()
        for generation in generations:
            generation.cancel()


def _ends(generations: list[Generation]) -> list[Finished]:
    ends = [generation.finished for generation in generations if generation.finished is not None]
    assert len(ends) == len(generations), "the answers were read to their ends"
    return ends


def _configured(assistant: "Assistant") -> str | None:
    """Returns the language model's name without loading it."""
    chosen = assistant.settings.model
    if chosen.is_builtin:
        return builtin_model().name if builtin_model().is_dir() else None
    return None if chosen.name is None else Path(chosen.name).name


def _model(assistant: "Assistant", name: str) -> "LocalModel":
    """Returns the language model, loaded on first use."""
    configured = _configured(assistant)
    if configured is None:
        message = "No language model is set up. See `docent model --help`."
        raise _ApiError(404, message, "invalid_request_error", "model_not_found")
    if name != configured:
        raise _unknown(name)
    model = assistant.language_model()
    assert model is not None, "one is set up"
    return model


def _names(assistant: "Assistant") -> list[str]:
    configured = _configured(assistant)
    return [*([configured] if configured else []), assistant.embedder().name]


def _unknown(name: str) -> _ApiError:
    return _ApiError(404, f"The model {name!r} does not exist.", "invalid_request_error", "model_not_found", "model")


def _embeddings(assistant: "Assistant", body: EmbeddingBody) -> EmbeddingList:
    embedder = assistant.embedder()
    if body.model != embedder.name:
        raise _unknown(body.model)
    if body.dimensions not in (None, embedder.dimension):
        raise RequestError(f"This model's vectors have {embedder.dimension} dimensions.", "Leave dimensions out.")
    vectors = embedder.embed_passages(body.input)
    tokens = sum(embedder.count_tokens(body.input))
    packed = body.encoding_format == "base64"
    data = [
        Embedding(
            index=index,
            embedding=base64.b64encode(np.asarray(row, "<f4").tobytes()).decode() if packed else row.tolist(),
        )
        for index, row in enumerate(vectors)
    ]
    used = EmbeddingUsage(prompt_tokens=tokens, total_tokens=tokens)
    return EmbeddingList(model=embedder.name, data=data, usage=used)


def _translated(error: RequestValidationError | DocentError | _ApiError) -> _ApiError:
    if isinstance(error, _ApiError):
        return error
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ("body", "str", "list[TextPart]"))
        reason = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
        message = f"{where or 'body'}: {reason}."
        if first["type"] == "extra_forbidden":
            message = f"{where} is not supported here."
        elif where.endswith(".content"):
            message = f"{where}: text is all that a message can hold here."
        return _ApiError(400, message, "invalid_request_error", None, where or None)
    if isinstance(error, EngineBusy | BusyError):
        return _ApiError(_BUSY, str(error), "rate_limit_error", "engine_busy")
    if isinstance(error, RequestError):
        code = "context_length_exceeded" if "context" in error.message else None
        return _ApiError(400, str(error), "invalid_request_error", code)
    status, kind = (500, "server_error") if isinstance(error, EngineError) else (400, "invalid_request_error")
    return _ApiError(status, str(error), kind)


def _event(data: BaseModel) -> bytes:
    return b"data: " + json.dumps(data.model_dump(mode="json")).encode("ascii") + b"\n\n"


def _no_store(response: Response) -> None:
    response.headers.update(_NO_STORE)


def _json(content: BaseModel, status: int = 200) -> Response:
    again = {"retry-after": "1"} if status == _BUSY else {}  # clients that wait and repeat ask for it
    return JSONResponse(content.model_dump(mode="json"), status, headers=_NO_STORE | again)
