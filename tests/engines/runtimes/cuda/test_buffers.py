"""How many pages of K and V a card gets. Needs no card."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from engines.model.checkpoint import Checkpoint
from engines.model.synthetic import Shape, write_checkpoint
from engines.runtimes.cuda.attention import ring_of
from engines.runtimes.cuda.buffers import (
    LEAST_PAGES,
    RESERVE_BYTES,
    AttentionShape,
    Items,
    layers_that_fit,
    pages_that_fit,
)
from engines.runtimes.cuda.kv_format import KvFormat

PAGE_BYTES = 2 * 2 * 2 * (2 * 16 * 32)  # K and V, float16, two layers of two heads of 32 features for 16 tokens


def test_pages_follow_the_free_memory_of_the_card(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, Shape(hidden=128, inner=256, layers=2, heads=4, kv_heads=2, vocabulary=1024), group=128)
    config = Checkpoint(tmp_path).config
    assert pages_that_fit(config, 1000, RESERVE_BYTES + 1000 * PAGE_BYTES) == 1000
    assert pages_that_fit(config, 1000, RESERVE_BYTES + 500 * PAGE_BYTES + 1) == 500
    assert pages_that_fit(config, 1000, 0) == LEAST_PAGES
    assert pages_that_fit(config, 3, 0) == 3


def test_as_many_layers_as_fit_go_to_the_card(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, Shape(hidden=128, inner=256, layers=2, heads=4, kv_heads=2, vocabulary=1024), group=128)
    config = Checkpoint(tmp_path).config
    layer, head, other, pages = 5_000_000, 2_000_000, 1_000_000, 10
    each, always = layer + pages * PAGE_BYTES // 2, RESERVE_BYTES + other

    def fitting(free: int) -> int:
        return layers_that_fit(config, [layer] * 3, head, other, pages, free)

    assert fitting(always + 3 * each + head) == 3
    assert fitting(always + 3 * each + head - 1) == 2, "the output layer is computed where the last layer is"
    assert fitting(always + each) == 1
    assert fitting(always + each - 1) == 0
    assert fitting(0) == 0


def test_8_bits_hold_nearly_twice_as_many_pages(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, Shape(hidden=128, inner=256, layers=2, heads=4, kv_heads=2, vocabulary=1024), group=128)
    config = Checkpoint(tmp_path).config
    free = RESERVE_BYTES + 100 * PAGE_BYTES
    for kind in ("fp8", "int8"):
        # 32 codes and a scale of two bytes for each token and head, instead of 64 bytes.
        assert pages_that_fit(config, 1000, free, kind) == int(100 * 64 / 34)  # type: ignore[arg-type]
    form = KvFormat.of(config, "int8")
    assert form.block_bytes == 16 * 34
    assert form.page_bytes(config) == 2 * 2 * 16 * 34


@pytest.mark.parametrize("shared", [(233472, 232448), (167936, 166912), (102400, 101376)])
def test_rings_of_pages_fit_every_card(shared: tuple[int, int]) -> None:
    """Of compute capability 9.0, 8.0, and 8.6 and later."""
    for kind, head in itertools.product(("fp16", "fp8", "int8"), (32, 64, 96, 128, 256)):
        form = KvFormat(kind, head)  # type: ignore[arg-type]
        ring = ring_of(form, *shared)
        assert ring.stages >= 2 and ring.shared(form) <= shared[1]
        assert ring.blocks * (ring.shared(form) + 1024) <= shared[0]
        sums = 4 * 16 * (head + 4)  # what a warp leaves behind: 16 rows of sums, the largest score, the weights' sum
        assert ring.shared(form) // ring.warps >= sums


def test_contexts_are_cut_for_as_many_blocks_as_fit(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, Shape(hidden=128, inner=256, layers=2, heads=4, kv_heads=2, vocabulary=1024), group=128)
    config = Checkpoint(tmp_path).config
    row = np.array([[0, 0, 1, 0]], np.int32)

    def shape(pages: int, few: int, near: int | None = None, cluster: int = 1) -> AttentionShape:
        return Items(row.repeat(few, 0), row[:0], pages).shape(config, few, 264, near, cluster)

    assert not shape(32, 1).long and shape(32, 1).splits == 1
    assert shape(33, 1).long and shape(33, 1).splits == 4
    assert not shape(33, 1, cluster=8).long and shape(65, 1, cluster=8).long
    assert [shape(pages, 1, cluster=8).splits for pages in (8, 9, 33, 64)] == [1, 2, 8, 8]
    crowd = shape(33, 32, cluster=8)
    assert crowd.long and crowd.splits == 4, "no room for whole clusters"
    assert not shape(9, 32, cluster=8).long and shape(9, 32, cluster=8).splits == 1
    assert shape(2000, 1).splits == 64, "the most"
    assert shape(2000, 8).splits == 264 // 16
    assert shape(2000, 200).splits == 1
    assert [shape(pages, 1, near=58).far for pages in (58, 59)] == [False, True]
    assert not shape(5000, 1).far, "where no step is one kernel"
