"""The file of packed weights, and how it comes to a card. Needs no card."""

import ctypes
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.errors import EngineError, RuntimeUnavailable
from engines.files.build_cache import Build
from engines.model.checkpoint import Checkpoint
from engines.model.synthetic import Shape, write_checkpoint
from engines.runtimes.cuda.card.streaming import STRETCH, stream_to_card
from engines.runtimes.cuda.packed_weights import WEIGHTS_FILE, PackedSource, build, write
from engines.runtimes.cuda.packing import gated_order, natural_order, pack
from engines.runtimes.cuda.weights import SETS, output_orders


class FakeCard:
    """Copies as late as it may: when somebody waits for it."""

    def __init__(self) -> None:
        self.pinned_bytes = 0
        self.queue: deque[tuple[NDArray[np.uint8], int]] = deque()
        self.most_queued = 0

    def pinned(self, size: int) -> NDArray[np.uint8]:
        self.pinned_bytes += size
        return np.zeros(size, np.uint8)

    def free_pinned(self, memory: NDArray[np.uint8]) -> None:
        self.pinned_bytes -= len(memory)

    def event(self) -> "FakeMark":
        return FakeMark(self)

    def upload(self, values: NDArray[np.uint8], address: int) -> None:
        self.queue.append((values, address))
        self.most_queued = max(self.most_queued, len(self.queue))

    def copy_up_to(self, left: int) -> None:
        while len(self.queue) > left:
            values, address = self.queue.popleft()
            ctypes.memmove(address, values.ctypes.data, len(values))

    def synchronize(self) -> None:
        self.copy_up_to(0)


class FakeMark:
    def __init__(self, card: FakeCard) -> None:
        self._card, self._copies = card, 0

    def record(self) -> None:
        self._copies = len(self._card.queue)

    def wait(self) -> None:
        self._card.copy_up_to(max(0, len(self._card.queue) - self._copies))

    def close(self) -> None:
        pass


@pytest.mark.parametrize("size", [1, STRETCH, 20 * STRETCH + 12345])
def test_a_file_arrives_whole_through_a_few_stretches_of_memory(size: int, tmp_path: Path) -> None:
    content = np.random.default_rng(size).integers(0, 256, size, np.uint8)
    content.tofile(tmp_path / "file")
    target, card = np.zeros(size + 1, np.uint8), FakeCard()
    stream_to_card(card, tmp_path / "file", target.ctypes.data)
    assert np.array_equal(target[:-1], content) and target[-1] == 0
    assert card.pinned_bytes == 0
    assert card.most_queued > 1 or size <= STRETCH, "several copies are under way"
    target[:] = 0
    stream_to_card(card, tmp_path / "file", target.ctypes.data, size // 3, size // 2)
    assert np.array_equal(target[: size // 2 - size // 3], content[size // 3 : size // 2])


def test_a_file_that_was_cut_off_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(100))
    target, card = np.zeros(200, np.uint8), FakeCard()
    with pytest.raises(EngineError, match="ends at byte 100"):
        stream_to_card(card, tmp_path / "file", target.ctypes.data, 0, 200)
    assert card.pinned_bytes == 0


def test_everything_stands_in_the_file_where_the_index_says(tmp_path: Path) -> None:
    (tmp_path / "packed").mkdir()
    write_checkpoint(tmp_path / "model", Shape(128, 256, 2, 4, 2, vocabulary=104), group=32)
    checkpoint = Checkpoint(tmp_path / "model")
    notes = write(checkpoint, tmp_path / "packed")
    stored = np.fromfile(tmp_path / "packed" / WEIGHTS_FILE, np.uint8)
    weights = PackedSource(Build(tmp_path / "packed", notes)).placed(1 << 40, 1 << 40)

    def at(address: int, size: int) -> NDArray[np.uint8]:
        assert address % 256 == 0
        return stored[address - (1 << 40) :][:size]

    for number, layer in enumerate(weights.layers):
        for name, product in layer.products.items():
            parts = [checkpoint.linear(number, projection) for projection in SETS[name]]
            expected, _ = pack(parts, output_orders(checkpoint.config)[name])
            assert np.array_equal(at(product.units, product.nbytes), expected.units.reshape(-1))
            assert (product.bias, product.order, product.input_scale) == (0, 0, 0)
        norm = checkpoint.norm(number, "input")
        assert norm is not None and np.array_equal(at(layer.norms["input"], norm.nbytes).view(np.float32), norm)
    embedding = checkpoint.embedding().whole().astype(np.float16)
    assert np.array_equal(at(weights.embedding, embedding.nbytes), embedding.view(np.uint8).reshape(-1))
    assert np.array_equal(at(weights.final_norm, 512).view(np.float32), checkpoint.final_norm())


def test_it_is_packed_once_and_again_after_a_change(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    write_checkpoint(tmp_path / "model", Shape(128, 256, 2, 4, 2, vocabulary=104), group=32)
    first = build(Checkpoint(tmp_path / "model"), tmp_path / "builds", lambda *step: steps.append(step))
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert build(Checkpoint(tmp_path / "model"), tmp_path / "builds", lambda *step: steps.append(step)) == first
    assert len(steps) == 3
    write_checkpoint(tmp_path / "model", Shape(128, 256, 2, 4, 2, vocabulary=104), group=32, seed=1)
    assert build(Checkpoint(tmp_path / "model"), tmp_path / "builds") != first


def test_heads_that_no_kernel_takes_are_refused_before_anything_is_packed(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "model", Shape(160, 256, 1, 4, 2, vocabulary=104), group=32)
    with pytest.raises(RuntimeUnavailable, match="these have 40"):
        build(Checkpoint(tmp_path / "model"), tmp_path / "builds")
    assert not (tmp_path / "builds").exists()


def test_experts_lie_one_behind_another(folders: Callable[[str], Path], tmp_path: Path) -> None:
    checkpoint = Checkpoint(folders("qwen3-moe-mixed"))
    config = checkpoint.config
    assert config.experts is not None
    assert not write(checkpoint, tmp_path)
    packed = np.fromfile(tmp_path / WEIGHTS_FILE, np.uint8)
    weights = PackedSource(Build(tmp_path, notes=())).placed(0, 0)
    assert weights.chosen == config.experts.chosen and weights.for_few_rows
    orders = {"gate_up": gated_order(config.experts.inner_size), "down": natural_order(config.hidden_size)}
    for number, layer in enumerate(weights.layers):
        if config.experts_of(number) is None:
            assert layer.experts is None and set(layer.products) == set(SETS)
            continue
        assert layer.experts is not None and set(layer.products) == {"qkv", "o"}
        router = checkpoint.router(number).dense()
        assert (packed[layer.experts.router :][: router.nbytes].view(np.float32) == router.reshape(-1)).all()
        for name, product in (("gate_up", layer.experts.gate_up), ("down", layer.experts.down)):
            for expert in range(config.experts.count):
                units = pack([checkpoint.expert(number, expert, one) for one in SETS[name]], orders[name])[0].units
                start = product.units + expert * product.nbytes
                assert (packed[start : start + product.nbytes] == units.reshape(-1)).all()
