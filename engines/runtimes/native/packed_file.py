"""Writes the file of packed weights, tensor after tensor, and hashes it on the way."""

import os
from hashlib import sha256
from io import FileIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ALIGN = 64


class PackedFile:
    """``tensors`` are the places and types of what was begun, by name."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self.end = 0  # of what is hashed
        self.digest = sha256()
        self.tensors: dict[str, tuple[int, str]] = {}

    def add(self, name: str, array: NDArray[Any]) -> None:
        """A whole tensor."""
        self.begin(name, array.dtype)
        self._write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)

    def begin(self, name: str, kind: np.dtype[Any]) -> int:
        """A tensor whose bytes come next, by ``write_at`` and ``wrote``. Returns where it begins."""
        self._write(bytes(-self.end % _ALIGN))
        self.tensors[name] = (self.end, kind.name)
        return self.end

    def write_at(self, data: bytes | memoryview, at: int) -> None:
        """Threads may, in any order; ``wrote`` follows in the order of the file."""
        view = memoryview(data)
        while len(view):
            written = os.pwrite(self._file.fileno(), view, at)
            view, at = view[written:], at + written

    def wrote(self, data: bytes | memoryview) -> None:
        """Hashes the bytes that follow."""
        self.digest.update(data)
        self.end += len(data)

    def _write(self, data: bytes | memoryview) -> None:
        self.write_at(data, self.end)
        self.wrote(data)
