"""Serves the KServe v2 protocol on ``/v2`` with the language model and the embedder that are set up.

The language model takes the BYTES tensor ``text_input`` and gives ``text_output``; how tokens are sampled stands in the
request's parameters or, as Triton's vLLM backend has it, as JSON in the tensor ``sampling_parameters``. The embedder
gives ``embedding`` (FP32). Access control is app.api.security's. The models do not see the documents.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse

from app.api.description import Stream
from app.api.gate import Gate
from app.api.json_body import strict_json
from app.api.kserve.errors import FAILURE, KServeRoute
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
    TensorMetadata,
)
from app.api.kserve.tensors import texts_of, with_binary_data
from app.api.openai.errors import NO_STORE, ApiError, ClientGone, json_reply, no_store, translated, unknown_model
from app.api.openai.generations import deltas, submit, whole
from app.api.openai.requests import CompletionBody, EmbeddingBody
from app.api.openai.turn import configured_name, language_model, plain_prompts
from docent import __version__
from engines.errors import EngineError, RequestError
from engines.serving.generation import Generation

if TYPE_CHECKING:
    from app.assistant import Assistant

_LOADING = 4  # requests that may wait for a model, which can take minutes; the rest wait without a thread
_EVENTS = "text/event-stream"
_JSON_BYTES = "inference-header-content-length"  # where binary tensors follow the JSON
_TEXT = TensorMetadata(name="text_input", datatype="BYTES", shape=[-1])
_SAMPLING = TensorMetadata(name="sampling_parameters", datatype="BYTES", shape=[1])
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
Body = TypeVar("Body", bound=BaseModel)


def kserve_routes(assistant: "Assistant", work: Gate) -> APIRouter:
    """Makes the routes. ``work`` bounds what is tokenised and embedded at once."""
    loading = Gate(_LOADING)
    routes = APIRouter(
        prefix="/v2",
        route_class=KServeRoute,
        default_response_class=JSONResponse,
        dependencies=[Depends(no_store)],
        responses=FAILURE,
    )

    async def described(name: str, version: str = VERSION) -> ModelMetadata:
        if version != VERSION:
            raise ApiError(404, f"The model {name!r} has no version {version!r}.", "invalid_request_error")
        return await loading.run(partial(_described, assistant, name))

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
        return await described(name, version)

    @routes.get(f"{_VERSION}/ready", include_in_schema=False)
    @routes.get(f"{_MODEL}/ready")
    async def model_ready(name: str, version: str = VERSION) -> ModelReady:
        """Replies 200 where there is such a model."""
        await described(name, version)
        return ModelReady(name=name)

    @routes.post(f"{_VERSION}/infer", include_in_schema=False)
    @routes.post(f"{_MODEL}/infer", response_model=InferResponse, openapi_extra=_INFER)
    async def infer(name: str, request: Request, version: str = VERSION) -> Response:
        """Runs a model on texts: JSON, or JSON with binary tensors behind it (Triton's extension)."""
        about = await described(name, version)
        asked = await run_in_threadpool(_read, await request.body(), request.headers.get(_JSON_BYTES))
        tensors = {tensor.name: texts_of(tensor) for tensor in asked.inputs}
        _check_names("input", tensors, about.inputs)
        _check_names("output", [output.name for output in asked.outputs], about.outputs)
        if _TEXT.name not in tensors:
            raise RequestError(f"The input {_TEXT.name!r} is missing.", "Give the texts in it.")
        if about.outputs[0].datatype == "FP32":
            output = await work.run(partial(_embedded, assistant, name, tensors[_TEXT.name]))
        else:
            sampling = asked.parameters | _sampling_of(tensors.get(_SAMPLING.name))
            generations = await _submitted(name, tensors[_TEXT.name], sampling)
            texts = [text for text, _, _ in await whole(generations, request)]
            output = ResponseOutput(name="text_output", shape=[len(texts)], datatype="BYTES", data=texts)
        return json_reply(InferResponse(model_name=name, id=asked.id, outputs=[output]))

    @routes.post(f"{_VERSION}/generate", include_in_schema=False)
    @routes.post(f"{_MODEL}/generate")
    async def generate(name: str, body: GenerateRequest, request: Request, version: str = VERSION) -> GenerateResponse:
        """Continues a text with the language model (Triton's extension)."""
        await described(name, version)
        [(text, _, _)] = await whole(await _submitted(name, [body.text_input], body.parameters), request)
        return GenerateResponse(id=body.id, model_name=name, text_output=text)

    @routes.post(f"{_VERSION}/generate_stream", include_in_schema=False)
    @routes.post(f"{_MODEL}/generate_stream")
    async def generate_stream(name: str, body: GenerateRequest, request: Request, version: str = VERSION) -> Response:
        """Continues a text piece by piece, as server-sent events (Triton's extension)."""
        await described(name, version)
        generations = await _submitted(name, [body.text_input], body.parameters)
        lines = _events(generations, partial(GenerateResponse, id=body.id, model_name=name), request)
        return StreamingResponse(lines, media_type=_EVENTS, headers=NO_STORE)

    async def _submitted(name: str, texts: list[str], sampling: Mapping[str, Any]) -> list[Generation]:
        options = {**sampling, "model": name, "prompt": texts, "n": 1, "best_of": None, "stream": False}
        body = _checked(CompletionBody, options)
        if body.num_beams > 1:
            raise RequestError("Beams are not searched here.", "Use /v1/completions, or leave num_beams out.")
        used = await loading.run(partial(language_model, assistant, name))
        prompts = await work.run(partial(plain_prompts, used, body))
        return await loading.run(partial(submit, used, prompts, 1))

    @routes.api_route("/{rest:path}", methods=["GET", "POST"], include_in_schema=False)
    def unknown(rest: str) -> Response:
        # The window, mounted at "/", would answer in a shape of its own.
        raise ApiError(404, f"There is no /v2/{rest} here.", "invalid_request_error")

    return routes


def _described(assistant: "Assistant", name: str) -> ModelMetadata:
    if name == configured_name(assistant):
        text = TensorMetadata(name="text_output", datatype="BYTES", shape=[-1])
        return ModelMetadata(name=name, inputs=[_TEXT, _SAMPLING], outputs=[text])
    embedder = assistant.embedder()
    if name != embedder.name:
        raise unknown_model(name)
    vectors = TensorMetadata(name="embedding", datatype="FP32", shape=[-1, embedder.dimension])
    return ModelMetadata(name=name, inputs=[_TEXT], outputs=[vectors])


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
    return with_binary_data(_checked(InferRequest, value), body[size:])


def _checked(kind: type[Body], value: Any) -> Body:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


def _check_names(kind: str, given: Mapping[str, Any] | list[str], known: list[TensorMetadata]) -> None:
    names = [tensor.name for tensor in known]
    for name in given:
        if name not in names:
            raise RequestError(f"This model has no {kind} {name!r}.", f"It has {', '.join(names)}.")


def _sampling_of(tensor: list[str] | None) -> dict[str, Any]:
    if tensor is None:
        return {}
    try:
        found = strict_json("".join(tensor).encode())
    except ValueError as error:
        raise RequestError(f"{_SAMPLING.name!r} is not JSON: {error}.", "Give one JSON object.") from error
    if not isinstance(found, dict):
        raise RequestError(f"{_SAMPLING.name!r} is not an object.", "Give one JSON object.")
    return found


def _embedded(assistant: "Assistant", name: str, texts: list[str]) -> ResponseOutput:
    body = _checked(EmbeddingBody, {"model": name, "input": texts})
    vectors = assistant.embedder().embed_passages(body.input)
    return ResponseOutput(
        name="embedding", shape=list(vectors.shape), datatype="FP32", data=vectors.reshape(-1).tolist()
    )


async def _events(
    generations: list[Generation], piece: "partial[GenerateResponse]", request: Request
) -> AsyncIterator[bytes]:
    try:
        async with aclosing(deltas(generations, request)) as grown:
            async for _, delta in grown:
                if delta is not None and delta.text:
                    yield _event(piece(text_output=delta.text))
    except ClientGone:
        return
    except EngineError as error:
        yield _event(KServeFailure(error=translated(error).body.error.message))
    finally:
        for generation in generations:
            generation.cancel()


def _event(data: BaseModel) -> bytes:
    return b"data: " + json.dumps(data.model_dump(mode="json")).encode("ascii") + b"\n\n"
