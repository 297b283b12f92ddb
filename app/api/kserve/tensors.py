"""Texts out of the tensors of a KServe request."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

from app.api.kserve.shapes import InferRequest, RequestInput
from engines.errors import RequestError

_LENGTH_BYTES = 4  # before each element of a binary BYTES tensor, little-endian


def with_binary_data(request: InferRequest, rest: bytes) -> InferRequest:
    """Puts the bytes that follow the JSON into the tensors that they belong to, in the order of the inputs. Raises
    RequestError for sizes that do not fit."""
    at = 0
    for tensor in request.inputs:
        size = tensor.parameters.get("binary_data_size")
        if size is None:
            continue
        if type(size) is not int or not 0 <= size <= len(rest) - at:
            raise RequestError(f"The binary_data_size of {tensor.name!r} is wrong.", "Give the bytes that follow.")
        tensor.data = unpacked(tensor.name, tensor.datatype, rest[at : at + size])
        at += size
    if at != len(rest):
        raise RequestError(f"{len(rest) - at} bytes of the request belong to no input.", "Name their tensors.")
    return request


def texts_of(tensor: RequestInput) -> list[str]:
    """The elements of a BYTES tensor. Raises RequestError for another datatype, number or kind of elements."""
    _check_datatype(tensor.name, tensor.datatype)
    if tensor.data is None:
        raise RequestError(f"{tensor.name!r} has no data.", "Give data, or bytes and binary_data_size.")
    found = list(_flat(tensor.data))
    if not all(isinstance(one, str) for one in found):
        raise RequestError(f"{tensor.name!r} holds something else than texts.", "Its elements must be strings.")
    if any(size < 0 for size in tensor.shape) or prod(tensor.shape) != len(found):
        sizes = "x".join(map(str, tensor.shape)) or "one"
        raise RequestError(f"{tensor.name!r} has {len(found)} elements, its shape {sizes}.", "They must be as many.")
    return found


def unpacked(name: str, datatype: str, data: bytes) -> list[str]:
    """The elements of a binary tensor: each has its length before it. Raises RequestError."""
    _check_datatype(name, datatype)
    return list(_elements(name, data))


def packed(texts: Sequence[str]) -> bytes:
    """A binary tensor of these elements."""
    elements = [text.encode() for text in texts]
    return b"".join(len(element).to_bytes(_LENGTH_BYTES, "little") + element for element in elements)


def decoded(name: str, element: bytes) -> str:
    """An element as a text. Raises RequestError."""
    try:
        return element.decode()
    except UnicodeDecodeError as error:
        raise RequestError(f"An element of {name!r} is not valid UTF-8.", "Encode texts as UTF-8.") from error


def _check_datatype(name: str, datatype: str) -> None:
    if datatype != "BYTES":
        raise RequestError(f"{name!r} has the datatype {datatype}.", "It must be BYTES.")


def _elements(name: str, data: bytes) -> Iterator[str]:
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + _LENGTH_BYTES], "little")
        element = data[at + _LENGTH_BYTES : at + _LENGTH_BYTES + size]
        at += _LENGTH_BYTES + size
        if at > len(data):
            raise RequestError(f"The bytes of {name!r} end within an element.", "Each begins with its length.")
        yield decoded(name, element)


def _flat(data: Sequence[Any]) -> Iterator[Any]:
    """The elements of lists in lists; how deep they are is bounded where the JSON is read."""
    for one in data:
        if isinstance(one, list):
            yield from _flat(one)
        else:
            yield one
