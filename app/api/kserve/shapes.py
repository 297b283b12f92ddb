"""Requests and replies of the KServe v2 protocol
(https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol)."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

VERSION = "1"
"""Of every model: there is one of each."""

Datatype = Literal["BYTES", "FP32"]


class KServeFailure(BaseModel):
    """The reply to a request that failed."""

    error: str


class Live(BaseModel):
    live: Literal[True] = True


class Ready(BaseModel):
    ready: Literal[True] = True


class ModelReady(Ready):
    name: str


class ServerMetadata(BaseModel):
    name: Literal["docent"] = "docent"
    version: str
    extensions: list[str] = ["binary_tensor_data", "generate"]


class TensorMetadata(BaseModel):
    """``shape`` has -1 where any size is taken."""

    name: str
    datatype: Datatype
    shape: list[int]


class ModelMetadata(BaseModel):
    name: str
    versions: list[str] = [VERSION]
    platform: Literal["docent"] = "docent"
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class _Request(BaseModel):
    model_config = ConfigDict(extra="ignore")


class RequestInput(_Request):
    """A tensor in row-major order, its elements in ``data`` (nested or flat) or, with ``binary_data_size`` among the
    parameters, in the bytes that follow the JSON."""

    name: str
    shape: list[int] = Field(max_length=8)
    datatype: str
    data: list[Any] | None = None
    parameters: dict[str, Any] = {}


class RequestOutput(_Request):
    name: str


class InferRequest(_Request):
    """``parameters`` may hold those of sampling, as ``max_tokens`` and ``temperature`` of OpenAI's completions."""

    id: str | None = None
    parameters: dict[str, Any] = {}
    inputs: list[RequestInput] = Field(min_length=1, max_length=16)
    outputs: list[RequestOutput] = Field(default=[], max_length=16)


class ResponseOutput(BaseModel):
    """``data`` is flat, in row-major order."""

    name: str
    shape: list[int]
    datatype: Datatype
    data: list[str] | list[float]


def _is_none(value: object) -> bool:
    return value is None


class InferResponse(BaseModel):
    model_name: str
    model_version: Literal["1"] = "1"
    id: str | None = Field(default=None, exclude_if=_is_none)
    outputs: list[ResponseOutput]


class GenerateRequest(_Request):
    """``parameters`` are those of sampling, as ``max_tokens`` and ``temperature`` of OpenAI's completions."""

    id: str | None = None
    text_input: str
    parameters: dict[str, Any] = {}


class GenerateResponse(BaseModel):
    """A whole text, or in a stream a piece of it."""

    id: str | None = Field(default=None, exclude_if=_is_none)
    model_name: str
    model_version: Literal["1"] = "1"
    text_output: str
