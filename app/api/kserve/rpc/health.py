"""gRPC's health protocol (grpc.health.v1), which Kubernetes and balancers of load ask: github.com/grpc/grpc-proto.

Their probes can carry no key. Who has none is told how the server as a whole is, and nothing of the message is read.
"""

import asyncio
from collections.abc import AsyncIterator
from enum import IntEnum
from typing import Any

import grpc

from app.api.kserve.rpc import messages

_SERVICE = "grpc.health.v1.Health"
CHECK = f"/{_SERVICE}/Check"
_ASKED = ("", messages.SERVICE, _SERVICE)  # "" is the server as a whole

# An enum travels as an int32 does.
_MESSAGES = messages.made_messages(
    "grpc.health.v1", {"HealthCheckRequest": "string service", "HealthCheckResponse": "int32 status"}
)
_Request, _Response = _MESSAGES["HealthCheckRequest"], _MESSAGES["HealthCheckResponse"]


class Status(IntEnum):
    """How a service is."""

    SERVING = 1
    NOT_SERVING = 2
    SERVICE_UNKNOWN = 3


class HealthService:
    """Says that the server serves, until ``end``."""

    def __init__(self) -> None:
        self._ended = asyncio.Event()

    def handlers(self) -> grpc.GenericRpcHandler:
        read, written = _Request.FromString, _Response.SerializeToString
        made = {
            "Check": grpc.unary_unary_rpc_method_handler(self._check, read, written),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch, read, written),
        }
        return grpc.method_handlers_generic_handler(_SERVICE, made)

    def for_strangers(self) -> grpc.RpcMethodHandler:
        """A ``Check`` for who has no key."""
        return grpc.unary_unary_rpc_method_handler(self._whole, None, _Response.SerializeToString)

    def end(self) -> None:
        """Who watches is told that the server serves no more."""
        self._ended.set()

    @property
    def _status(self) -> Status:
        return Status.NOT_SERVING if self._ended.is_set() else Status.SERVING

    async def _check(self, request: Any, context: Any) -> Any:
        if request.service not in _ASKED:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"There is no service {request.service!r}.")
        return _Response(status=self._status)

    async def _whole(self, request: bytes, context: Any) -> Any:
        return _Response(status=self._status)

    async def _watch(self, request: Any, context: Any) -> AsyncIterator[Any]:
        is_known = request.service in _ASKED
        yield _Response(status=self._status if is_known else Status.SERVICE_UNKNOWN)
        await self._ended.wait()
        if is_known:
            yield _Response(status=self._status)
