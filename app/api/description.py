"""Completes the OpenAPI description of the HTTP API with the lines of the streams, which FastAPI does not know."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from pydantic import TypeAdapter

_REFERENCE = "#/components/schemas/{model}"


@dataclass(frozen=True, slots=True)
class Stream:
    """A reply that is a sequence of JSON objects. ``lines`` is their type as a list, such as ``list[AnswerLine]``."""

    media_type: str
    lines: Any


class DescribedAPI(FastAPI):
    """A FastAPI application some of whose POST routes reply with a stream. ``streams`` maps their paths to it."""

    def __init__(self, streams: Mapping[str, Stream], **options: Any) -> None:
        super().__init__(**options)
        self._streams = streams

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            description = super().openapi()
            for path, stream in self._streams.items():
                _describe(description, path, stream)
        assert self.openapi_schema is not None
        return self.openapi_schema


def _describe(description: dict[str, Any], path: str, stream: Stream) -> None:
    lines = TypeAdapter(stream.lines).json_schema(mode="serialization", ref_template=_REFERENCE)
    description["components"]["schemas"].update(lines["$defs"])
    content = description["paths"][path]["post"]["responses"]["200"]["content"]
    if not content["application/json"]["schema"]:  # the route has no other reply
        del content["application/json"]
    content[stream.media_type] = {"schema": lines["items"]}
