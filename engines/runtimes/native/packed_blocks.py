"""Packs weights in the blocks of GGUF: their integers as tiles, scales as factors and levels.

Nothing is rounded. Compiled kernels (engines/runtimes/native/kernels/packing.py) go from a file's bytes to what the
products read; ``decoded_tiles`` says the same in NumPy, for comparison.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engines.model.block_types import BLOCK_TYPES, Blocks, BlockType, Bytes, Scales
from engines.model.weights import BlockRows
from engines.runtimes.native.kernels.layout import ALL_FIELDS, PACKED_TYPES, TILE
from engines.runtimes.native.kernels.library import Library
from engines.runtimes.native.tiles import byte_tiles, four_bit_tiles, group_tiles, padded, six_bit_tiles

PACKED_KINDS = tuple(kind for kind in BLOCK_TYPES.values() if kind.name in PACKED_TYPES)
PART_BYTES = 1 << 21  # of tiles at a time, so that the caches hold them on their way to the file and the hash

Tiles = dict[str, NDArray[np.generic]]  # by the names of the kernels' fields, each [tiles, ...]


def tile_bytes(kind: BlockType, inputs: int) -> int:
    """Of the weights of one tile."""
    return inputs * TILE * kind.bits // 8


def scales_room(kind: BlockType, inputs: int, tiles: int) -> Tiles:
    """Space for what is beside the weights of so many tiles, in the order in which it lies in the file."""
    made: Tiles = {}
    for name, scales in _scales(_empty(kind)):
        made[name] = np.empty((tiles, inputs // kind.elements * TILE), np.float16)
        if scales.levels is not None:
            made[_levels(name)] = np.empty((tiles, inputs // kind.group * TILE), np.int8)
    return made


def zero_of(kind: BlockType) -> int:
    """What is taken off each weight."""
    return _empty(kind).zero


def pack_into(kernels: Library, kind: BlockType, rows: Bytes, target: Mapping[str, NDArray[np.generic]]) -> None:
    """Packs ``rows`` [rows, bytes of a row] into "weights" [tiles, bytes] and arrays as ``scales_room`` makes them,
    which have a tile for each 32 rows. Missing rows of the last tile are worth zero."""
    whole = len(rows) // TILE
    _pack(kernels, kind, rows[: whole * TILE], {name: array[:whole] for name, array in target.items()})
    if len(rows) % TILE:
        last = np.zeros((TILE, rows.shape[1]), np.uint8)
        last[: len(rows) % TILE] = rows[whole * TILE :]
        _pack(kernels, kind, last, {name: array[whole : whole + 1] for name, array in target.items()})


def pack_rows(kernels: Library, kind: BlockType, rows: Bytes) -> Tiles:
    """As ``pack_into``, in new arrays."""
    inputs, tiles = rows.shape[1] // kind.size * kind.elements, padded(len(rows)) // TILE
    weights = np.empty((tiles, tile_bytes(kind, inputs)), np.uint8)
    target: Tiles = {"weights": weights, **scales_room(kind, inputs, tiles)}
    pack_into(kernels, kind, rows, target)
    return target


def decoded_tiles(kind: BlockType, rows: Bytes) -> Tiles:
    """As ``pack_rows``, but that the integers of missing rows, which count nothing, are zero."""
    assert kind.decode is not None
    blocks = kind.decode(rows)
    cut = {4: four_bit_tiles, 6: six_bit_tiles, 8: byte_tiles}[kind.bits]
    made: Tiles = {"weights": cut(blocks.q).reshape(padded(len(rows)) // TILE, -1)}
    for name, scales in _scales(blocks):
        made[name] = group_tiles(scales.factors.astype(np.float16))  # they come from float16
        if scales.levels is not None:
            made[_levels(name)] = group_tiles(scales.levels)
    return made


def stretches(parts: Sequence[BlockRows]) -> Iterator[tuple[int, int, Bytes]]:
    """The rows of several matrices, each padded to full tiles, some at a time: the first tile, the number of tiles, the
    rows."""
    first = 0
    for part in parts:
        count = max(1, PART_BYTES // tile_bytes(part.kind, part.shape[1])) * TILE
        for start in range(0, len(part.data), count):
            rows = part.data[start : start + count]
            yield first + start // TILE, padded(len(rows)) // TILE, rows
        first += padded(len(part.data)) // TILE


def _pack(kernels: Library, kind: BlockType, rows: Bytes, target: Mapping[str, NDArray[np.generic]]) -> None:
    rows = np.ascontiguousarray(rows)
    name = f"pack_{kind.name}"
    assert all(array.flags.c_contiguous for array in target.values())
    fields = {field: target[field].ctypes.data if field in target else 0 for field in ALL_FIELDS[name][3:-1]}
    operation = kernels.words(
        name,
        rows=rows.ctypes.data,
        row_bytes=rows.shape[1],
        blocks=rows.shape[1] // kind.size,
        tiles=len(rows) // TILE,
        **fields,
    )
    kernels.do(operation, 0)


def _empty(kind: BlockType) -> Blocks:
    assert kind.decode is not None, f"{kind.name} has no blocks"
    return kind.decode(np.zeros((1, kind.size), np.uint8))


def _scales(blocks: Blocks) -> Iterator[tuple[str, Scales]]:
    """By the names of the kernels' fields."""
    yield "factors", blocks.scale
    if blocks.minimum is not None:
        yield "minimum_factors", blocks.minimum


def _levels(factors: str) -> str:
    return factors.replace("factors", "levels")
