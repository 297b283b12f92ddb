"""Answers the calls of the protocol. Who may call is app.api.kserve.rpc.server's."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import grpc
from starlette.concurrency import run_in_threadpool

from app.api.kserve.models import Models
from app.api.kserve.rpc.conversion import WANTS_EMPTY_END, infer_request, infer_response
from app.api.kserve.rpc.messages import MESSAGES, SERVICE, ModelStreamInferResponse
from app.api.kserve.shapes import VERSION, ServerMetadata
from app.api.openai.errors import ApiError, failure_of
from docent import __version__

Context = Any  # grpc.aio.ServicerContext
_AT_ONCE = 16  # requests of one stream that are answered at the same time; the client's further ones wait
_FINAL = "triton_final_response"
_STATUS = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
}


class InferenceService:
    """The calls as methods of the names that they have."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def handlers(self) -> grpc.GenericRpcHandler:
        answers = {
            "ServerLive": self._server_live,
            "ServerReady": self._server_ready,
            "ServerMetadata": self._server_metadata,
            "ModelReady": self._model_ready,
            "ModelMetadata": self._model_metadata,
            "ModelInfer": self._model_infer,
        }
        made = {
            name: grpc.unary_unary_rpc_method_handler(
                _told(name, answer),
                request_deserializer=MESSAGES[f"{name}Request"].FromString,
                response_serializer=MESSAGES[f"{name}Response"].SerializeToString,
            )
            for name, answer in answers.items()
        }
        made["ModelStreamInfer"] = grpc.stream_stream_rpc_method_handler(
            self._model_stream_infer,
            request_deserializer=MESSAGES["ModelInferRequest"].FromString,
            response_serializer=ModelStreamInferResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(SERVICE, made)

    async def _server_live(self, request: Any, context: Context) -> dict[str, Any]:
        return {"live": True}

    async def _server_ready(self, request: Any, context: Context) -> dict[str, Any]:
        return {"ready": True}

    async def _server_metadata(self, request: Any, context: Context) -> dict[str, Any]:
        return ServerMetadata(version=__version__).model_dump()

    async def _model_ready(self, request: Any, context: Context) -> dict[str, Any]:
        try:
            await self._models.metadata(request.name, request.version or VERSION)
        except ApiError as error:
            return {"ready": error.status != 404}
        return {"ready": True}

    async def _model_metadata(self, request: Any, context: Context) -> dict[str, Any]:
        return (await self._models.metadata(request.name, request.version or VERSION)).model_dump()

    async def _model_infer(self, request: Any, context: Context) -> Any:
        asked = await run_in_threadpool(infer_request, request)
        name, version = request.model_name, request.model_version or VERSION
        return infer_response(name, asked.id, await self._models.infer(name, version, asked, _Caller()))

    async def _model_stream_infer(self, requests: AsyncIterator[Any], context: Context) -> None:
        """Answers requests as they come, several at once; replies carry their id."""
        room, turn = asyncio.Semaphore(_AT_ONCE), asyncio.Lock()

        async def answer(request: Any) -> None:
            try:
                async for reply in self._replies(request):
                    async with turn:
                        await context.write(reply)
            finally:
                room.release()

        async with asyncio.TaskGroup() as answers:
            async for request in requests:
                await room.acquire()
                answers.create_task(answer(request))

    async def _replies(self, request: Any) -> AsyncIterator[Any]:
        """The replies to a request of a stream. Failures are replies."""
        name, version = request.model_name, request.model_version or VERSION
        try:
            asked = await run_in_threadpool(infer_request, request)
            outputs = self._models.infer_in_pieces(name, version, asked, _Caller())
            async with aclosing(outputs) as grown:
                async for output in grown:
                    yield _streamed(infer_response(name, asked.id, output), is_last=False)
            if request.parameters[WANTS_EMPTY_END].bool_param:
                yield _streamed(infer_response(name, asked.id, None), is_last=True)
        except Exception as error:  # noqa: BLE001 - the edge of this API: other requests of the stream go on
            failed = infer_response(name, request.id, None)
            reason = failure_of(error, "ModelStreamInfer").body.error.message
            yield ModelStreamInferResponse(error_message=reason, infer_response=failed)


class _Caller:
    """The client of a call. Where it leaves, gRPC cancels the call, and with it what it generates."""

    async def is_disconnected(self) -> bool:
        return False


def _told(name: str, answer: Callable[[Any, Context], Awaitable[Any]]) -> Callable[[Any, Context], Awaitable[Any]]:
    """Makes the reply of what is answered, or a status of what fails."""
    response = MESSAGES[f"{name}Response"]

    async def told(request: Any, context: Context) -> Any:
        try:
            found = await answer(request, context)
        except Exception as error:  # noqa: BLE001 - the edge of this API: its clients must get its shape
            failure = failure_of(error, name)
        else:
            return response(**found) if isinstance(found, dict) else found
        status = _STATUS.get(failure.status, grpc.StatusCode.INTERNAL)
        return await context.abort(status, failure.body.error.message)  # raises

    return told


def _streamed(reply: Any, *, is_last: bool) -> Any:
    reply.parameters[_FINAL].bool_param = is_last
    return ModelStreamInferResponse(infer_response=reply)
