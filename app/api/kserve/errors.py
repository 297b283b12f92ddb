"""Failures of the KServe API in its own shape: ``{"error": message}``."""

from typing import Any

from starlette.responses import Response

from app.api.kserve.shapes import KServeFailure
from app.api.openai.errors import ApiError, OpenAIRoute, json_reply

FAILURE: dict[int | str, dict[str, Any]] = {"default": {"model": KServeFailure, "description": "The request failed."}}


class KServeRoute(OpenAIRoute):
    """A route that turns every failure into KServe's shape."""

    @staticmethod
    def failure(error: ApiError) -> Response:
        return json_reply(KServeFailure(error=error.body.error.message), error.status)
