"""Failures of the KServe API in its own shape: ``{"error": message}``."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from app.api.json_body import StrictRoute
from app.api.json_replies import NO_STORE
from app.api.kserve.shapes import KServeFailure
from app.api.openai.errors import ApiError, ClientGone, translated
from docent import DocentError

_log = logging.getLogger(__name__)
FAILURE: dict[int | str, dict[str, Any]] = {"default": {"model": KServeFailure, "description": "The request failed."}}


class KServeRoute(StrictRoute):
    """A route that turns every failure into KServe's shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except HTTPException as error:
                return failure(f"{error.detail}.", error.status_code)
            except (RequestValidationError, DocentError, ApiError) as error:
                found = translated(error)
                return failure(found.body.error.message, found.status)
            except ClientGone:
                return Response(status_code=499)  # nginx's code for it; nobody sees it
            except Exception:  # noqa: BLE001 - the edge of this API: its clients must get its shape
                _log.exception("request %s failed", request.url.path)
                return failure("Docent failed unexpectedly; its log says more.", 500)

        return handled


def failure(message: str, status: int) -> Response:
    return kserve_reply(KServeFailure(error=message), status)


def kserve_reply(content: BaseModel, status: int = 200) -> Response:
    return JSONResponse(content.model_dump(mode="json"), status, headers=NO_STORE)
