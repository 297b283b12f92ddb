"""How many pages of K and V a card gets. Needs no card."""

from pathlib import Path

from engines.model.checkpoint import Checkpoint
from engines.model.synthetic import Shape, write_checkpoint
from engines.runtimes.cuda.buffers import LEAST_PAGES, RESERVE_BYTES, layers_that_fit, pages_that_fit

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
