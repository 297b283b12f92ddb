"""Failures of OpenAI's API in its own shape."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from app.api.json_body import StrictRoute
from app.api.openai.replies import OpenAIFailure, OpenAIProblem
from docent import DocentError
from engines.errors import EngineBusy, EngineError, RequestError
from rag.errors import BusyError

_log = logging.getLogger(__name__)
_BUSY = 429
NO_STORE = {"cache-control": "no-store"}
FAILURE: dict[int | str, dict[str, Any]] = {"default": {"model": OpenAIFailure, "description": "The request failed."}}


class ApiError(Exception):
    """Raised to reply with an error in OpenAI's shape."""

    def __init__(self, status: int, message: str, kind: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = OpenAIFailure(error=OpenAIProblem(message=message, type=kind, param=param, code=code))


class ClientGone(Exception):
    """Raised when the client has closed the connection."""


class OpenAIRoute(StrictRoute):
    """A route that turns every failure into OpenAI's shape, or into that of ``failure`` where it is overridden."""

    @staticmethod
    def failure(error: ApiError) -> Response:
        """Makes the reply to a request that failed."""
        return json_reply(error.body, error.status)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except HTTPException as error:
                return self.failure(ApiError(error.status_code, f"{error.detail}.", "invalid_request_error"))
            except ClientGone:
                return Response(status_code=499)  # nginx's code for it; nobody sees it
            except Exception as error:  # noqa: BLE001 - the edge of this API: its clients must get its shape
                return self.failure(failure_of(error, request.url.path))

        return handled


def failure_of(error: Exception, what: str) -> ApiError:
    """What a client is told of any failure; of a defect, which ``what`` met with, the log says more."""
    if isinstance(error, RequestValidationError | DocentError | ApiError):
        return translated(error)
    _log.error("request %s failed", what, exc_info=error)
    return ApiError(500, "Docent failed unexpectedly; its log says more.", "server_error")


def translated(error: RequestValidationError | DocentError | ApiError) -> ApiError:
    if isinstance(error, ApiError):
        return error
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ("body", "str", "list[TextPart]"))
        reason = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
        message = f"{where or 'body'}: {reason}."
        if first["type"] == "extra_forbidden":
            message = f"{where} is not supported here."
        elif where.endswith(".content"):
            message = f"{where}: text is all that a message can hold here."
        return ApiError(400, message, "invalid_request_error", None, where or None)
    if isinstance(error, EngineBusy | BusyError):
        return ApiError(_BUSY, str(error), "rate_limit_error", "engine_busy")
    if isinstance(error, RequestError):
        code = "context_length_exceeded" if "context" in error.message else None
        return ApiError(400, str(error), "invalid_request_error", code)
    status, kind = (500, "server_error") if isinstance(error, EngineError) else (400, "invalid_request_error")
    return ApiError(status, str(error), kind)


async def no_store(response: Response) -> None:
    response.headers.update(NO_STORE)


def json_reply(content: BaseModel, status: int = 200) -> Response:
    again = {"retry-after": "1"} if status == _BUSY else {}  # clients that wait and repeat ask for it
    return JSONResponse(content.model_dump(mode="json"), status, headers=NO_STORE | again)


def unknown_model(name: str, known: str | None = None) -> ApiError:
    """``known`` is the one that could be asked here."""
    instead = f" Here it is {known!r}." if known is not None else " /v1/models lists those that do."
    message = f"The model {name!r} does not exist.{instead}"
    return ApiError(404, message, "invalid_request_error", "model_not_found", "model")
