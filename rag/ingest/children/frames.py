"""Frames messages in a stream: a length (8 bytes, big endian) and that many bytes. Where messages
are of several kinds, the first byte says which."""

from typing import BinaryIO

LARGEST = 1 << 28
"""Bytes. A longer frame is taken for the nonsense of a broken sender."""

_LENGTH_BYTES = 8


def write_frame(stream: BinaryIO, payload: bytes) -> None:
    stream.write(len(payload).to_bytes(_LENGTH_BYTES, "big"))
    stream.write(payload)


def read_frame(stream: BinaryIO) -> bytes | None:
    """Returns the next message; None when the stream ends before or within it."""
    length = _length(stream)
    if length is None:
        return None
    payload = stream.read(length)
    return payload if len(payload) == length else None


def skip_frames(stream: BinaryIO, kind: bytes) -> None:
    """Goes to the first message of a kind in a stream that can seek, or to its end."""
    while (length := _length(stream)) is not None:
        if stream.read(1) == kind:
            stream.seek(-1 - _LENGTH_BYTES, 1)
            return
        stream.seek(length - 1, 1)


def _length(stream: BinaryIO) -> int | None:
    header = stream.read(_LENGTH_BYTES)
    length = int.from_bytes(header, "big")
    return length if len(header) == _LENGTH_BYTES and length <= LARGEST else None
