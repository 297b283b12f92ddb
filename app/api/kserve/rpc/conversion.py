"""Requests and replies between the messages of gRPC and the shapes that both forms of the protocol share."""

from collections.abc import Mapping
from typing import Any

from app.api.kserve.models import Output, checked
from app.api.kserve.rpc.messages import ModelInferResponse
from app.api.kserve.shapes import VERSION, InferRequest
from app.api.kserve.tensors import decoded, packed, unpacked
from engines.errors import RequestError

WANTS_EMPTY_END = "triton_enable_empty_final_response"
"""A parameter with which Triton's client asks for a reply without outputs behind the last piece."""


def infer_request(message: Any) -> InferRequest:
    """What a ModelInferRequest asks. Raises RequestError, RequestValidationError."""
    raw = list(message.raw_input_contents)
    if raw and len(raw) != len(message.inputs):
        raise RequestError(
            f"There are {len(message.inputs)} inputs and {len(raw)} raw_input_contents.", "Give one for each input."
        )
    parameters = _plain(message.parameters)
    parameters.pop(WANTS_EMPTY_END, None)
    return checked(
        InferRequest,
        {
            "id": message.id or None,
            "parameters": parameters,
            "inputs": [_tensor(one, raw[index] if raw else None) for index, one in enumerate(message.inputs)],
            "outputs": [{"name": one.name} for one in message.outputs],
        },
    )


def infer_response(name: str, id_: str | None, output: Output | None) -> Any:
    """A ModelInferResponse with an output, or with none."""
    reply = ModelInferResponse(model_name=name, model_version=VERSION, id=id_ or "")
    if output is not None:
        reply.outputs.add(name=output.name, datatype=output.datatype, shape=output.shape)
        data = output.data
        reply.raw_output_contents.append(packed(data) if isinstance(data, list) else data.astype("<f4").tobytes())
    return reply


def _tensor(message: Any, raw: bytes | None) -> dict[str, Any]:
    name, datatype = message.name, message.datatype
    if raw is not None:
        if message.HasField("contents"):
            raise RequestError(f"{name!r} has contents and raw_input_contents.", "Give one of them.")
        data = unpacked(name, datatype, raw)
    else:
        data = [decoded(name, element) for element in message.contents.bytes_contents]
    return {"name": name, "datatype": datatype, "shape": list(message.shape), "data": data}


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as JSON would have them."""
    chosen = {name: one.WhichOneof("parameter_choice") for name, one in parameters.items()}
    return {name: getattr(parameters[name], choice) for name, choice in chosen.items() if choice is not None}
