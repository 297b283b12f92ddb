"""Paged attention on the CPU in float32: writes K and V into pages and reads them back through the page table."""

from collections.abc import Sequence

import numpy as np

from engines.base import Int64, StepBatch
from engines.model.config import ModelConfig
from engines.model.weights import Float
from engines.page_size import PAGE_TOKENS


class PagedAttention:
    """The pool of K and V of all layers, float32 [layers, slots, kv_heads, head_dim], and attention over it."""

    def __init__(self, config: ModelConfig, num_pages: int, max_context: int) -> None:
        self.config = config
        shape = (config.num_layers, num_pages * PAGE_TOKENS, config.num_kv_heads, config.head_dim)
        self.keys = np.zeros(shape, np.float32)
        self.values = np.zeros(shape, np.float32)
        tables = {rope: rope.tables(max_context, max_context) for rope in map(config.rope_of, range(config.num_layers))}
        self._tables = [tables[config.rope_of(layer)] for layer in range(config.num_layers)]

    def __call__(self, layer: int, q: Float, k: Float, v: Float, batch: StepBatch) -> Float:
        """``q`` [T, heads, head_dim] and ``k`` [T, kv_heads, head_dim] are already rotated, ``v`` is like ``k``.

        Writes K and V to the batch's slots and returns the mixed values [T, heads * head_dim]."""
        self.keys[layer, batch.slots] = k
        self.values[layer, batch.slots] = v
        mixed = np.empty_like(q)
        for i, context in enumerate(batch.context_lengths.tolist()):
            rows = slice(int(batch.sequence_starts[i]), int(batch.sequence_starts[i + 1]))
            pages = batch.page_table[i, : -(-context // PAGE_TOKENS)]
            slots = (pages[:, None] * PAGE_TOKENS + np.arange(PAGE_TOKENS)).ravel()[:context]
            mixed[rows] = self._attend(layer, q[rows], self.keys[layer, slots], self.values[layer, slots])
        return mixed.reshape(len(q), -1)

    def rotation(self, layer: int, positions: Int64) -> tuple[Float, Float]:
        """Cosine and sine [T, rotary_dim / 2] for tokens at these positions."""
        cos, sin = self._tables[layer]
        return cos[positions], sin[positions]

    def copy_pages(self, copies: Sequence[tuple[int, int]]) -> None:
        """From pages to pages, in all layers."""
        for source, target in copies:
            for pool in (self.keys, self.values):
                by_page = pool.reshape(len(pool), -1, PAGE_TOKENS, *pool.shape[2:])
                by_page[:, target] = by_page[:, source]

    def _attend(self, layer: int, q: Float, k: Float, v: Float) -> Float:
        """One sequence: q [t, heads, d] at the end of a context k, v [c, kv_heads, d] -> [t, heads, d]."""
        config = self.config
        tokens, context = len(q), len(k)
        # Query heads that share a KV head become further rows of one product: [kv, t * repeat, d] x [kv, d, c].
        repeat = config.num_heads // config.num_kv_heads
        by_kv_head = q.reshape(tokens, config.num_kv_heads, repeat, -1).transpose(1, 0, 2, 3)
        grouped = by_kv_head.reshape(config.num_kv_heads, tokens * repeat, -1)
        scores = (grouped @ k.transpose(1, 2, 0)) * np.float32(config.attention_scale)
        if config.attention_softcap is not None:
            cap = np.float32(config.attention_softcap)
            scores = np.tanh(scores / cap) * cap
        position = np.arange(context - tokens, context)[:, None]
        visible = np.arange(context)[None, :] <= position
        if config.sliding_window is not None and config.sliding_layers[layer]:
            visible &= np.arange(context)[None, :] > position - config.sliding_window
        if not visible.all():
            mask = np.repeat(visible, repeat, axis=0)[None]
            scores = np.where(mask, scores, np.float32(-np.inf))
        scores -= scores.max(-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(-1, keepdims=True)
        mixed = (scores @ v.transpose(1, 0, 2)).reshape(config.num_kv_heads, tokens, repeat, -1)
        return np.asarray(mixed.transpose(1, 0, 2, 3).reshape(tokens, config.num_heads, -1), dtype=np.float32)
