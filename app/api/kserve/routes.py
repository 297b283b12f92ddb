"""Serves the KServe v2 protocol over HTTP on ``/v2``. Access control is app.api.security's."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse

from app.api.description import Stream
from app.api.gate import Gate
from app.api.json_body import strict_json
from app.api.kserve.errors import FAILURE, KServeRoute
from app.api.kserve.models import Models, Output, checked, pieces
from app.api.kserve.shapes import (
    VERSION,
    GenerateRequest,
    GenerateResponse,
    InferRequest,
    InferResponse,
    KServeFailure,
    Live,
    ModelMetadata,
    ModelReady,
    Ready,
    ResponseOutput,
    ServerMetadata,
)
from app.api.kserve.tensors import with_binary_data
from app.api.openai.errors import NO_STORE, ApiError, ClientGone, json_reply, no_store, translated
from app.api.openai.generations import whole
from docent import __version__
from engines.errors import EngineError, RequestError
from engines.serving.generation import Generation

if TYPE_CHECKING:
    from app.assistant import Assistant

_EVENTS = "text/event-stream"
_JSON_BYTES = "inference-header-content-length"  # where binary tensors follow the JSON
_MODEL = "/models/{name}"
_VERSION = "/models/{name}/versions/{version}"
KSERVE_STREAMS = {f"/v2{_MODEL}/generate_stream": Stream(_EVENTS, list[GenerateResponse | KServeFailure])}
_INFER = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": InferRequest.model_json_schema()},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


def kserve_routes(assistant: "Assistant", work: Gate) -> APIRouter:
    """Makes the routes. ``work`` bounds what is tokenised and embedded at once."""
    models = Models(assistant, work)
    routes = APIRouter(
        prefix="/v2",
        route_class=KServeRoute,
        default_response_class=JSONResponse,
        dependencies=[Depends(no_store)],
        responses=FAILURE,
    )

    @routes.get("")
    async def server() -> ServerMetadata:
        """Tells what serves."""
        return ServerMetadata(version=__version__)

    @routes.get("/health/live")
    async def live() -> Live:
        """Replies 200 where the server runs."""
        return Live()

    @routes.get("/health/ready")
    async def ready() -> Ready:
        """Replies 200 where models can be asked; one that is not loaded yet is loaded by the first request."""
        return Ready()

    @routes.get(_VERSION, include_in_schema=False)
    @routes.get(_MODEL)
    async def model(name: str, version: str = VERSION) -> ModelMetadata:
        """Tells which tensors a model takes and gives."""
        return await models.metadata(name, version)

    @routes.get(f"{_VERSION}/ready", include_in_schema=False)
    @routes.get(f"{_MODEL}/ready")
    async def model_ready(name: str, version: str = VERSION) -> ModelReady:
        """Replies 200 where there is such a model."""
        await models.metadata(name, version)
        return ModelReady(name=name)

    @routes.post(f"{_VERSION}/infer", include_in_schema=False)
    @routes.post(f"{_MODEL}/infer", response_model=InferResponse, openapi_extra=_INFER)
    async def infer(name: str, request: Request, version: str = VERSION) -> Response:
        """Runs a model on texts: JSON, or JSON with binary tensors behind it (Triton's extension)."""
        asked = await run_in_threadpool(_read, await request.body(), request.headers.get(_JSON_BYTES))
        output = _shown(await models.infer(name, version, asked, request))
        return json_reply(InferResponse(model_name=name, id=asked.id, outputs=[output]))

    @routes.post(f"{_VERSION}/generate", include_in_schema=False)
    @routes.post(f"{_MODEL}/generate")
    async def generate(name: str, body: GenerateRequest, request: Request, version: str = VERSION) -> GenerateResponse:
        """Continues a text with the language model (Triton's extension)."""
        generations = await models.continued(name, version, body.text_input, body.parameters)
        [(text, _, _)] = await whole(generations, request)
        return GenerateResponse(id=body.id, model_name=name, text_output=text)

    @routes.post(f"{_VERSION}/generate_stream", include_in_schema=False)
    @routes.post(f"{_MODEL}/generate_stream")
    async def generate_stream(name: str, body: GenerateRequest, request: Request, version: str = VERSION) -> Response:
        """Continues a text piece by piece, as server-sent events (Triton's extension)."""
        generations = await models.continued(name, version, body.text_input, body.parameters)
        lines = _events(generations, partial(GenerateResponse, id=body.id, model_name=name), request)
        return StreamingResponse(lines, media_type=_EVENTS, headers=NO_STORE)

    @routes.api_route("/{rest:path}", methods=["GET", "POST"], include_in_schema=False)
    def unknown(rest: str) -> Response:
        # The window, mounted at "/", would answer in a shape of its own.
        raise ApiError(404, f"There is no /v2/{rest} here.", "invalid_request_error")

    return routes


def _read(body: bytes, json_bytes: str | None) -> InferRequest:
    """Raises RequestError, HTTPException with status 400, RequestValidationError."""
    size = len(body)
    if json_bytes is not None:
        size = int(json_bytes) if json_bytes.isascii() and json_bytes.isdigit() and len(json_bytes) < 20 else size + 1
        if size > len(body):
            raise RequestError(f"The header {_JSON_BYTES} is wrong.", "It is the size of the JSON in bytes.")
    try:
        value = strict_json(body[:size])
    except json.JSONDecodeError as error:
        raise HTTPException(400, "The body is not JSON") from error
    except ValueError as error:
        raise HTTPException(400, str(error)) from error
    return with_binary_data(checked(InferRequest, value), body[size:])


def _shown(output: Output) -> ResponseOutput:
    data = output.data if isinstance(output.data, list) else output.data.reshape(-1).tolist()
    return ResponseOutput(name=output.name, shape=output.shape, datatype=output.datatype, data=data)


async def _events(
    generations: list[Generation], piece: "partial[GenerateResponse]", request: Request
) -> AsyncIterator[bytes]:
    try:
        async with aclosing(pieces(generations, request)) as grown:
            async for text in grown:
                yield _event(piece(text_output=text))
    except ClientGone:
        return
    except EngineError as error:
        yield _event(KServeFailure(error=translated(error).body.error.message))
    finally:
        for generation in generations:
            generation.cancel()


def _event(data: BaseModel) -> bytes:
    return b"data: " + json.dumps(data.model_dump(mode="json")).encode("ascii") + b"\n\n"
