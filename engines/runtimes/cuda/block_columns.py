"""Some inputs of a matrix in the blocks of GGUF, for a card that has a share of them. Nothing is rounded."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.model.block_types import Blocks, BlockType, Scales
from engines.model.weights import BlockRows
from engines.runtimes.cuda.unit_words import CHUNK


def columns_of(rows: BlockRows, columns: slice) -> BlockRows | None:
    """The inputs ``columns``; None where they begin or end within what shares a factor and cannot be cut. Blocks of
    whole units of the kernels (256 inputs) are cut at every unit, since each unit has a factor of its own."""
    size, start, stop = rows.kind.elements, columns.start, columns.stop
    first, last = start // size, -(-stop // size)
    blocks = BlockRows(rows.kind, rows.data[:, first * rows.kind.size : last * rows.kind.size])
    if start % size == 0 and stop % size == 0:
        return blocks
    if size % CHUNK or start % CHUNK or stop % CHUNK:
        return None
    return _UnitsOfBlocks(blocks.kind, blocks.data, _Stretch(start - first * size, stop - first * size))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Of inputs, whole units."""

    start: int
    stop: int

    def of(self, values: NDArray[np.generic], inputs: int) -> slice:
        """The columns of ``values`` that stand for these inputs, of ``inputs`` in all."""
        each = inputs // values.shape[1]
        return slice(self.start // each, self.stop // each)


class _UnitsOfBlocks(BlockRows):
    """Blocks of which the first and the last may be there in part."""

    def __init__(self, kind: BlockType, data: NDArray[np.uint8], stretch: _Stretch) -> None:
        super().__init__(kind, data)
        self._stretch = stretch

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.data), self._stretch.stop - self._stretch.start

    def blocks(self, rows: slice | NDArray[np.int64] = slice(None)) -> Blocks:
        whole = super().blocks(rows)
        inputs = whole.q.shape[1]

        def part(scales: Scales) -> Scales:
            factors, levels = scales.factors, scales.levels
            if factors.shape[1] * CHUNK < inputs:
                factors = np.repeat(factors, inputs // CHUNK // factors.shape[1], axis=1)
            factors = factors[:, self._stretch.of(factors, inputs)]
            return Scales(factors, None if levels is None else levels[:, self._stretch.of(levels, inputs)])

        return Blocks(
            whole.q[:, self._stretch.of(whole.q, inputs)],
            whole.group,
            part(whole.scale),
            whole.zero,
            None if whole.minimum is None else part(whole.minimum),
        )
