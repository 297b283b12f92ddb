"""Launches of attention: few queries against short or long contexts, and many queries of one sequence."""

from dataclasses import dataclass
from pathlib import Path

from engines.model.config import ModelConfig
from engines.page_size import PAGE_TOKENS
from engines.runtimes.cuda.arguments import AttentionArguments
from engines.runtimes.cuda.buffers import LEAST_SHARE, PARTIAL_ITEMS, AttentionShape, Buffers, Pool, StepInputs
from engines.runtimes.cuda.card.compiler import HOPPER, Kernels, compile_kernels
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.kv_format import KvFormat

_ATTEND_FEW_WARPS, _ATTEND_MANY_WARPS = 4, 8
_CLUSTER = 8  # blocks, at most, where the card has clusters
_MANY_HEADS = (64, 128)  # that Hopper's kernel for many queries takes
_SHARE_EXTRA = 4  # floats of a row of a warp's share beside its sums
_RESERVED = 2048  # shared memory that a block takes beside what it asks for
_MOST_STAGES = 6
assert PAGE_TOKENS == 16, "the attention kernels are written for pages of 16 tokens"


@dataclass(frozen=True, slots=True)
class Ring:
    """Pages that each of a block's ``warps`` has under way in shared memory; ``blocks`` fit on a multiprocessor."""

    warps: int
    stages: int
    blocks: int

    def shared(self, form: KvFormat) -> int:
        """Bytes of a block."""
        return self.warps * self.stages * 2 * form.block_bytes


class Attention:
    """The kernels for a model's heads; layer numbers say whose K and V. ``hopper``: with the one for many queries that
    only these cards have."""

    def __init__(
        self,
        device: Device,
        config: ModelConfig,
        pool: Pool,
        buffers: Buffers,
        kernel_cache: Path | None,
        *,
        hopper: bool,
    ) -> None:
        self._device, self._config, self._pool, self._buffers = device, config, pool, buffers
        capability, ring = device.capability, _ring(device, pool.form)
        self._ring = ring
        kernels = {
            name: device.load(compile_kernels(name, capability, settings, kernel_cache))
            for name, settings in kernels_of(device, pool.form, hopper=hopper)
        }
        self._few, self._many = kernels["attention"], kernels.get("attention_many")
        self._long = {rows: kernels["attention_long"][f"attend_long_{rows}"] for rows in (8, 16)}
        self.at_once = min(PARTIAL_ITEMS, ring.blocks * device.multiprocessors)
        self.cluster = _CLUSTER if capability >= HOPPER else 1

    def arguments(self, inputs: StepInputs, number: int, shape: AttentionShape) -> AttentionArguments:
        config, buffers = self._config, self._buffers
        slides = config.sliding_window is not None and config.sliding_layers[number]
        return AttentionArguments(
            query=buffers.query, keys=self._pool.keys(number), values=self._pool.values(number), mixed=buffers.mixed,
            items=inputs.few, page_table=inputs.table, partial=buffers.attention_partial,
            counters=buffers.attention_counters, heads=config.num_heads, kv_heads=config.num_kv_heads,
            head=config.head_dim,
            mixed_stride=buffers.mixed_stride, table_stride=inputs.table_width,
            window=config.sliding_window if slides else 0, splits=shape.splits, least_pages=LEAST_SHARE,
            tile_rows=shape.tile_rows, scale=config.attention_scale, cap=config.attention_softcap or 0.0,
        )  # fmt: skip

    def queue(self, inputs: StepInputs, number: int, shape: AttentionShape, *, packed: bool) -> None:
        """``packed``: what is mixed goes to packed rows."""
        arguments = self.arguments(inputs, number, shape)
        arguments.packed = int(packed)
        if shape.few:
            self._queue_few(arguments, shape)
        if shape.many:
            arguments.items = inputs.many
            grid = (self._config.num_kv_heads, shape.many, 1)
            module, shared = self._few, 0
            if self._many is not None:
                module, shared = self._many, shared_of_many(self._pool.form)
            self._device.launch(module["attend_many"], grid, 32 * _ATTEND_MANY_WARPS, shared, arguments)

    def _queue_few(self, arguments: AttentionArguments, shape: AttentionShape) -> None:
        config, ring = self._config, self._ring
        blocks = config.num_kv_heads * -(-(config.num_heads // config.num_kv_heads) // 16)
        # Where nearly all places are taken, the last clusters find none side by side.
        fits = shape.few * blocks * shape.splits <= self.at_once * 3 // 4
        cluster = shape.splits if shape.splits <= self.cluster and (fits or not shape.long) else 1
        arguments.clustered = int(cluster > 1)
        if cluster > 1:
            arguments.least_pages = 1  # shares of equal size: adding them up costs little
        grid = (blocks * cluster, shape.few, shape.splits // cluster)
        if shape.long:
            kernel = self._long[8 if shape.tile_rows <= 8 else 16]
            shared = ring.shared(self._pool.form)
            self._device.launch(kernel, grid, 32 * ring.warps, shared, arguments, cluster=cluster)
        else:
            shared = 4 * _ATTEND_FEW_WARPS * shape.tile_rows * (self._buffers.head_padded + _SHARE_EXTRA)
            kernel = self._few["attend_few"]
            self._device.launch(kernel, grid, 32 * _ATTEND_FEW_WARPS, shared, arguments, cluster=cluster)


def kernels_of(device: Device, form: KvFormat, *, hopper: bool) -> list[Kernels]:
    """What is compiled for heads of this kind; ``hopper``: with the one for many queries that only these cards have."""
    ring, settings = _ring(device, form), form.settings
    kernels: list[Kernels] = [
        ("attention", settings | {"WARPS": _ATTEND_FEW_WARPS}),
        ("attention_long", settings | {"WARPS": ring.warps, "STAGES": ring.stages}),
    ]
    return [*kernels, ("attention_many", settings)] if hopper and form.head_padded in _MANY_HEADS else kernels


def _ring(device: Device, form: KvFormat) -> Ring:
    return ring_of(form, device.shared_bytes, device.shared_bytes_of_block)


def ring_of(form: KvFormat, shared_bytes: int, shared_bytes_of_block: int) -> Ring:
    """As many warps and pages as a multiprocessor has shared memory for; two blocks on it where that is enough."""
    share = 4 * 16 * (form.head_padded + _SHARE_EXTRA)  # a warp's, which lies where its ring was
    least = -(-share // (2 * form.block_bytes))
    for blocks, warps, enough in ((2, 6, 4), (2, 4, 3), (1, 4, 3), (1, 2, 2)):
        room = min(shared_bytes // blocks - _RESERVED, shared_bytes_of_block)
        stages = min(_MOST_STAGES, room // (warps * 2 * form.block_bytes))
        if stages >= max(least, enough):
            return Ring(warps, stages, blocks)
    raise AssertionError(f"heads of {form.head_padded} features do not fit into {shared_bytes_of_block} bytes")


def shared_of_many(form: KvFormat) -> int:
    """Shared memory of a block of ``attention_many.cu``: 128 queries, K and V of 64 tokens twice, or once as matrices
    and twice as codes."""
    queries, matrix, codes = 128 * form.head_padded * 2, 64 * form.head_padded * 2, 4 * form.block_bytes
    return queries + (2 * matrix + 4 * codes if form.has_scales else 4 * matrix)
