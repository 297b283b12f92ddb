"""A gRPC server for the KServe v2 protocol, for who has a key: the same keys, files of TLS and limits of size as over
HTTP."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc

from app.api.access.keys import Keys
from app.api.body_limit import MOST_BYTES
from app.api.kserve.models import Models
from app.api.kserve.rpc.health import CHECK, HealthService
from app.api.kserve.rpc.service import InferenceService
from app.errors import AppError

_MOST_CALLS = 384  # at once, as there are connections over HTTP
_IDLE_MS = 600_000  # after which a connection without a call is closed; clients open another one
_PLAIN = 1  # bit of the algorithm "identity": compressed messages would be larger than their size says
_OPTIONS = (
    ("grpc.max_receive_message_length", MOST_BYTES),
    ("grpc.max_connection_idle_ms", _IDLE_MS),
    ("grpc.compression_enabled_algorithms_bitset", _PLAIN),
    ("grpc.so_reuseport", 0),  # with it two servers could share a port
)
_Details = Any  # grpc.HandlerCallDetails


class RpcServer:
    """Listens on ``port`` of ``address`` from ``start`` on. ``tls``: certificate and its key as PEM files."""

    def __init__(self, models: Models, keys: Keys, address: str, port: int, tls: tuple[Path, Path] | None) -> None:
        self._models = models
        self._keys = keys
        self._address = f"[{address}]" if ":" in address else address
        self._port = port
        self._tls = tls
        self._health = HealthService()
        self._server: Any = None

    async def start(self) -> int:
        """Begins to answer, in the event loop that runs, and returns the port. Raises AppError where it is taken."""
        self._server = grpc.aio.server(
            interceptors=[_OnlyWithKey(self._keys, self._health)],
            options=_OPTIONS,
            maximum_concurrent_rpcs=_MOST_CALLS,
        )
        self._server.add_generic_rpc_handlers([InferenceService(self._models).handlers(), self._health.handlers()])
        place = f"{self._address}:{self._port}"
        try:
            if self._tls is None:
                port: int = self._server.add_insecure_port(place)
            else:
                certificate, key = (file.read_bytes() for file in self._tls)
                port = self._server.add_secure_port(place, grpc.ssl_server_credentials([(key, certificate)]))
        except RuntimeError as error:
            raise AppError(
                f"Port {self._port} cannot be used for gRPC.", "Choose another with --grpc-port, or 0 for any free one."
            ) from error
        await self._server.start()
        return port

    async def stop(self, within_s: float) -> None:
        """Takes no more calls, and ends those that are at work after a time."""
        self._health.end()
        if self._server is not None:
            await self._server.stop(within_s)


class _OnlyWithKey(grpc.aio.ServerInterceptor):
    """Turns calls away that carry no key, before anything of their messages is read; but says how the server is."""

    def __init__(self, keys: Keys, health: HealthService) -> None:
        self._keys = keys
        self._health = health

    async def intercept_service(
        self, continuation: Callable[[_Details], Awaitable[Any]], handler_call_details: _Details
    ) -> Any:
        handler = await continuation(handler_call_details)
        given = [value for name, value in handler_call_details.invocation_metadata if name == "authorization"]
        if handler is None or self._keys.owner(map(str, given)) is not None:
            return handler
        if handler_call_details.method == CHECK:
            return self._health.for_strangers()
        return _REFUSING[handler.request_streaming, handler.response_streaming](_refuse)


async def _refuse(request: Any, context: Any) -> None:
    await context.abort(
        grpc.StatusCode.UNAUTHENTICATED, 'A key is needed, as metadata "authorization" with "Bearer KEY".'
    )


_REFUSING = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}  # by whether requests and replies are streams
