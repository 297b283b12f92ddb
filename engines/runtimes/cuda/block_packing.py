"""Weights in the blocks of GGUF as units (``kernels/blocks.cuh``). Nothing is rounded."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.model.block_types import Blocks, Scales
from engines.model.weights import Float
from engines.runtimes.cuda.block_forms import BlockForm, Levels
from engines.runtimes.cuda.unit_words import CHUNK, TILE, Number, byte_words, high_words, nibble_words, pad

_PAIR = 2 * CHUNK  # inputs are padded to pairs of units
_LEVEL_ZERO = 128
_NO_OUTPUT = -1


def pack_blocks(parts: Sequence[Blocks], form: BlockForm, order: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Rows of several matrices, one after the other, as units [tiles, chunks, bytes] of a form that holds them all.
    ``order`` [tiles * 16] says which stands where, -1 for none."""
    q = np.concatenate([part.q + np.uint8(form.zero - part.zero) for part in parts])
    words = _words(_widened(_ordered(q, order), 1), form)
    scales = _scales([part.scale for part in parts], [part.minimum for part in parts], parts, form, order)
    return np.concatenate([scales, words], axis=2)


def _words(q: NDArray[np.uint8], form: BlockForm) -> NDArray[np.uint8]:
    if form.group == 16:  # 16 inputs in a row are a step's
        q = np.ascontiguousarray(q.reshape(len(q), -1, 2, 4, 4).swapaxes(2, 3)).reshape(q.shape)
    if form.bits == 8:
        return byte_words(q)
    low = nibble_words(q & np.uint8(15))
    return low if form.bits == 4 else np.concatenate([low, high_words(q >> np.uint8(4), form.bits - 4)], axis=2)


def _scales(
    scales: Sequence[Scales],
    minimums: Sequence[Scales | None],
    parts: Sequence[Blocks],
    form: BlockForm,
    order: NDArray[np.int64],
) -> NDArray[np.uint8]:
    """[tiles, chunks, bytes]"""
    kinds: list[Sequence[Scales | None]] = [scales, minimums] if form.minimum else [scales]
    groups = [part.q.shape[1] // form.group for part in parts]

    def of_all(kind: Sequence[Scales | None], values: int) -> NDArray[np.float32]:
        """Factors (0), levels (1) or whole scales (2) of all rows, [tiles * 16, groups]; factors [.., chunks]."""
        found = [
            np.zeros((len(part.q), count), np.float32) if one is None else _spread(one, values, count)
            for one, part, count in zip(kind, parts, groups, strict=True)
        ]
        per_chunk = CHUNK // form.group
        whole = _widened(_ordered(np.concatenate(found), order), form.group)
        return whole[:, ::per_chunk] if values == 0 else whole

    if form.levels is Levels.BYTES:
        factors = _by_unit([of_all(kind, 0) for kind in kinds], 1).astype(np.float16)
        levels = _by_unit([of_all(kind, 1) for kind in kinds], CHUNK // form.group) + _LEVEL_ZERO
        fields = [factors.view(np.uint8), levels.astype(np.uint8)]
    else:
        number = np.float16 if form.levels is Levels.NONE else np.float32
        fields = [_by_unit([of_all(kind, 2) for kind in kinds], CHUNK // form.group).astype(number).view(np.uint8)]
    return np.concatenate([field.reshape(*field.shape[:2], -1) for field in fields], axis=2)


def _spread(scales: Scales, values: int, groups: int) -> Float:
    if values == 2:
        found: NDArray[np.generic] = scales.whole()
    elif values == 1 and scales.levels is not None:
        found = scales.levels
    else:
        found = scales.factors
    return np.repeat(found.astype(np.float32), groups // found.shape[1], axis=1)


def _by_unit(kinds: Sequence[Float], groups: int) -> Float:
    """[outputs, groups of all units] each -> [tiles, chunks, groups, g, numbers]: outputs g and g + 8 of each kind."""
    split = [kind.reshape(len(kind) // TILE, 2, 8, -1, groups) for kind in kinds]
    stacked = np.stack(split)  # [kind, tile, half of rows, g, chunk, group]
    ordered = np.ascontiguousarray(stacked.transpose(1, 4, 5, 3, 0, 2))
    return ordered.reshape(*ordered.shape[:4], -1)


def _widened(values: NDArray[Number], inputs: int) -> NDArray[Number]:
    """Columns that stand for so many inputs each, up to whole pairs of units."""
    return np.ascontiguousarray(pad(values.T, _PAIR // inputs).T)


def _ordered(values: NDArray[Number], order: NDArray[np.int64]) -> NDArray[Number]:
    ordered = values[np.maximum(order, 0)]
    ordered[order == _NO_OUTPUT] = 0
    return ordered
