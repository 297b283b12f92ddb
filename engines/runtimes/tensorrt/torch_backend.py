"""Keeps the memory of a card and computes paged attention on it, by torch.

K and V lie in one pool of pages in float16. It works on torch's CPU device as well, which is how it is tested.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engines.base import Int64, StepBatch
from engines.model.config import ModelConfig
from engines.page_size import PAGE_TOKENS

_DTYPES: dict[str, torch.dtype] = {
    "float16": torch.float16,
    "float32": torch.float32,
    "int64": torch.int64,
    "uint8": torch.uint8,
}


@dataclass(frozen=True, slots=True)
class _Group:
    """Sequences with the same number n of new tokens, attended together; contexts are padded to S positions."""

    rows: torch.Tensor  # [B * n], where their tokens stand in the flat batch
    count: int  # B
    read: torch.Tensor  # [B, S], slots; padding reads slot 0 and is masked
    visible: torch.Tensor  # bool [B, 1, n, S]
    in_window: torch.Tensor  # like visible, for the layers with a sliding window


class TorchBackend:
    """``device`` is "cuda" or "cpu". All work is queued on one stream."""

    def __init__(self, config: ModelConfig, num_pages: int, max_context: int, device: str = "cuda") -> None:
        self.config = config
        self._device = torch.device(device)
        new_stream: Any = torch.cuda.Stream
        self._stream = new_stream() if self._device.type == "cuda" else None
        shape = (config.num_layers, num_pages * PAGE_TOKENS, config.num_kv_heads, config.head_dim)
        with self._on_stream():
            self._keys = torch.zeros(shape, dtype=torch.float16, device=self._device)
            self._values = torch.zeros_like(self._keys)
            self._cos, self._sin = (self._to_device(table) for table in config.rope.tables(max_context, max_context))
        self._groups: list[_Group] = []

    def copy_pages(self, copies: Sequence[tuple[int, int]]) -> None:
        """From pages to pages, in all layers."""
        with self._on_stream():
            for source, target in copies:
                first, to = source * PAGE_TOKENS, target * PAGE_TOKENS
                for pool in (self._keys, self._values):
                    pool[:, to : to + PAGE_TOKENS] = pool[:, first : first + PAGE_TOKENS]

    @property
    def stream(self) -> int:
        """The handle that a library is given to queue its own work behind ours."""
        return 0 if self._stream is None else int(self._stream.cuda_stream)

    def empty(self, rows: int, width: int | None, dtype: type[np.generic]) -> torch.Tensor:
        """Uninitialised memory [rows, width], or [rows]."""
        shape = (rows,) if width is None else (rows, width)
        with self._on_stream():
            return torch.empty(shape, dtype=_DTYPES[np.dtype(dtype).name], device=self._device)

    def address(self, buffer: torch.Tensor, row: int = 0) -> int:
        return int(buffer.data_ptr() + row * buffer.stride(0) * buffer.element_size())

    def upload(self, values: NDArray[np.generic], buffer: torch.Tensor) -> None:
        """Copies to the first rows of ``buffer``."""
        with self._on_stream():
            buffer[: len(values)] = self._to_device(values)

    def download(self, buffer: torch.Tensor, rows: int) -> NDArray[np.float32]:
        """The first rows, when all work queued so far is done."""
        with self._on_stream():
            return np.array(buffer[:rows].float().cpu().numpy(), dtype=np.float32)

    def gather(self, source: torch.Tensor, rows: Int64, target: torch.Tensor) -> None:
        """``target[i] = source[rows[i]]``."""
        with self._on_stream():
            target[: len(rows)] = source[self._to_device(rows)]

    def begin(self, batch: StepBatch) -> None:
        """Prepares what the attention of all layers of a step shares."""
        with self._on_stream():
            positions = self._to_device(batch.positions)
            self._slots = self._to_device(batch.slots)
            self._step_cos, self._step_sin = self._cos[positions][:, None], self._sin[positions][:, None]
            self._groups = [self._group(batch, members) for members in _alike(batch)]

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mixed: torch.Tensor, rows: int
    ) -> None:
        """Rotates the first ``rows`` of q and k, writes K and V to their slots and the mixed values to ``mixed``."""
        config = self.config
        with self._on_stream():
            queries = self._rotate(q[:rows].view(rows, config.num_heads, config.head_dim))
            self._keys[layer, self._slots] = self._rotate(k[:rows].view(rows, config.num_kv_heads, config.head_dim))
            self._values[layer, self._slots] = v[:rows].view(rows, config.num_kv_heads, config.head_dim)
            for group in self._groups:
                mixed[group.rows] = self._attend(layer, queries[group.rows], group)

    def _attend(self, layer: int, queries: torch.Tensor, group: _Group) -> torch.Tensor:
        """[B * n, heads, head_dim] -> [B * n, heads * head_dim]."""
        config = self.config
        q = queries.view(group.count, -1, config.num_heads, config.head_dim).transpose(1, 2)
        k, v = (pool[layer, group.read].transpose(1, 2) for pool in (self._keys, self._values))  # [B, kv, S, d]
        slides = config.sliding_window is not None and config.sliding_layers[layer]
        mask = group.in_window if slides else group.visible
        if config.attention_softcap is None:
            mixed = torch.nn.functional.scaled_dot_product_attention(
                q,
                k,
                v,
                attn_mask=mask,
                scale=config.attention_scale,
                enable_gqa=config.num_heads != config.num_kv_heads,
            )
        else:
            mixed = self._capped(q, k, v, mask, config.attention_softcap)
        return mixed.transpose(1, 2).reshape(len(queries), -1)

    def _capped(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor, cap: float
    ) -> torch.Tensor:
        """Gemma 2 squeezes the scores into -cap..cap, which torch's fused kernels don't know."""
        repeat = self.config.num_heads // self.config.num_kv_heads
        k, v = (x.float().repeat_interleave(repeat, dim=1) for x in (k, v))
        scores = q.float() @ k.transpose(-1, -2) * self.config.attention_scale
        scores = (torch.tanh(scores / cap) * cap).masked_fill(~mask, -torch.inf)
        return (scores.softmax(-1) @ v).half()

    def _rotate(self, x: torch.Tensor) -> torch.Tensor:
        """Rotary embedding in float32, [T, heads, head_dim]; dimension i is paired with i + rotary_dim / 2."""
        half = self._step_cos.shape[-1]
        first, second, rest = x[..., :half].float(), x[..., half : 2 * half].float(), x[..., 2 * half :]
        cos, sin = self._step_cos, self._step_sin
        return torch.cat([(first * cos - second * sin).half(), (second * cos + first * sin).half(), rest], dim=-1)

    def _group(self, batch: StepBatch, members: Int64) -> _Group:
        starts, stops = batch.sequence_starts[members], batch.sequence_starts[members + 1]
        rows = starts[:, None] + np.arange(stops[0] - starts[0])
        pages = -(-int(batch.context_lengths[members].max()) // PAGE_TOKENS)
        table = np.maximum(batch.page_table[members, :pages], 0)
        read = (table[:, :, None] * PAGE_TOKENS + np.arange(PAGE_TOKENS)).reshape(len(members), -1)
        position = batch.positions[rows][:, None, :, None]
        context = np.arange(read.shape[1])
        visible = context <= position
        in_window = visible & (context > position - (self.config.sliding_window or 1 << 62))
        return _Group(
            self._to_device(rows.reshape(-1)),
            len(members),
            self._to_device(read),
            self._to_device(visible),
            self._to_device(in_window),
        )

    def _to_device(self, values: NDArray[np.generic]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._device)

    def _on_stream(self) -> AbstractContextManager[object]:
        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)


def _alike(batch: StepBatch) -> list[Int64]:
    """Sequences that decode one token go together; each chunk of prefill goes alone."""
    counts = np.diff(batch.sequence_starts)
    singles = np.flatnonzero(counts == 1)
    return [*([singles] if len(singles) else []), *(np.array([i]) for i in np.flatnonzero(counts > 1))]
