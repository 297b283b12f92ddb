"""Defines the base of the JSON documents that programs get from the HTTP API and from the command line's --json.

The documents are pydantic models in ``answer_shapes`` and ``library_shapes``. Their names and nesting are an interface
that programs rely on; the HTTP API publishes them in its OpenAPI description.
"""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from docent import DocentError


class Shape(BaseModel):
    """One JSON object."""

    model_config = ConfigDict(from_attributes=True, frozen=True, json_schema_serialization_defaults_required=True)

    def plain(self) -> dict[str, Any]:
        """Returns the object as a dictionary of JSON values."""
        return self.model_dump(mode="json")


class Problem(Shape):
    """What went wrong, and what to do about it."""

    message: str
    remedy: str


class Failure(Shape):
    """The reply to a request that failed."""

    error: Problem

    @classmethod
    def of(cls, error: DocentError) -> Self:
        return cls(error=Problem(message=error.message, remedy=error.remedy))


class ErrorEvent(Shape):
    event: Literal["error"] = "error"


class ErrorLine(Failure, ErrorEvent):
    """The last line of a stream that failed."""
