"""Weights in the blocks of GGUF as the CUDA kernels read them: units taken apart the way a lane of a warp does it."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.model.block_types import BLOCK_TYPES, BlockType
from engines.model.weights import BlockLinear, BlockRows, DenseLinear
from engines.runtimes.cuda.block_forms import BlockForm, Levels, form_of
from engines.runtimes.cuda.packing import groups_of_chunk, natural_order, pack, pack_table, unit_bytes
from tests.engines.gguf_files import RANDOM, ROUNDED, random_blocks

TYPES = {kind.name: kind for kind in BLOCK_TYPES.values()}
TOGETHER = [("Q4_K", "Q6_K"), ("Q4_K", "Q8_0"), ("Q2_K", "Q3_K"), ("Q5_K", "Q6_K"), ("Q4_0", "Q6_K"), ("Q5_1", "Q8_0")]
INPUTS = 768


def rows_of(name: str, count: int, seed: int = 0) -> BlockRows:
    return BlockRows(TYPES[name], random_blocks(name, count, INPUTS, seed))


def values_of(unit: NDArray[np.uint8], form: BlockForm) -> NDArray[np.float64]:
    """The integers of a unit less their zero point, [16, 128]."""
    words = unit[form.scale_bytes :]
    found = np.zeros((16, 128))
    for lane, step in itertools.product(range(32), range(8)):
        g, t = lane // 4, lane % 4
        first = 16 * step + 4 * t if form.group == 16 else 32 * (step // 2) + 8 * t + 4 * (step % 2)
        for lower, e in itertools.product(range(2), range(4)):
            if form.bits == 8:
                q = int(words[512 * (step // 2) + 16 * lane + 8 * (step % 2) + 4 * lower + e])
            else:
                word = int(words[512 * (step // 4) + 16 * lane :][:16].view(np.uint32)[step % 4])
                word = (word >> 2 | word << 30) & 0xFFFFFFFF
                q = word >> (16 * (e % 2) + 8 * (e // 2) + 4 * lower) & 15
            if (width := form.bits - 4) in (1, 2):
                of_word = 4 // width
                above = words[1024 + lane * 32 // of_word :].view(np.uint8)[: 32 // of_word].view(np.uint32)
                field = width * (step % of_word * 4 + 2 * (e // 2) + lower)
                q |= (int(above[step // of_word]) >> (16 * (e % 2) + field) & (1 << width) - 1) << 4
            found[g + 8 * lower, first + e] = q - form.zero
    return found


def scales_of(unit: NDArray[np.uint8], form: BlockForm) -> NDArray[np.float64]:
    """Scales and minimums, [2, 16, groups]."""
    numbers, groups = 4 if form.minimum else 2, 128 // form.group
    data = unit[: form.scale_bytes]
    if form.levels is Levels.BYTES:
        factors = data[: 16 * numbers].view(np.float16).reshape(1, 8, numbers).astype(float)
        whole = factors * (data[16 * numbers :].reshape(groups, 8, numbers).astype(float) - 128)
    else:
        whole = data.view(np.float16 if form.levels is Levels.NONE else np.float32).reshape(groups, 8, numbers)
    found = np.zeros((2, 16, groups))
    for kind, half in itertools.product(range(numbers // 2), range(2)):
        found[kind, 8 * half : 8 * half + 8] = whole[:, :, 2 * kind + half].T
    return found


def unpacked(units: NDArray[np.uint8], code: int) -> NDArray[np.float64]:
    form = BlockForm.of_code(code)
    tiles, chunks, size = units.shape
    assert size == form.unit_bytes == unit_bytes(code) and groups_of_chunk(code) == 128 // form.group
    weight = np.zeros((16 * tiles, 128 * chunks))
    for tile, chunk in np.ndindex(tiles, chunks):
        unit = np.ascontiguousarray(units[tile, chunk])
        scale, minimum = np.repeat(scales_of(unit, form), form.group, axis=2)
        values = values_of(unit, form) * scale - minimum
        weight[16 * tile : 16 * tile + 16, 128 * chunk : 128 * chunk + 128] = values
    return weight


@pytest.mark.parametrize("names", [*((name,) for name in (*ROUNDED, *RANDOM) if name != "Q4_0"), *TOGETHER])
def test_every_type_and_mixture_of_types_comes_back_exactly(names: tuple[str, ...]) -> None:
    parts = [rows_of(name, 24, seed) for seed, name in enumerate(names)]
    order = natural_order(24 * len(parts))
    real = np.flatnonzero(order >= 0)
    order[real] = np.random.default_rng(0).permutation(len(real))
    packed, lost = pack([BlockLinear(part) for part in parts], order)
    assert not lost
    weight = unpacked(packed.units, packed.group)
    dense = np.concatenate([part.whole() for part in parts])
    assert weight.shape[1] == INPUTS
    # In the order of float32 operations that the reader has.
    assert np.abs(weight[real] - dense[order[real]]).max() <= 2e-7 * np.abs(dense).max()


@pytest.mark.parametrize(
    ("names", "bits"),
    [
        (["Q4_K"], 4.75), (["Q5_K"], 5.75), (["Q6_K"], 6.625), (["Q8_0"], 8.5), (["Q4_1"], 5.0), (["Q2_K"], 5.25),
        (["Q4_K", "Q6_K"], 7.25), (["Q4_K", "Q5_K"], 5.75), (["Q4_0", "Q8_0"], 8.5),
    ],
)  # fmt: skip
def test_what_a_weight_takes(names: list[str], bits: float) -> None:
    form = form_of([TYPES[name] for name in names])
    assert 8 * form.unit_bytes / (16 * 128) == bits
    assert BlockForm.of_code(form.code) == form


def test_a_code_stands_for_one_form() -> None:
    kinds = [kind for kind in BLOCK_TYPES.values() if kind.decode is not None]
    forms = {form_of(some) for some in itertools.product(kinds, kinds)}
    assert len({form.code for form in forms}) == len(forms)
    assert all(BlockForm.of_code(form.code) == form and form.code < -1 for form in forms)


def test_a_form_holds_every_value_of_its_types() -> None:
    kinds: list[BlockType] = [kind for kind in BLOCK_TYPES.values() if kind.decode is not None]
    for first, second in itertools.product(kinds, kinds):
        form = form_of([first, second])
        for number, kind in enumerate((first, second)):
            blocks = rows_of(kind.name, 2, number).blocks()
            assert int(blocks.q.max()) + form.zero - blocks.zero < 1 << form.bits
            assert blocks.zero <= form.zero and blocks.group % form.group == 0


def test_a_table_is_packed_a_part_at_a_time() -> None:
    rows = rows_of("Q6_K", 4100)
    packed = pack_table(rows)
    assert packed.units.shape == (257, INPUTS // 128, unit_bytes(packed.group))
    assert np.allclose(unpacked(packed.units[-1:], packed.group)[:4], rows.whole()[-4:], rtol=1e-6)


def test_blocks_beside_other_kinds_are_rounded_and_that_is_said() -> None:
    dense = DenseLinear(np.ones((16, INPUTS), np.float32))
    packed, lost = pack([BlockLinear(rows_of("Q4_K", 16)), dense], natural_order(32))
    assert packed.group == 0
    assert lost == ["Weights in Q4_K that are computed together with other kinds are rounded to float16."]
