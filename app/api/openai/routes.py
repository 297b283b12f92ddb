"""Serves OpenAI's API on ``/v1`` with the model that is set up: chat and plain completions, responses, models,
embeddings, rerankings.

Replies and errors have OpenAI's shapes, so that its client and whatever is built on it can talk to Docent. A client
that goes away ends its generation. Access control is app.api.security's. The model does not see the documents.
"""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response, StreamingResponse

from app.api.description import Stream
from app.api.gate import Gate
from app.api.openai.choice import Answer, generations_wanted, returned
from app.api.openai.errors import (
    FAILURE,
    NO_STORE,
    ApiError,
    ClientGone,
    OpenAIRoute,
    json_reply,
    no_store,
    translated,
    unknown_model,
)
from app.api.openai.generations import deltas, ends, submit, whole
from app.api.openai.replies import (
    ChatChunk,
    ChatCompletion,
    EmbeddingList,
    ModelInfo,
    ModelList,
    Ranking,
    TextChunk,
    TextCompletion,
)
from app.api.openai.reply import Reply, usage
from app.api.openai.requests import ChatBody, CompletionBody, EmbeddingBody, RerankBody
from app.api.openai.responses.routes import RESPONSE_STREAM, add_responses
from app.api.openai.turn import Prompts, chat_turn, configured_name, language_model, plain_prompts
from app.api.openai.vectors import embeddings, ranking, reader_name
from engines.errors import EngineError
from engines.messages.reply_parts import ReplyParser
from engines.serving.generation import Generation

if TYPE_CHECKING:
    from app.assistant import Assistant
    from app.models.setup import LocalModel

_LOADING = 4  # requests that may wait for a model, which can take minutes; the rest wait without a thread
_EVENTS = "text/event-stream"
_STREAMED = "One JSON object; with ``stream`` a stream of pieces, and ``[DONE]`` at its end."
OPENAI_STREAMS = {
    "/v1/chat/completions": Stream(_EVENTS, list[ChatChunk]),
    "/v1/completions": Stream(_EVENTS, list[TextChunk]),
    "/v1/responses": RESPONSE_STREAM,
}


def openai_routes(assistant: "Assistant", work: Gate) -> APIRouter:
    """Makes the routes, to be included in an application beside Docent's own API. ``work`` bounds what is tokenised and
    embedded at once."""
    loading = Gate(_LOADING)
    routes = APIRouter(
        prefix="/v1",
        route_class=OpenAIRoute,
        default_response_class=JSONResponse,
        dependencies=[Depends(no_store)],
        responses=FAILURE,
    )

    @routes.get("/models")
    async def models() -> ModelList:
        """Lists the language model, the embedder and the reader that are set up."""
        return ModelList(data=[ModelInfo(id=name) for name in await loading.run(partial(_names, assistant))])

    @routes.get("/models/{name:path}")
    async def model(name: str) -> ModelInfo:
        """Returns one of the models."""
        if name not in await loading.run(partial(_names, assistant)):
            raise unknown_model(name)
        return ModelInfo(id=name)

    @routes.post("/chat/completions", response_model=ChatCompletion, response_description=_STREAMED)
    async def chat(body: ChatBody, request: Request) -> Response:
        """Continues a conversation with the language model; it does not see the documents.

        Calls of ``tools`` fit their schemas; the program that asks runs them and sends the results."""
        used = await loading.run(partial(language_model, assistant, body.model))
        turn = await work.run(partial(chat_turn, used, body, assistant.settings.model.thinking_tokens))
        parsers = [turn.parser() for _ in range(body.n)]
        return await _complete(used, turn.prompts, body, request, parsers, loading)

    add_responses(routes, assistant, work, loading)

    @routes.post("/completions", response_model=TextCompletion, response_description=_STREAMED)
    async def completions(body: CompletionBody, request: Request) -> Response:
        """Continues plain texts with the language model."""
        used = await loading.run(partial(language_model, assistant, body.model))
        prompts = await work.run(partial(plain_prompts, used, body))
        return await _complete(used, prompts, body, request, [None] * (body.n * len(prompts)), loading)

    @routes.post("/embeddings")
    async def embedded(body: EmbeddingBody) -> EmbeddingList:
        """Embeds texts."""
        return await work.run(partial(embeddings, assistant, body))

    @routes.post("/rerank")
    async def reranked(body: RerankBody) -> Ranking:
        """Orders texts by how well they answer a query."""
        return await work.run(partial(ranking, assistant, body))

    @routes.api_route("/{rest:path}", methods=["GET", "POST", "DELETE"], include_in_schema=False)
    def unknown(rest: str) -> Response:
        # The window, mounted at "/", would answer in a shape of its own.
        raise ApiError(404, f"There is no /v1/{rest} here.", "invalid_request_error", "unknown_url")

    return routes


async def _complete(
    model: "LocalModel",
    prompts: Prompts,
    body: ChatBody | CompletionBody,
    request: Request,
    parsers: list[ReplyParser] | list[None],
    loading: Gate,
) -> Response:
    """Generates the answers to each prompt and makes the reply of ``body.n`` of each, with a parser for each answer."""
    # A constraint's first use builds the tokenizer's index, which takes a moment; a model that sleeps is loaded.
    generations = await loading.run(partial(submit, model, prompts, generations_wanted(body)))
    identity = f"{'chatcmpl' if isinstance(body, ChatBody) else 'cmpl'}-{uuid.uuid4().hex}"
    with_logprobs = body.wanted_logprobs() is not None
    replies = [
        Reply(identity, model.name, model.tokenizer, index, parser=parser, logprobs=with_logprobs)
        for index, parser in enumerate(parsers)
    ]
    if body.stream:
        lines = _event_stream(generations, replies, request, body)
        return StreamingResponse(lines, media_type=_EVENTS, headers=NO_STORE)
    generated = [Answer(*one) for one in await whole(generations, request)]
    answers = returned(body, generated)
    choices = [
        reply.whole(one.text, one.tokens, one.end) for reply, one in zip(replies, answers, strict=False)
    ]  # beams that ended early may be fewer
    counted = answers if body.num_beams > 1 else generated
    return json_reply(replies[0].frame(choices, usage([one.end for one in counted], len(counted) // len(prompts))))


async def _event_stream(
    generations: list[Generation], replies: list[Reply], request: Request, body: ChatBody | CompletionBody
) -> AsyncIterator[bytes]:
    """Yields server-sent events, as OpenAI sends them."""
    try:
        for reply in replies:
            for chunk in reply.begin():
                yield _event(chunk)
        async with aclosing(deltas(generations, request)) as grown:
            async for index, delta in grown:
                reply = replies[index]
                chunks = (
                    reply.end(ends([generations[index]])[0]) if delta is None else reply.piece(delta.text, delta.tokens)
                )
                for chunk in chunks:
                    yield _event(chunk)
    except ClientGone:
        return
    except EngineError as error:
        yield _event(translated(error).body)
        return
    finally:
        for generation in generations:
            generation.cancel()  # also where the stream was given up before the first delta
    if body.stream_options.include_usage:
        yield _event(replies[0].usage(usage(ends(generations), body.n)))
    yield b"data: [DONE]\n\n"


def _names(assistant: "Assistant") -> list[str]:
    names = (configured_name(assistant), assistant.embedder().name, reader_name(assistant))
    return [name for name in names if name is not None]


def _event(data: BaseModel) -> bytes:
    return b"data: " + json.dumps(data.model_dump(mode="json")).encode("ascii") + b"\n\n"
