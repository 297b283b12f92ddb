"""Memory of the card that a model's steps work in: activations, the pool of K and V, what the host tells of a step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.base import StepBatch
from engines.model.config import ModelConfig
from engines.page_size import PAGE_TOKENS, KvCache
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.kv_format import KvFormat
from engines.runtimes.cuda.packing import CHUNK, ROWS_OF_BLOCK, TILE, chunks_of, padded
from engines.runtimes.cuda.products import FEW

_LARGEST_SPLIT = 64
_SHORT = 32  # pages, up to which a context is not cut
_SHORT_OF_CLUSTER = 64  # the same where there are whole clusters for it
_SHARE_OF_CLUSTER = 8  # pages of a block
LEAST_SHARE = 16  # pages
PARTIAL_ITEMS = 1024  # shares of attention that are added up, at most: kv_heads * items * splits
LEAST_PAGES = 16  # with fewer no question with a passage has room
_WORKSPACES = 64 << 20  # of cuBLAS, sampling and single products
RESERVE_BYTES = 400_000_000  # for graphs, tables and what the driver takes beside our allocations


class Buffers:
    """Addresses of the activations of ``rows`` tokens. float16 rows that are a product's input are padded with zeros
    to whole chunks."""

    def __init__(self, device: Device, config: ModelConfig, rows: int) -> None:
        self.rows = rows
        self._set_strides(config)
        sizes = self._sizes(config, rows)
        at = {name: device.allocate(size, zero=True) for name, size in sizes.items()}
        self.normed, self.change, self.query, self.qkv = at["normed"], at["change"], at["query"], at["qkv"]
        self.mixed, self.gate_up, self.gated, self.prepared = at["mixed"], at["gate_up"], at["gated"], at["prepared"]
        self.residual, self.squares, self.logits = at["residual"], at["squares"], at["logits"]
        self.chosen, self.chosen_squares = at["chosen"], at["chosen_squares"]
        self.attention_partial = at["attention_partial"]
        self.scales = tuple(at["scales"] + 4 * FEW * number for number in range(2))
        self.attention_counters = device.allocate(4 * max(rows, FEW) * config.num_heads, zero=True)
        self.sampled = device.allocate(4 * FEW, zero=True)

    def _set_strides(self, config: ModelConfig) -> None:
        self.head_padded = padded(config.head_dim, 32)
        self.parts = -(-config.hidden_size // TILE)
        self.hidden_stride = CHUNK * chunks_of(config.hidden_size)
        self.mixed_stride = CHUNK * chunks_of(config.q_size)
        self.inner_stride = CHUNK * chunks_of(config.intermediate_size)
        self.gate_stride = 2 * padded(config.intermediate_size, 8)
        self.qkv_stride = padded(config.q_size + 2 * config.kv_size, TILE)
        self.logits_stride = padded(config.vocab_size, TILE)

    def _sizes(self, config: ModelConfig, rows: int) -> dict[str, int]:
        halves = {
            "normed": self.hidden_stride,
            "change": padded(config.hidden_size, TILE),
            "query": config.num_heads * self.head_padded,
            "qkv": self.qkv_stride,
            "mixed": self.mixed_stride,
            "gate_up": self.gate_stride,
            "gated": self.inner_stride,
            "prepared": max(self.mixed_stride, self.inner_stride),
        }
        floats = {"residual": config.hidden_size, "squares": self.parts}
        packed_rows = padded(rows, ROWS_OF_BLOCK)
        sizes = {name: 2 * packed_rows * width for name, width in halves.items()}
        sizes |= {name: 4 * rows * width for name, width in floats.items()}
        sizes |= {"chosen": 4 * FEW * config.hidden_size, "chosen_squares": 4 * FEW * self.parts, "scales": 2 * 4 * FEW}
        sizes |= {"logits": 4 * FEW * self.logits_stride}
        tile_rows, blocks = 16, max(PARTIAL_ITEMS, FEW * config.num_heads)
        sizes |= {"attention_partial": 4 * blocks * tile_rows * (self.head_padded + 4)}
        return sizes

    @classmethod
    def bytes_of(cls, config: ModelConfig, rows: int) -> int:
        """What they take on the card."""
        planned = cls.__new__(cls)
        planned._set_strides(config)
        return sum(planned._sizes(config, rows).values())


def buffer_bytes(config: ModelConfig, rows: int) -> int:
    """What is needed on the card beside weights and pool: activations, weights expanded to float16, workspaces, rows
    for experts."""
    largest = max(
        padded(config.q_size + 2 * config.kv_size, TILE) * CHUNK * chunks_of(config.hidden_size),
        config.hidden_size * CHUNK * chunks_of(config.intermediate_size),
        padded(2 * config.intermediate_size, TILE) * CHUNK * chunks_of(config.hidden_size),
    )
    return Buffers.bytes_of(config, rows) + 2 * largest + _WORKSPACES + _expert_bytes(config, rows)


def _expert_bytes(config: ModelConfig, rows: int) -> int:
    """As ``experts`` allocates them."""
    if config.experts is None:
        return 0
    pairs = rows * config.experts.chosen
    return pairs * (2 * CHUNK * chunks_of(config.experts.inner_size) + 4 * padded(config.hidden_size, TILE))


def pages_that_fit(config: ModelConfig, wanted: int, free_bytes: int, kv_cache: KvCache = "fp16") -> int:
    """Returns how many of the ``wanted`` pages fit into a card's free memory beside a reserve.

    At least ``LEAST_PAGES`` of them are asked for, so that a card without room for these is told what it lacks.
    """
    page = config.num_layers * KvFormat.of(config, kv_cache).page_bytes(config)
    fitting = max(0, free_bytes - RESERVE_BYTES) // page
    return min(wanted, max(fitting, LEAST_PAGES))


def layers_that_fit(
    config: ModelConfig,
    layer_bytes: Sequence[int],
    head_bytes: int,
    other_bytes: int,
    pages: int,
    free_bytes: int,
    kv_cache: KvCache = "fp16",
) -> int:
    """Returns how many of a model's first layers fit into a card's free memory with ``pages`` pages of each, beside a
    reserve and ``other_bytes`` that are needed in any case. All of them means that the output layer fits as well."""
    left = free_bytes - RESERVE_BYTES - other_bytes
    kv = pages * KvFormat.of(config, kv_cache).page_bytes(config)
    needed = [size + kv for size in layer_bytes]
    if sum(needed) + head_bytes <= left:
        return len(needed)
    fitting = int(np.searchsorted(np.cumsum(needed), left, side="right"))
    return min(fitting, len(needed) - 1)


class Pool:
    """K and V of ``pages`` pages; addresses of each layer's."""

    def __init__(self, device: Device, config: ModelConfig, pages: int, form: KvFormat) -> None:
        self.form = form
        self._device, self._layers = device, config.num_layers
        self._page_bytes = config.num_kv_heads * form.block_bytes
        self._layer_bytes = pages * self._page_bytes
        size = self._layers * self._layer_bytes
        self._keys, self._values = (device.allocate(size, zero=True) for _ in range(2))
        self.nbytes = 2 * size

    def copy_page(self, source: int, target: int) -> None:
        """Queues the copy of a page of all layers."""
        for pool in (self._keys, self._values):
            first, to = (pool + page * self._page_bytes for page in (source, target))
            if self._layer_bytes < 1 << 31:
                self._device.copy_rows(first, to, self._page_bytes, self._layers, self._layer_bytes)
                continue
            for offset in range(0, self._layers * self._layer_bytes, self._layer_bytes):
                self._device.copy(first + offset, to + offset, self._page_bytes)

    def keys(self, layer: int = 0) -> int:
        return self._keys + layer * self._layer_bytes

    def values(self, layer: int = 0) -> int:
        return self._values + layer * self._layer_bytes


@dataclass(frozen=True, slots=True)
class AttentionShape:
    """How many items go to the kernels for few and for many rows. ``long``: some of the few have a long context, which
    is cut into ``splits`` shares at most; else ``splits`` blocks of a cluster share it. An item of few has up to
    ``tile_rows`` rows, query heads that share a KV head counted singly. ``far``: the context is too long for a step in
    one kernel."""

    few: int
    many: int
    splits: int
    tile_rows: int
    long: bool = False
    far: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """Queries that are attended to together, int32 [n, 4]: sequence, first row, rows, position of the first row."""

    few: NDArray[np.int32]
    many: NDArray[np.int32]
    pages: int  # of the longest context among the few

    def shape(
        self, config: ModelConfig, few: int, at_once: int, near: int | None = None, cluster: int = 1
    ) -> AttentionShape:
        """For ``few`` items, of which some may be empty; ``at_once`` blocks fit on the card, clusters have up to
        ``cluster``. Contexts of more than ``near`` pages are far."""
        repeat = config.num_heads // config.num_kv_heads
        blocks = config.num_kv_heads * -(-repeat // 16) * max(few, 1)
        clusters = 1 < cluster <= at_once // blocks  # beside more blocks, that take turns, they are slower than cutting
        long = self.pages > (_SHORT_OF_CLUSTER if clusters else _SHORT)
        wanted = 1 << (-(-self.pages // (LEAST_SHARE if long else _SHARE_OF_CLUSTER)) - 1).bit_length()
        most = min(_LARGEST_SPLIT, max(1, at_once // blocks)) if long else cluster if clusters else 1
        splits = min(most, wanted)
        far = near is not None and self.pages > near
        alone = not len(self.few) or int(self.few[:, 2].max()) == 1
        return AttentionShape(few, len(self.many), splits, min(16, repeat) if alone else 16, long, far)


class StepInputs:
    """What the host tells the card of a step, in one copy: tokens, positions, slots, rows whose logits are asked for,
    items of attention, the page table."""

    def __init__(self, device: Device, rows: int, table_width: int) -> None:
        self._device, self.rows, self.table_width = device, rows, table_width
        sequences = rows
        counts = {
            "tokens": rows, "positions": rows, "slots": rows, "chosen": rows,
            "taken": rows, "few": 4 * rows, "many": 4 * rows, "table": sequences * table_width,
        }  # fmt: skip
        starts = np.cumsum([0, *(padded(count, 4) for count in counts.values())]).tolist()
        # A step may be told of while the copy of the one before is still queued.
        self._hosts = [device.pinned(4 * starts[-1]).view(np.int32) for _ in range(2)]
        self._uploaded = [device.event() for _ in range(2)]
        self._told = 0
        for host in self._hosts:
            host[:] = 0
        base = device.allocate(4 * starts[-1], zero=True)
        self._views = [
            {name: host[at : at + counts[name]] for name, at in zip(counts, starts, strict=False)}
            for host in self._hosts
        ]
        at = {name: base + 4 * start for name, start in zip(counts, starts, strict=False)}
        self.tokens, self.positions, self.slots, self.chosen = at["tokens"], at["positions"], at["slots"], at["chosen"]
        self.taken, self.few, self.many, self.table = at["taken"], at["few"], at["many"], at["table"]
        self._base, self._table_start = base, starts[-2]

    def write(self, batch: StepBatch, items: Items, rows: int) -> None:
        """Queues the copy; rows up to ``rows`` beyond the batch's own are made to write and attend to nothing."""
        turn = self._told % 2
        self._told += 1
        self._uploaded[turn].wait()
        views, count = self._views[turn], len(batch.tokens)
        sequences, width = len(batch.page_table), min(batch.page_table.shape[1], self.table_width)
        views["tokens"][:count], views["tokens"][count:rows] = batch.tokens, 0
        views["positions"][:count], views["positions"][count:rows] = batch.positions, 0
        views["slots"][:count], views["slots"][count:rows] = batch.slots, -1
        views["taken"][:rows] = -1
        if batch.taken is not None:
            views["taken"][:count] = batch.taken
        chosen = len(batch.logits_for)
        views["chosen"][:chosen], views["chosen"][chosen:rows] = batch.logits_for, 0
        for name, found in (("few", items.few), ("many", items.many)):
            view = views[name].reshape(-1, 4)
            view[: len(found)], view[len(found) : rows] = found, 0
        views["table"].reshape(-1, self.table_width)[:sequences, :width] = batch.page_table[:, :width]
        used = self._table_start + sequences * self.table_width
        self._device.upload(self._hosts[turn][:used], self._base)
        self._uploaded[turn].record()


def attention_items(batch: StepBatch, config: ModelConfig, many_from: int) -> Items:
    """``many_from`` tokens of a sequence and more go to the kernel for many rows."""
    repeat = config.num_heads // config.num_kv_heads
    few_rows, many_rows = max(1, 16 // min(repeat, 16)) if repeat <= 16 else 1, max(1, 128 // repeat)
    few: list[tuple[int, int, int, int]] = []
    many: list[tuple[int, int, int, int]] = []
    longest = 1
    starts, contexts = batch.sequence_starts.tolist(), batch.context_lengths.tolist()
    for sequence, context in enumerate(contexts):
        first, last = starts[sequence], starts[sequence + 1]
        target, step = (many, many_rows) if last - first >= many_from and repeat <= 128 else (few, few_rows)
        if target is few:
            longest = max(longest, math.ceil(context / PAGE_TOKENS))
        for row in range(first, last, step):
            target.append((sequence, row, min(step, last - row), context - (last - row)))
    few_items, many_items = (np.array(items, np.int32).reshape(-1, 4) for items in (few, many))
    return Items(few_items, many_items, longest)
