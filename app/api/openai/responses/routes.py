"""Serves ``/v1/responses``: a turn of a chat in OpenAI's newer form, whole or as a stream of events."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

import pydantic
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response, StreamingResponse

from app.api.description import Stream
from app.api.gate import Gate
from app.api.openai.errors import NO_STORE, ClientGone, json_reply, translated
from app.api.openai.generations import deltas, ends, submit, whole
from app.api.openai.requests import ChatBody
from app.api.openai.responses.output import Output
from app.api.openai.responses.replies import Response as ResponseObject
from app.api.openai.responses.replies import ResponseEvent
from app.api.openai.responses.requests import ResponseBody
from app.api.openai.turn import chat_turn, language_model
from engines.errors import EngineError
from engines.messages.reply_parts import ReplyParser
from engines.serving.generation import Generation

if TYPE_CHECKING:
    from app.assistant import Assistant

_EVENTS = "text/event-stream"
RESPONSE_STREAM = Stream(_EVENTS, list[ResponseEvent])


def add_responses(routes: APIRouter, assistant: "Assistant", work: Gate, loading: Gate) -> None:
    """Adds the route. ``work`` bounds what is tokenised at once, ``loading`` what may wait for a model."""

    @routes.post(
        "/responses",
        response_model=ResponseObject,
        response_description="One JSON object; with ``stream`` a stream of events.",
    )
    async def respond(body: ResponseBody, request: Request) -> Response:
        """Continues a conversation with the language model; it does not see the documents.

        Nothing is stored: ``previous_response_id`` and ``conversation`` are refused, and what a response gave goes into
        the next one's ``input``. Tools are functions alone."""
        asked = _as_chat(body)
        used = await loading.run(partial(language_model, assistant, body.model))
        turn = await work.run(partial(chat_turn, used, asked, assistant.settings.model.thinking_tokens))
        generations = await loading.run(partial(submit, used, turn.prompts, 1))
        output, parser = Output(body, used.name), turn.parser()
        if body.stream:
            lines = _event_stream(generations, parser, output, request)
            return StreamingResponse(lines, media_type=_EVENTS, headers=NO_STORE)
        ((text, _, end),) = await whole(generations, request)
        for _event in (*output.push([*parser.push(text), *parser.finish()]), *output.finish(end)):
            pass  # told to nobody
        return json_reply(output.response)


def _as_chat(body: ResponseBody) -> ChatBody:
    try:
        return body.chat()
    except pydantic.ValidationError as error:
        raise RequestValidationError(error.errors()) from error


async def _event_stream(
    generations: list[Generation], parser: ReplyParser, output: Output, request: Request
) -> AsyncIterator[bytes]:
    try:
        for event in output.begin():
            yield _line(event)
        async with aclosing(deltas(generations, request)) as grown:
            async for _, delta in grown:
                parts = parser.finish() if delta is None else parser.push(delta.text)
                for event in output.push(parts):
                    yield _line(event)
        for event in output.finish(ends(generations)[0]):
            yield _line(event)
    except ClientGone:
        return
    except EngineError as error:
        for event in output.fail(translated(error).body.error.message):
            yield _line(event)
    finally:
        for generation in generations:
            generation.cancel()  # also where the stream was given up before the first delta


def _line(event: ResponseEvent) -> bytes:
    data = json.dumps(event.model_dump(mode="json")).encode("ascii")
    return b"event: " + event.type.encode("ascii") + b"\ndata: " + data + b"\n\n"
