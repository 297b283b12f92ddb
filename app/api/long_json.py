"""Replies whose lists may have millions of items: they are made on threads and sent in pieces, so that neither other
requests wait for them nor memory holds them whole."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from starlette.responses import StreamingResponse

from app.api.json_replies import NO_STORE

_PIECE = 64 << 10  # characters


class LongJSON(StreamingResponse):
    """One JSON object whose fields are lists of plain items, each taken from its iterable when its turn comes."""

    media_type = "application/json"

    def __init__(self, lists: Mapping[str, Iterable[Any]]) -> None:
        super().__init__(_pieces(lists), headers=NO_STORE)  # a plain iterator is run on threads


def _pieces(lists: Mapping[str, Iterable[Any]]) -> Iterator[bytes]:
    waiting: list[str] = []
    size = 0
    for part in _parts(lists):
        waiting.append(part)
        size += len(part)
        if size >= _PIECE:
            yield "".join(waiting).encode("ascii")
            waiting.clear()
            size = 0
    yield "".join(waiting).encode("ascii")


def _parts(lists: Mapping[str, Iterable[Any]]) -> Iterator[str]:
    for number, (name, items) in enumerate(lists.items()):
        yield f"{', ' if number else '{'}{json.dumps(name)}: ["
        for at, item in enumerate(items):
            yield f", {json.dumps(item)}" if at else json.dumps(item)
        yield "]"
    yield "}"
