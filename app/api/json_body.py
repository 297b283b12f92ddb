"""Reads JSON bodies strictly: what is no text, no number or nested without end is refused with 400, before it can fail
deeper down in a way of its own."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

_LARGEST = 2**63 - 1
_DIGITS = 20


class StrictRequest(Request):
    async def json(self) -> Any:
        """Raises HTTPException with status 400; json.JSONDecodeError for what is not JSON at all."""
        try:
            return strict_json(await self.body())
        except json.JSONDecodeError:
            raise
        except ValueError as error:
            raise HTTPException(400, str(error)) from error


class StrictRoute(APIRoute):
    """A route whose body is read strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return handled


def strict_json(body: bytes) -> Any:
    """Raises ValueError with a sentence without its full stop."""
    try:
        value = json.loads(body.decode("utf-8"), parse_int=_whole, parse_float=_number, parse_constant=_no_number)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("The body is not valid UTF-8") from None
    except UnicodeEncodeError:
        raise ValueError("A text in the body holds half a character (a lone surrogate)") from None
    except RecursionError:
        raise ValueError("The body is nested too deeply") from None
    return value


def _whole(digits: str) -> int:
    if len(digits) > _DIGITS or abs(int(digits)) > _LARGEST:
        raise ValueError("A number in the body is too large")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError("A number in the body is too large")
    return value


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a number of JSON")
