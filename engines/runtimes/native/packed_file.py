"""Writes the file of packed weights, tensor after tensor, and hashes it on the way.

It is written in blocks of 2 MB that begin at multiples of that: where a file system keeps what is written at once in
one large page (ext4 of Linux 6.16 and newer, for one), such a block is mapped by one entry of the tables of pages, not
by 512.
"""

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from io import FileIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ALIGN = 64
BLOCK = 1 << 21
_UNDER_WAY = 4  # blocks that threads write, at most


class PackedFile:
    """``threads`` write. ``tensors`` are the places and types of what was begun, by name. Call ``finish`` at the
    end."""

    def __init__(self, file: FileIO, threads: ThreadPoolExecutor) -> None:
        self._file, self._threads = file, threads
        self._digest = sha256()
        self._block, self._filled = np.empty(BLOCK, np.uint8), 0
        self._written = 0  # bytes of the blocks before this one
        self._writing: deque[tuple[Future[None], NDArray[np.uint8]]] = deque()
        self.tensors: dict[str, tuple[int, str]] = {}

    def add(self, name: str, array: NDArray[Any]) -> None:
        """A whole tensor."""
        self.begin(name, array.dtype)
        self.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8))

    def begin(self, name: str, kind: np.dtype[Any]) -> None:
        """A tensor whose bytes come next, by ``write``."""
        at = self._written + self._filled
        self.write(np.zeros(-at % _ALIGN, np.uint8))
        self.tensors[name] = (at + -at % _ALIGN, kind.name)

    def write(self, data: NDArray[np.uint8]) -> None:
        """``data`` may change afterwards."""
        while len(data):
            part = data[: BLOCK - self._filled]
            self._block[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            data = data[len(part) :]
            if self._filled == BLOCK:
                self._put_away()

    def finish(self) -> str:
        """Returns the file's SHA-256."""
        self._put_away()
        while self._writing:
            self._wait()
        return self._digest.hexdigest()

    def _put_away(self) -> None:
        block = self._block[: self._filled].data
        self._writing.append((self._threads.submit(self._write_at, block, self._written), self._block))
        self._digest.update(block)
        self._written += self._filled
        self._block, self._filled = self._wait() if len(self._writing) > _UNDER_WAY else np.empty(BLOCK, np.uint8), 0

    def _wait(self) -> NDArray[np.uint8]:
        """For the first block; returns its room."""
        writing, block = self._writing.popleft()
        writing.result()
        return block

    def _write_at(self, data: memoryview, at: int) -> None:
        while len(data):
            written = os.pwrite(self._file.fileno(), data, at)
            data, at = data[written:], at + written
