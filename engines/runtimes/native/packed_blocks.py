"""Packs weights in the blocks of GGUF: their integers as tiles, scales as factors and levels.

Nothing is rounded.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from engines.model.block_types import Blocks, Scales
from engines.model.weights import BlockRows
from engines.runtimes.native.kernels.layout import TILE
from engines.runtimes.native.tiles import byte_tiles, four_bit_tiles, group_tiles, six_bit_tiles

_DECODED_BYTES = 1 << 21  # of weights at a time, so that caches hold them
_AHEAD = 8  # such parts that are packed before they are asked for, at most


def tiles_in_turn(
    parts: Sequence[BlockRows], scales: "BlockScales", threads: ThreadPoolExecutor
) -> Iterator[NDArray[np.uint8]]:
    """The tiles of all rows in their order, some at a time; ``scales`` notes what they are worth."""

    def packed(rows: BlockRows, start: int, stop: int) -> tuple[Blocks, NDArray[np.uint8]]:
        blocks = rows.blocks(slice(start, stop))
        return blocks, block_tiles(blocks, rows.kind.bits)

    def first_finished() -> NDArray[np.uint8]:
        blocks, tiles = running.popleft().result()
        scales.noted(blocks)
        return tiles

    running: deque[Future[tuple[Blocks, NDArray[np.uint8]]]] = deque()
    for rows in parts:
        out, inputs = rows.shape
        count = max(1, _DECODED_BYTES // (inputs * TILE)) * TILE
        for start in range(0, out, count):
            running.append(threads.submit(packed, rows, start, start + count))
            if len(running) > _AHEAD:
                yield first_finished()
    while running:
        yield first_finished()


def block_tiles(blocks: Blocks, bits: int) -> NDArray[np.uint8]:
    """[tiles, bytes of a tile]"""
    if bits == 8:
        tiles = byte_tiles(blocks.q)
        return tiles.reshape(len(tiles), -1)
    return four_bit_tiles(blocks.q) if bits == 4 else six_bit_tiles(blocks.q)


class BlockScales:
    """Collects the scales of one product's blocks."""

    def __init__(self) -> None:
        self._found: list[Blocks] = []
        self.zero = 0

    def noted(self, blocks: Blocks) -> Blocks:
        """Keeps the scales and hands the blocks on."""
        self.zero = blocks.zero
        nothing = np.empty((0, blocks.q.shape[1]), np.uint8)  # a part of ``q`` would keep all of it
        self._found.append(Blocks(nothing, blocks.group, blocks.scale, blocks.zero, blocks.minimum))
        return blocks

    def tensors(self) -> dict[str, NDArray[np.generic]]:
        """By the names of the kernels' fields."""
        scales = [blocks.scale for blocks in self._found]
        minimums = [blocks.minimum for blocks in self._found if blocks.minimum is not None]
        named = {"factors": scales, "minimum_factors": minimums}
        found: dict[str, NDArray[np.generic]] = {}
        for name, parts in named.items():
            if not parts:
                continue
            found[name] = np.concatenate([group_tiles(_half(part)) for part in parts])
            levels = [group_tiles(part.levels) for part in parts if part.levels is not None]
            if levels:
                found[name.replace("factors", "levels")] = np.concatenate(levels)
        return found


def _half(scales: Scales) -> NDArray[np.float16]:
    """Factors come from float16, so nothing is lost."""
    return scales.factors.astype(np.float16)
