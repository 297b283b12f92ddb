"""The packed order of weights, read back the way a lane of a warp reads it."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.model.checkpoint import Checkpoint
from engines.model.synthetic import Shape, write_checkpoint
from engines.model.weights import DenseLinear, QuantizedLinear
from engines.runtimes.cuda.packing import (
    WHOLE_ROW,
    attention_order,
    gated_order,
    natural_order,
    pack,
    pack_half,
    pack_int4,
    pack_rows,
    unit_bytes,
)


def unpacked_int4(units: NDArray[np.uint8], group: int) -> NDArray[np.float64]:
    tiles, chunks, _ = units.shape
    weight = np.zeros((16 * tiles, 128 * chunks))
    scales = 64 * (128 // group)
    for tile, chunk in np.ndindex(tiles, chunks):
        unit = units[tile, chunk]
        constants = unit[:scales].view(np.float16).reshape(-1, 8, 4).astype(float)
        for half, lane, step in np.ndindex(2, 32, 4):
            g, t = lane // 4, lane % 4
            word = int(unit[scales + 512 * half + 16 * lane :][:16].view(np.uint32)[step])
            word = (word >> 2 | word << 30) & 0xFFFFFFFF
            first = 128 * chunk + 64 * half + 32 * (step // 2) + 8 * t + 4 * (step % 2)
            scale_a, scale_b, zero_a, zero_b = constants[(4 * half + step) // (group // 16)][g]
            for nibble in range(8):
                value = word >> (4 * nibble) & 15
                column = first + 2 * (nibble // 2 % 2) + nibble // 4
                lower = nibble % 2
                weight[16 * tile + g + 8 * lower, column] = (
                    (value - (zero_b - 16)) * scale_b if lower else (value - (zero_a - 256)) * scale_a
                )
    return weight


@pytest.mark.parametrize("group", [32, 64, 128])
def test_int4_comes_back_exactly(group: int) -> None:
    random = np.random.default_rng(group)
    q = random.integers(0, 16, (32, 256), np.uint8)
    scale = random.random((32, 256 // group)).astype(np.float16).astype(np.float32)
    zero = random.integers(0, 16, scale.shape, np.uint8)
    units = pack_int4(q, scale, zero, group)
    assert units.shape == (2, 2, unit_bytes(group))
    assert (unpacked_int4(units, group) == QuantizedLinear(q, scale, zero, group).dense()).all()


def test_inputs_are_padded_to_pairs_of_units_with_nothing() -> None:
    q, scale = np.full((16, 160), 15, np.uint8), np.ones((16, 5), np.float32)
    weight = unpacked_int4(pack_int4(q, scale, np.zeros((16, 5), np.uint8), 32), 32)
    assert weight.shape == (16, 256)
    assert (weight[:, :160] == 15).all() and (weight[:, 160:] == 0).all()


def test_float16_comes_back() -> None:
    weight = np.random.default_rng(0).standard_normal((16, 256)).astype(np.float16)
    units = pack_half(weight.astype(np.float32)).view(np.float16)
    for chunk, step, lane in np.ndindex(2, 8, 32):
        g, first = lane // 4, 128 * chunk + 32 * (step // 2) + 8 * (lane % 4) + 4 * (step % 2)
        found = units[0, chunk].reshape(8, 32, 2, 2, 2)[step, lane]  # [pair, half of rows, element]
        assert (found[:, 0].reshape(-1) == weight[g, first : first + 4]).all()
        assert (found[:, 1].reshape(-1) == weight[g + 8, first : first + 4]).all()


def test_rows_in_8_bits_come_back() -> None:
    weight = np.random.default_rng(2).standard_normal((40, 200)).astype(np.float32) * np.linspace(0.01, 9, 40)[:, None]
    weight[7] = 0
    packed = pack_rows(DenseLinear(weight.astype(np.float32)), WHOLE_ROW)
    assert packed.units.shape == (3, 2, unit_bytes(WHOLE_ROW)) and packed.output_scale is not None
    found = np.zeros((48, 256))
    for tile, chunk, part, lane in np.ndindex(3, 2, 4, 32):
        g, first = lane // 4, 128 * chunk + 32 * part + 8 * (lane % 4)
        values = packed.units[tile, chunk].reshape(4, 32, 2, 2, 4)[part, lane].astype(float) - 128
        found[16 * tile + g, first : first + 8] = values[:, 0].reshape(-1)  # [four, half of rows, element]
        found[16 * tile + g + 8, first : first + 8] = values[:, 1].reshape(-1)
    assert np.abs(found[:40, :200] * packed.output_scale[:40, None] - weight).max(axis=1) == pytest.approx(
        np.abs(weight).max(axis=1) / 254, rel=0.05
    ), "half a step of the largest at most"
    assert (found[:40, 200:] == 0).all() and (np.abs(found[:40]).max(axis=1)[weight.any(axis=1)] == 127).all()


def test_a_large_matrix_is_packed_like_a_small_one() -> None:
    weight = np.random.default_rng(1).standard_normal((40, 130)).astype(np.float32)
    packed, _ = pack([DenseLinear(weight)], natural_order(40))
    assert (pack_rows(DenseLinear(weight)).units == packed.units).all()


def test_outputs_that_belong_together_stand_8_apart(tmp_path: Path) -> None:
    assert gated_order(20).reshape(-1, 16)[0].tolist() == [*range(8), *range(20, 28)]
    assert gated_order(20)[-8:].tolist() == [36, 37, 38, 39, -1, -1, -1, -1]
    write_checkpoint(tmp_path, Shape(128, 256, 1, 2, 1, vocabulary=64), group=32)
    order = attention_order(Checkpoint(tmp_path).config)  # heads of 64: q, q, k, v
    assert order[:16].tolist() == [*range(8), *range(32, 40)]
    assert order[192:].tolist() == list(range(192, 256)), "values are not rotated"
    assert sorted(order.tolist()) == list(range(256))


def test_projections_that_differ_in_their_groups_are_computed_in_float16() -> None:
    def linear(group: int) -> QuantizedLinear:
        ones = np.ones((16, 256 // group), np.float32)
        return QuantizedLinear(np.full((16, 256), 9, np.uint8), ones, np.full(ones.shape, 8, np.uint8), group)

    packed, notes = pack([linear(32), linear(64)], natural_order(32))
    assert packed.group == 0 and "float16" in notes[0]
    packed, notes = pack([linear(64), linear(64)], natural_order(32))
    assert packed.group == 64 and not notes
