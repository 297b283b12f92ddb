"""The linear layers of a checkpoint, independent of its file format.

    y = x' @ W.T + bias        W [out, in]
    x' = (x * input_scale)[..., input_order]

The reference arithmetic, the lowerings and the quantizer work with the classes DenseLinear, QuantizedLinear and
BlockLinear.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.model.block_types import Blocks, BlockType

Float = NDArray[np.float32]


_CHUNK_ROWS = 4096


class StoredRows:
    """A matrix as it lies in a file, [rows, columns] of float32, float16 or (as uint16) bfloat16. Rows are read and
    widened to float32 when they are asked for: an embedding of 256,000 tokens takes gigabytes as a whole."""

    def __init__(self, stored: NDArray[np.generic]) -> None:
        self._stored = stored

    @property
    def shape(self) -> tuple[int, int]:
        return self._stored.shape[0], self._stored.shape[1]

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Float:
        chosen = self._stored[rows]
        if chosen.dtype == np.uint16:  # bfloat16: the upper half of a float32
            return (chosen.astype(np.uint32) << 16).view(np.float32)
        return np.asarray(chosen, dtype=np.float32)

    def chunks(self) -> Iterator[tuple[slice, Float]]:
        """All rows, some at a time."""
        for start in range(0, self.shape[0], _CHUNK_ROWS):
            rows = slice(start, start + _CHUNK_ROWS)
            yield rows, self[rows]

    def whole(self) -> Float:
        return self[slice(None)]


class BlockRows(StoredRows):
    """Rows in blocks of GGUF: ``data`` uint8 [rows, bytes of a row], decoded when they are asked for."""

    def __init__(self, kind: BlockType, data: NDArray[np.uint8]) -> None:
        super().__init__(data)
        self.kind, self.data = kind, data

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.data), self.data.shape[1] // self.kind.size * self.kind.elements

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Float:
        if isinstance(rows, slice):
            return self.blocks(rows).dense()
        return self.blocks(rows.reshape(-1)).dense().reshape(*rows.shape, -1)

    def blocks(self, rows: slice | NDArray[np.int64] = slice(None)) -> Blocks:
        assert self.kind.decode is not None, f"{self.kind.name} has no blocks"
        return self.kind.decode(np.ascontiguousarray(self.data[rows]))


class ScaledRows(StoredRows):
    """Rows of int8 [rows, columns], each with a ``scale`` [rows, 1]."""

    def __init__(self, codes: NDArray[np.generic], scale: Float) -> None:
        super().__init__(codes)
        self._scale = scale

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Float:
        return super().__getitem__(rows) * self._scale[rows]


@dataclass(frozen=True, slots=True)
class DenseLinear:
    """Full-precision weights [out, in]."""

    weight: Float | StoredRows
    bias: Float | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return self.weight.shape[0], self.weight.shape[1]

    def dense(self) -> Float:
        return self.weight.whole() if isinstance(self.weight, StoredRows) else self.weight

    def rows(self, start: int, stop: int) -> "DenseLinear":
        """The part that computes outputs ``start:stop`` (fused projections are split this way)."""
        return DenseLinear(self.weight[start:stop], None if self.bias is None else self.bias[start:stop])


@dataclass(frozen=True, slots=True)
class QuantizedLinear:
    """INT4 weights in groups along the input: ``W[o, i] = (q[o, i] - zero[o, i // group]) * scale[o, i // group]``.

    ``q`` uint8 [out, in] holds 0..15, ``scale`` float32 and ``zero`` uint8 are [out, in / group].
    """

    q: NDArray[np.uint8]
    scale: Float
    zero: NDArray[np.uint8]
    group: int
    bias: Float | None = None
    input_scale: Float | None = None  # [in]
    input_order: NDArray[np.int64] | None = None  # [in]

    def __post_init__(self) -> None:
        out, inputs = self.q.shape
        assert inputs % self.group == 0, f"{inputs} inputs are no multiple of the group of {self.group}"
        assert self.scale.shape == self.zero.shape == (out, inputs // self.group), "scales do not fit the weights"

    @property
    def shape(self) -> tuple[int, int]:
        return self.q.shape[0], self.q.shape[1]

    @property
    def symmetric(self) -> bool:
        """Every zero point is 8, so that the weight is ``(q - 8) * scale``."""
        return bool((self.zero == 8).all())

    def dense(self) -> Float:
        """The effective weight [out, in] for the unchanged input: scale and order of the input are folded in."""
        out, inputs = self.shape
        grouped = self.q.reshape(out, -1, self.group).astype(np.float32) - self.zero[:, :, None]
        weight = (grouped * self.scale[:, :, None]).reshape(out, inputs)
        if self.input_order is not None:
            unordered = np.empty_like(weight)
            unordered[:, self.input_order] = weight
            weight = unordered
        return weight if self.input_scale is None else weight * self.input_scale

    def rows(self, start: int, stop: int) -> "QuantizedLinear":
        """The part that computes outputs ``start:stop`` (fused projections are split this way)."""
        return QuantizedLinear(
            self.q[start:stop],
            self.scale[start:stop],
            self.zero[start:stop],
            self.group,
            None if self.bias is None else self.bias[start:stop],
            self.input_scale,
            self.input_order,
        )


@dataclass(frozen=True, slots=True)
class BlockLinear:
    """Weights in the blocks of a GGUF file, which stay as they lie there until a part is decoded."""

    weight: BlockRows
    bias: Float | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return self.weight.shape

    def dense(self) -> Float:
        return self.weight.whole()

    def rows(self, start: int, stop: int) -> "BlockLinear":
        """The part that computes outputs ``start:stop`` (fused projections are split this way)."""
        part = BlockRows(self.weight.kind, self.weight.data[start:stop])
        return BlockLinear(part, None if self.bias is None else self.bias[start:stop])

    def without_blocks(self) -> "DenseLinear | QuantizedLinear":
        """The same weights for a runtime that has no kernels for blocks: INT4 where that holds them exactly, otherwise
        float32 that is decoded when it is asked for."""
        if self.weight.kind.name != "Q4_0":
            return DenseLinear(self.weight, self.bias)
        blocks = self.weight.blocks()
        scale = blocks.scale.whole()
        return QuantizedLinear(blocks.q, scale, np.full(scale.shape, blocks.zero, np.uint8), blocks.group, self.bias)


Linear = DenseLinear | QuantizedLinear | BlockLinear


def without_blocks(linear: Linear) -> DenseLinear | QuantizedLinear:
    return linear.without_blocks() if isinstance(linear, BlockLinear) else linear
