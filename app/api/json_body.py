"""Reads JSON bodies strictly: what is no text, no number or nested without end is refused with 400, before it can fail
deeper down in a way of its own.

Large bodies are read and checked on a thread, where others have their turns meanwhile; ``json_size`` bounds before how
much they may hold."""

import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Protocol

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import Field
from pydantic_core import from_json
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.api.json_size import check_size

_LARGEST = 2**63 - 1
RowNumber = Annotated[int, Field(ge=-_LARGEST, le=_LARGEST)]
"""What may name a row of a database; SQLite fails on numbers beyond."""
_READ_AT_ONCE = 64 << 10  # bytes, a few milliseconds
_MOST_FIELDS = 1_000  # of the body itself; each that is not known would make an error of its own
_FORMS = bytes.maketrans(b"123456789E", b"000000000e")
_ODD = (b"0" * 19, b"e000", b"e+000", b"NaN", b"Infinity")  # in bytes of these forms: perhaps a number to be refused


class _Field(Protocol):
    """What a body is to be, as FastAPI holds it."""

    def validate(
        self, value: Any, values: dict[str, Any] = ..., *, loc: tuple[int | str, ...] = ...
    ) -> tuple[Any, list[dict[str, Any]]]: ...


class StrictRequest(Request):
    """A request whose body is to be ``field``; None where that is looked at elsewhere."""

    def __init__(self, request: Request, field: _Field | None) -> None:
        super().__init__(request.scope, request.receive)
        self._field = field

    async def json(self) -> Any:
        """Returns the values of a small body, and what they make of a large one. Raises HTTPException with status 400;
        json.JSONDecodeError for what is not JSON at all; RequestValidationError."""
        body = await self.body()
        try:
            return _read(body) if len(body) <= _READ_AT_ONCE else await run_in_threadpool(_checked, body, self._field)
        except (json.JSONDecodeError, RequestValidationError):
            raise
        except ValueError as error:
            raise HTTPException(400, str(error)) from error


class StrictRoute(APIRoute):
    """A route whose body is read strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        whole = any(self.body_field is one for one in self.dependant.body_params)  # else it has fields for several

        async def handled(request: Request) -> Response:
            try:
                return await handle(StrictRequest(request, self.body_field if whole else None))
            except HTTPException as error:
                if isinstance(error.__cause__, RequestValidationError):  # to FastAPI any failure to read is one
                    raise error.__cause__ from None
                raise

        return handled


def _read(body: bytes) -> Any:
    value = strict_json(body)
    if isinstance(value, dict) and len(value) > _MOST_FIELDS:
        raise ValueError("The body has too many fields")
    return value


def _checked(body: bytes, field: _Field | None) -> Any:
    value = _read(body)
    if field is None:
        return value
    checked, errors = field.validate(value, loc=("body",))
    if errors:
        raise RequestValidationError(errors, body=value)
    return checked


def strict_json(body: bytes) -> Any:
    """Raises ValueError with a sentence without its full stop; json.JSONDecodeError for what is not JSON at all."""
    check_size(body)
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
