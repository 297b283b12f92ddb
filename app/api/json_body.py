"""Reads JSON bodies strictly: what is no text, no number or nested without end is refused with 400, before it can fail
deeper down in a way of its own.

Large bodies are read on a thread, and fast: the interpreter is held all the while."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

_LARGEST = 2**63 - 1
_READ_AT_ONCE = 64 << 10  # bytes, a few milliseconds
_MOST_CONTAINERS = 400_000  # opening brackets, those in texts too: a text with more of them is longer than any context
_MOST_FIELDS = 1_000  # of the body itself; each that is not known would make an error of its own
_FORMS = bytes.maketrans(b"123456789E", b"000000000e")
_ODD = (b"0" * 19, b"e000", b"e+000", b"NaN", b"Infinity")  # in bytes of these forms: perhaps a number to be refused


class StrictRequest(Request):
    async def json(self) -> Any:
        """Raises HTTPException with status 400; json.JSONDecodeError for what is not JSON at all."""
        body = await self.body()
        try:
            value = strict_json(body) if len(body) <= _READ_AT_ONCE else await run_in_threadpool(strict_json, body)
            if isinstance(value, dict) and len(value) > _MOST_FIELDS:
                raise ValueError("The body has too many fields")
        except json.JSONDecodeError:
            raise
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        return value


class StrictRoute(APIRoute):
    """A route whose body is read strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return handled


def strict_json(body: bytes) -> Any:
    """Raises ValueError with a sentence without its full stop; json.JSONDecodeError for what is not JSON at all."""
    if body.count(b"[") + body.count(b"{") > _MOST_CONTAINERS:
        raise ValueError("The body holds too many lists and objects")
    try:
        value = from_json(body, cache_strings="none")
    except ValueError as error:
        raise _refusal(str(error)) from None
    forms = body.translate(_FORMS)
    if any(odd in forms for odd in _ODD):
        _check_numbers(value)
    return value


def _refusal(found: str) -> ValueError:
    """What the parser's words mean."""
    if "unicode" in found:
        return ValueError("The body is not valid UTF-8")
    if "hex escape" in found:
        return ValueError("A text in the body holds half a character (a lone surrogate)")
    if "recursion" in found:
        return ValueError("The body is nested too deeply")
    if "out of range" in found:
        return ValueError("A number in the body is too large")
    return json.JSONDecodeError(found, "", 0)


def _check_numbers(value: Any) -> None:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, int | float):
            if one != one:
                raise ValueError("NaN is not a number of JSON")
            if abs(one) > _LARGEST and (isinstance(one, int) or one in (float("inf"), float("-inf"))):
                raise ValueError("A number in the body is too large")
