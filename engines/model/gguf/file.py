"""Reads the container: metadata and the places of tensors, from one file or from all parts of a split one.

The format (github.com/ggml-org/ggml, docs/gguf.md), versions 2 and 3, little-endian: a magic word, the version, the
numbers of tensors and of metadata entries, the entries (key, type, value), then for each tensor name, sizes, type and
offset; the data begins at the next multiple of ``general.alignment``. Everything is checked against the size of the
file before room is made for it. Tensors are memory-mapped, and nothing in a file is executed.
"""

import math
import mmap
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from docent import cause_of
from engines.errors import CheckpointError, UnsupportedModel
from engines.model.block_types import BLOCK_TYPES, UNREAD_TYPES, BlockType

Scalar = str | int | float | bool
Value = Scalar | list[Scalar]

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_NUMBERS = {
    0: "<u1", 1: "<i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "?", 10: "<u8", 11: "<i8", 12: "<f8",
}  # fmt: skip
_UINT32, _UINT64 = 4, 10
_TEXT, _LIST = 8, 9
_TEXT_SIZE = struct.Struct("<Q")
_LEAST_TEXT, _LEAST_ENTRY, _LEAST_TENSOR = 8, 13, 32  # bytes that one takes at least
_MOST_SIZES = 4
_LONGEST_NAME = 256  # characters of a key or a tensor's name; the format allows tensors 64
_MOST_ALIGNMENT = 1 << 20
_LARGEST = 1 << 48  # of any size or offset, so that sums stay exact
_PART = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<parts>\d{5})\.gguf", re.IGNORECASE)
_REMEDY = "Download it again."


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """``shape`` as numpy orders it: [rows, columns], or [columns]. ``data`` uint8 [rows, bytes of a row] is mapped."""

    name: str
    type: BlockType
    shape: tuple[int, ...]
    data: NDArray[np.uint8]


class GgufFile:
    """``metadata`` and ``tensors`` by name. Raises CheckpointError that names what is damaged, and UnsupportedModel for
    a version or a type of tensor that is not read. Without ``vocabulary`` lists of texts are passed over and empty."""

    def __init__(self, path: Path, *, vocabulary: bool = True) -> None:
        self.path = path
        self.metadata: dict[str, Value] = {}
        self.tensors: dict[str, StoredTensor] = {}
        self._mapped: list[mmap.mmap] = []
        for part in parts_of(path):
            mapped, metadata, tensors = _read(part, vocabulary)
            self._mapped.append(mapped)
            self.metadata = metadata | self.metadata
            self.tensors.update(tensors)

    def tensor(self, name: str) -> StoredTensor:
        found = self.tensors.get(name)
        if found is None:
            raise CheckpointError(f"{self.path} has no tensor {name}.", _REMEDY)
        return found

    def release(self) -> None:
        """Takes what was read out of this process's resident memory, where the system can do that. It is read again
        when it is needed."""
        for mapped in self._mapped:
            if hasattr(mmap, "MADV_DONTNEED"):
                mapped.madvise(mmap.MADV_DONTNEED)


def parts_of(path: Path) -> list[Path]:
    """All files of the model of which ``path`` is one, in order. Raises CheckpointError where one is missing."""
    found = _PART.fullmatch(path.name)
    if found is None:
        return [path]
    names = (f"{found['stem']}-{number:05}-of-{found['parts']}.gguf" for number in range(1, int(found["parts"]) + 1))
    parts: list[Path] = []
    for name in names:
        parts.append(path.with_name(name))
        if not parts[-1].exists():
            raise CheckpointError(f"{path.name} is a part of a model, and {name} is missing.", _REMEDY)
    return parts


def _read(path: Path, vocabulary: bool) -> tuple[mmap.mmap, dict[str, Value], dict[str, StoredTensor]]:
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        raise CheckpointError(f"{path} cannot be read: {cause_of(error)}.", _REMEDY) from error
    try:
        return mapped, *_Reader(mapped, path, vocabulary).read()
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged: {error}.", _REMEDY) from error


class _Reader:
    """Goes through a mapped file once. Raises ValueError that says what is wrong."""

    def __init__(self, mapped: mmap.mmap, path: Path, vocabulary: bool) -> None:
        self._mapped, self._bytes = mapped, np.frombuffer(mapped, np.uint8)
        self._path, self._at, self._vocabulary = path, 0, vocabulary

    def read(self) -> tuple[dict[str, Value], dict[str, StoredTensor]]:
        if self._take(len(_MAGIC), "the beginning").tobytes() != _MAGIC:
            raise ValueError("it does not begin like a GGUF file")
        version = self._integer(_UINT32, "the version")
        if version not in _VERSIONS:
            raise UnsupportedModel(f"{self._path} is in version {version} of GGUF.", "Get it in version 2 or 3.")
        tensors = self._count(_LEAST_TENSOR, "the tensors")
        entries = self._count(_LEAST_ENTRY, "the metadata")
        metadata: dict[str, Value] = {}
        for _ in range(entries):
            key = self._name("a key")
            metadata[key] = self._value(key)
        described = [self._description() for _ in range(tensors)]
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 1 <= alignment <= _MOST_ALIGNMENT:
            raise ValueError(f"general.alignment is {alignment}")
        start = -(-self._at // alignment) * alignment
        return metadata, {name: self._tensor(name, kind, shape, start + at) for name, kind, shape, at in described}

    def _value(self, key: str) -> Value:
        kind = self._integer(_UINT32, key)
        if kind != _LIST:
            return self._scalar(kind, key)
        inner = self._integer(_UINT32, key)
        if inner in _NUMBERS:
            count = self._count(np.dtype(_NUMBERS[inner]).itemsize, key)
            return list(self._numbers(inner, count, key).tolist())
        if inner != _TEXT:
            raise ValueError(f"{key} is a list of the type {inner}")
        count = self._count(_LEAST_TEXT, key)
        if self._vocabulary:
            return list(self._texts(count, key))
        self._pass_texts(count, key)
        return []

    def _scalar(self, kind: int, what: str) -> Scalar:
        if kind == _TEXT:
            return self._text(what)
        if kind not in _NUMBERS:
            raise ValueError(f"{what} is of the unknown type {kind}")
        number: Scalar = self._numbers(kind, 1, what)[0].item()
        return number

    def _description(self) -> tuple[str, BlockType, tuple[int, ...], int]:
        name = self._name("a tensor's name")
        sizes = self._integer(_UINT32, name)
        if not 1 <= sizes <= _MOST_SIZES:
            raise ValueError(f"the tensor {name} has {sizes} dimensions")
        shape = tuple(reversed(self._numbers(_UINT64, sizes, name).tolist()))
        number = self._integer(_UINT32, name)
        offset = self._integer(_UINT64, name)
        if number not in BLOCK_TYPES:
            kind = UNREAD_TYPES.get(number, f"number {number}")
            raise UnsupportedModel(
                f"The tensor {name} in {self._path} is of the type {kind}, which is not read.",
                "Get the model in another quantisation, such as Q4_K_M or Q8_0.",
            )
        return name, BLOCK_TYPES[number], shape, offset

    def _tensor(self, name: str, kind: BlockType, shape: tuple[int, ...], start: int) -> StoredTensor:
        *outer, columns = shape
        if columns % kind.elements or not all(0 < size < _LARGEST for size in shape):
            raise ValueError(f"the tensor {name} has the shape {list(shape)}")
        rows, width = math.prod(outer), columns // kind.elements * kind.size
        if start + rows * width > len(self._bytes):
            raise ValueError(f"it ends within the tensor {name}")
        data = self._bytes[start : start + rows * width].reshape(rows, width)
        return StoredTensor(name, kind, shape, data)

    def _text(self, what: str) -> str:
        return self._texts(1, what)[0]

    def _name(self, what: str) -> str:
        """A text that can stand in a message."""
        name = self._text(what)
        if len(name) > _LONGEST_NAME or not name.isprintable():
            raise ValueError(f"{what} is {name[:40]!r}")
        return name

    def _texts(self, count: int, what: str) -> list[str]:
        """Vocabularies have 100,000s of them, so this goes without the other methods."""
        found, at, end = [], self._at, len(self._mapped)
        for _ in range(count):
            stop = at + _LEAST_TEXT + int.from_bytes(self._mapped[at : at + _LEAST_TEXT], "little")
            if stop > end:
                raise ValueError(f"it ends within {what}")
            try:
                found.append(self._mapped[at + _LEAST_TEXT : stop].decode("utf-8"))
            except UnicodeDecodeError:
                raise ValueError(f"{what} is not UTF-8") from None
            at = stop
        self._at = at
        return found

    def _pass_texts(self, count: int, what: str) -> None:
        """As ``_texts``, in a third of its time."""
        at, last, size_at = self._at, len(self._mapped) - _LEAST_TEXT, _TEXT_SIZE.unpack_from
        for _ in range(count):
            if at > last:
                raise ValueError(f"it ends within {what}")
            at += _LEAST_TEXT + size_at(self._mapped, at)[0]
        if at > len(self._mapped):
            raise ValueError(f"it ends within {what}")
        self._at = at

    def _count(self, least: int, what: str) -> int:
        """A number of things of at least ``least`` bytes, which must have room in what is left of the file."""
        count = self._integer(_UINT64, what)
        if count * least > len(self._bytes) - self._at:
            raise ValueError(f"it ends within {what}")
        return count

    def _integer(self, kind: int, what: str) -> int:
        return int(self._numbers(kind, 1, what)[0])

    def _numbers(self, kind: int, count: int, what: str) -> NDArray[np.generic]:
        number = np.dtype(_NUMBERS[kind])
        return np.frombuffer(self._take(count * number.itemsize, what).tobytes(), number)

    def _take(self, size: int, what: str) -> NDArray[np.uint8]:
        if size > len(self._bytes) - self._at:
            raise ValueError(f"it ends within {what}")
        self._at += size
        return self._bytes[self._at - size : self._at]
