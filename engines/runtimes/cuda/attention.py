"""Launches of attention: few queries against long contexts, and many queries of one sequence."""

from pathlib import Path

from engines.model.config import ModelConfig
from engines.page_size import PAGE_TOKENS
from engines.runtimes.cuda.arguments import AttentionArguments
from engines.runtimes.cuda.buffers import AttentionShape, Buffers, Pool, StepInputs
from engines.runtimes.cuda.compiler import compile_kernels
from engines.runtimes.cuda.driver import Device

_ATTEND_FEW_WARPS, _ATTEND_MANY_WARPS = 4, 8
_MANY_HEADS = (64, 128)  # that Hopper's kernel for many queries takes
assert PAGE_TOKENS == 16, "the attention kernels are written for pages of 16 tokens"


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
        head = {"HEAD": buffers.head_padded}
        few = head | {"WARPS": _ATTEND_FEW_WARPS}
        self._few = device.load(compile_kernels("attention", device.capability, few, kernel_cache))
        self._many = (
            device.load(compile_kernels("attention_many", device.capability, head, kernel_cache))
            if hopper and buffers.head_padded in _MANY_HEADS
            else None
        )

    def arguments(self, inputs: StepInputs, number: int, shape: AttentionShape) -> AttentionArguments:
        config, buffers = self._config, self._buffers
        slides = config.sliding_window is not None and config.sliding_layers[number]
        return AttentionArguments(
            query=buffers.query, keys=self._pool.keys(number), values=self._pool.values(number), mixed=buffers.mixed,
            items=inputs.few, page_table=inputs.table, partial=buffers.attention_partial,
            counters=buffers.attention_counters, heads=config.num_heads, kv_heads=config.num_kv_heads,
            head=config.head_dim,
            mixed_stride=buffers.mixed_stride, table_stride=inputs.table_width,
            window=config.sliding_window if slides else 0, splits=shape.splits, least_pages=16,
            tile_rows=shape.tile_rows, scale=config.attention_scale, cap=config.attention_softcap or 0.0,
        )  # fmt: skip

    def queue(self, inputs: StepInputs, number: int, shape: AttentionShape, *, packed: bool) -> None:
        """``packed``: what is mixed goes to packed rows."""
        config, buffers = self._config, self._buffers
        head_blocks = -(-(config.num_heads // config.num_kv_heads) // 16)
        arguments = self.arguments(inputs, number, shape)
        arguments.packed = int(packed)
        if shape.few:
            shared = 4 * _ATTEND_FEW_WARPS * shape.tile_rows * (buffers.head_padded + 2)
            grid = (config.num_kv_heads * head_blocks, shape.few, shape.splits)
            self._device.launch(self._few["attend_few"], grid, 32 * _ATTEND_FEW_WARPS, shared, arguments)
        if shape.many:
            arguments.items = inputs.many
            grid = (config.num_kv_heads, shape.many, 1)
            module, shared = self._few, 0
            if self._many is not None:
                module, shared = self._many, 2 * (128 + 4 * 64) * buffers.head_padded
            self._device.launch(module["attend_many"], grid, 32 * _ATTEND_MANY_WARPS, shared, arguments)
