"""What the KServe v2 protocol does with the language model and the embedder that are set up, over HTTP and gRPC alike.

The language model takes the BYTES tensor ``text_input`` and gives ``text_output``; how tokens are sampled stands in the
request's parameters or, as Triton's vLLM backend has it, as JSON in the tensor ``sampling_parameters``. The embedder
gives ``embedding`` (FP32). The models do not see the documents.
"""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from fastapi.exceptions import RequestValidationError
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from app.api.gate import Gate
from app.api.json_body import strict_json
from app.api.kserve.shapes import VERSION, Datatype, InferRequest, ModelMetadata, TensorMetadata
from app.api.kserve.tensors import texts_of
from app.api.openai.errors import ApiError, unknown_model
from app.api.openai.generations import Client, deltas, submit, whole
from app.api.openai.requests import CompletionBody, EmbeddingBody
from app.api.openai.turn import configured_name, language_model, plain_prompts
from engines.errors import RequestError
from engines.serving.generation import Generation

if TYPE_CHECKING:
    from app.assistant import Assistant

_LOADING = 4  # requests that may wait for a model, which can take minutes; the rest wait without a thread
_TEXT = TensorMetadata(name="text_input", datatype="BYTES", shape=[-1])
_SAMPLING = TensorMetadata(name="sampling_parameters", datatype="BYTES", shape=[1])
Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Output:
    """A tensor that a model gives: texts, or numbers (float32) in their shape."""

    name: str
    data: list[str] | NDArray[np.float32]

    @property
    def datatype(self) -> Datatype:
        return "BYTES" if isinstance(self.data, list) else "FP32"

    @property
    def shape(self) -> list[int]:
        return [len(self.data)] if isinstance(self.data, list) else list(self.data.shape)


class Models:
    """``work`` bounds what is tokenised and embedded at once. Failures are raised as ApiError, RequestValidationError
    and errors of Docent's; ClientGone where the client has left."""

    def __init__(self, assistant: "Assistant", work: Gate) -> None:
        self._assistant = assistant
        self._work = work
        self._loading = Gate(_LOADING)

    async def metadata(self, name: str, version: str = VERSION) -> ModelMetadata:
        """Which tensors a model takes and gives."""
        if version != VERSION:
            raise ApiError(404, f"The model {name!r} has no version {version!r}.", "invalid_request_error")
        return await self._loading.run(partial(_described, self._assistant, name))

    async def infer(self, name: str, version: str, asked: InferRequest, client: Client) -> Output:
        """Runs a model on texts."""
        about, texts, sampling = await self._wanted(name, version, asked)
        if about.outputs[0].datatype == "FP32":
            return await self._embedded(name, texts)
        generations = await self._submitted(name, texts, sampling)
        return _text_output(text for text, _, _ in await whole(generations, client))

    async def infer_in_pieces(
        self, name: str, version: str, asked: InferRequest, client: Client
    ) -> AsyncGenerator[Output, None]:
        """Runs a model on texts; one text is continued piece by piece."""
        about, texts, sampling = await self._wanted(name, version, asked)
        if about.outputs[0].datatype == "FP32":
            yield await self._embedded(name, texts)
            return
        if len(texts) != 1:
            raise RequestError(f"{len(texts)} texts cannot be told apart in pieces.", "Give one in each request.")
        async with aclosing(pieces(await self._submitted(name, texts, sampling), client)) as grown:
            async for piece in grown:
                yield _text_output([piece])

    async def continued(self, name: str, version: str, text: str, sampling: Mapping[str, Any]) -> list[Generation]:
        """Begins to continue a text, in a list of one, to be read by ``pieces`` or ``whole``."""
        await self.metadata(name, version)
        return await self._submitted(name, [text], sampling)

    async def _wanted(
        self, name: str, version: str, asked: InferRequest
    ) -> tuple[ModelMetadata, list[str], dict[str, Any]]:
        """The model, its texts, and how to sample."""
        about = await self.metadata(name, version)
        tensors = {tensor.name: texts_of(tensor) for tensor in asked.inputs}
        _check_names("input", tensors, about.inputs)
        _check_names("output", [output.name for output in asked.outputs], about.outputs)
        if _TEXT.name not in tensors:
            raise RequestError(f"The input {_TEXT.name!r} is missing.", "Give the texts in it.")
        return about, tensors[_TEXT.name], asked.parameters | _sampling_of(tensors.get(_SAMPLING.name))

    async def _embedded(self, name: str, texts: list[str]) -> Output:
        body = checked(EmbeddingBody, {"model": name, "input": texts})
        vectors = await self._work.run(lambda: self._assistant.embedder().embed_passages(body.input))
        return Output("embedding", vectors.astype(np.float32, copy=False))

    async def _submitted(self, name: str, texts: list[str], sampling: Mapping[str, Any]) -> list[Generation]:
        options = {**sampling, "model": name, "prompt": texts, "n": 1, "best_of": None, "stream": False}
        body = checked(CompletionBody, options)
        if body.num_beams > 1:
            raise RequestError("Beams are not searched here.", "Use /v1/completions, or leave num_beams out.")
        used = await self._loading.run(partial(language_model, self._assistant, name))
        prompts = await self._work.run(partial(plain_prompts, used, body))
        return await self._loading.run(partial(submit, used, prompts, 1))


async def pieces(generations: list[Generation], client: Client) -> AsyncGenerator[str, None]:
    """Yields what the generations grow by. Leaving early ends them."""
    async with aclosing(deltas(generations, client)) as grown:
        async for _, delta in grown:
            if delta is not None and delta.text:
                yield delta.text


def checked(kind: type[Body], value: Any) -> Body:
    """What the value says. Raises RequestValidationError."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


def _text_output(texts: Iterable[str]) -> Output:
    return Output("text_output", list(texts))


def _described(assistant: "Assistant", name: str) -> ModelMetadata:
    if name == configured_name(assistant):
        text = TensorMetadata(name="text_output", datatype="BYTES", shape=[-1])
        return ModelMetadata(name=name, inputs=[_TEXT, _SAMPLING], outputs=[text])
    embedder = assistant.embedder()
    if name != embedder.name:
        raise unknown_model(name)
    vectors = TensorMetadata(name="embedding", datatype="FP32", shape=[-1, embedder.dimension])
    return ModelMetadata(name=name, inputs=[_TEXT], outputs=[vectors])


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
