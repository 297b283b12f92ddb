"""Completes the OpenAPI description of the HTTP API with the lines of the streams, which FastAPI does not know, and
loads routes that few requests need when one does."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from fastapi import APIRouter, FastAPI
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

_REFERENCE = "#/components/schemas/{model}"


@dataclass(frozen=True, slots=True)
class Stream:
    """A reply that is a sequence of JSON objects. ``lines`` is their type as a list, such as ``list[AnswerLine]``."""

    media_type: str
    lines: Any


Load: TypeAlias = Callable[[], tuple[APIRouter, Mapping[str, Stream]]]


class DescribedAPI(FastAPI):
    """A FastAPI application some of whose POST routes reply with a stream. ``streams`` maps their paths to it."""

    def __init__(self, streams: Mapping[str, Stream], **options: Any) -> None:
        super().__init__(**options)
        self._streams = dict(streams)
        self._later: dict[str, Load] = {}
        self._loading = threading.Lock()

    def include_later(self, prefix: str, load: Load) -> None:
        """Adds routes whose modules take long to load: ``load`` gives them with their streams. It is called with the
        first request below ``prefix``, or by ``include_all``."""
        self._later[prefix] = load

    def include_all(self) -> None:
        """Loads what was left for later."""
        with self._loading:
            for prefix, load in [*self._later.items()]:
                routes, streams = load()
                self.include_router(routes)
                self._streams.update(streams)
                del self._later[prefix]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._later and scope["type"] == "http" and scope["path"].startswith(tuple(self._later)):
            await run_in_threadpool(self.include_all)
        await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.include_all()
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
