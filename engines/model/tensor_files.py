"""Reads a folder of safetensors shards as one read-only mapping from tensor names to arrays.

The format: 8 bytes little-endian length, that many bytes of JSON (dtype, shape and byte range of each tensor), then the
data (github.com/huggingface/safetensors). Tensors are memory-mapped and copied only when asked for. Pickle files are
never opened.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.errors import CheckpointError, UnsupportedModel
from engines.model.json_file import read_object
from engines.model.text_part import text_tensor

_DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": np.uint16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "F8_E4M3": np.uint8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
_MOST_DIMENSIONS = 8
_LONGEST_HEADER = 100_000_000  # bytes; the limit of the format's own library


@dataclass(frozen=True, slots=True)
class _Entry:
    path: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int


class TensorFiles(Mapping[str, NDArray[np.generic]]):
    """``files[name]`` is the tensor; bfloat16 is widened to float32, FP8 comes as uint8, everything else as
    stored."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._entries: dict[str, _Entry] = {}
        for shard in _shards(folder):
            self._entries.update({text_tensor(name): entry for name, entry in _read_header(shard).items()})

    def __getitem__(self, name: str) -> NDArray[np.generic]:
        entry = self._entries.get(name)
        if entry is None:
            raise CheckpointError(f"{self.folder} has no tensor {name}.", "Download the model again.")
        array = (
            np.memmap(entry.path, _DTYPES[entry.dtype], "r", entry.offset, entry.shape)
            if 0 not in entry.shape
            else (np.zeros(entry.shape, _DTYPES[entry.dtype]))
        )
        if entry.dtype == "BF16":
            return (np.asarray(array).astype(np.uint32) << 16).view(np.float32)
        return np.asarray(array)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def take(self, name: str, shape: tuple[int, ...]) -> NDArray[np.generic]:
        """The tensor, with its shape checked. Raises CheckpointError that names tensor, file and both shapes."""
        array = self[name]
        if array.shape != shape:
            raise CheckpointError(
                f"{name} in {self._entries[name].path} has the shape {list(array.shape)}, not {list(shape)}.",
                "config.json and the weights do not belong together; download the model again.",
            )
        return array

    def mapped(self, name: str, shape: tuple[int, ...]) -> NDArray[np.generic]:
        """Like ``take``, but nothing is read before it is indexed, and bfloat16 comes as stored, in uint16."""
        entry = self._entries.get(name)
        if entry is None or entry.shape != shape or 0 in shape:
            return self.take(name, shape)
        return np.memmap(entry.path, _DTYPES[entry.dtype], "r", entry.offset, entry.shape)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._entries[name].shape

    def dtype(self, name: str) -> str:
        """As the format spells it, such as F16."""
        return self._entries[name].dtype


def tensor_names(path: Path) -> list[str]:
    """The tensors of one file. Raises CheckpointError where it is damaged."""
    return list(_read_header(path))


def _shards(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if index.exists():
        try:
            names = sorted({str(name) for name in read_object(index)["weight_map"].values()})
        except (KeyError, AttributeError) as error:
            raise CheckpointError(f"{index} cannot be read: {error}.", "Download it again.") from error
        if bad := next((n for n in names if Path(n).name != n), None):
            raise CheckpointError(f"{index} points outside its folder: {bad}.", "Do not use this model.")
        shards = [folder / name for name in names]
    else:
        shards = sorted(folder.glob("*.safetensors"))
    if not shards:
        pickled = any(folder.glob("*.bin")) or any(folder.glob("*.pt")) or any(folder.glob("*.pth"))
        raise (UnsupportedModel if pickled else CheckpointError)(
            f"{folder} holds no safetensors file"
            + (", only pickled weights, which can run code when they are opened." if pickled else "."),
            "Get the model in safetensors format.",
        )
    for shard in shards:
        if not shard.is_file():
            raise CheckpointError(f"The shard {shard} is missing or no file.", "Download the model again.")
    return shards


def _read_header(path: Path) -> dict[str, _Entry]:
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(_LONGEST_HEADER, size - 8):
                raise ValueError("the header is cut off")
            header = json.loads(file.read(length))
        entries: dict[str, _Entry] = {}
        for name, info in header.items():
            if name == "__metadata__":
                continue
            start, stop = info["data_offsets"]
            if info["dtype"] not in _DTYPES:
                raise UnsupportedModel(f"{name} in {path} has the type {info['dtype']}.", "It is not supported.")
            shape = tuple(int(n) for n in info["shape"])
            if len(shape) > _MOST_DIMENSIONS or min(shape, default=0) < 0:
                raise ValueError(f"{name[:64]} has no possible shape")
            expected = math.prod(shape) * np.dtype(_DTYPES[info["dtype"]]).itemsize
            if stop - start != expected or start < 0:
                raise ValueError(f"the byte range of {name} does not fit its shape")
            if 8 + length + stop > size:
                raise ValueError(f"it ends within {name}")
            entries[name] = _Entry(path, info["dtype"], shape, 8 + length + start)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise CheckpointError(f"{path} is damaged: {error}.", "Download it again.") from error
    except RecursionError:
        raise CheckpointError(f"{path} is damaged: its header is nested too deeply.", "Download it again.") from None
    return entries
