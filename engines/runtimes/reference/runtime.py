"""Runs the model in plain float32 numpy, slowly; the other runtimes are compared with it.

Weights are dequantised once. Nothing here is fused, so that each line can be read against a model's definition.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.base import StepBatch
from engines.model.attention import PagedAttention
from engines.model.checkpoint import Checkpoint
from engines.model.kv_rounding import rounded
from engines.model.layer import DecoderLayer, rms_norm
from engines.model.rope import rotate
from engines.model.rounded_rows import eight_bit_rows
from engines.model.weights import Float
from engines.page_size import KvCache, LmHead


class ReferenceRuntime:
    """``max_context`` bounds a sequence, the model's own limit is the default. K and V are float32, or what
    ``kv_cache`` makes of them in 8 bits; the output layer as stored, or rounded as ``lm_head`` says."""

    name = "reference"

    def __init__(
        self,
        checkpoint: Checkpoint,
        num_pages: int,
        max_context: int | None = None,
        kv_cache: KvCache = "fp16",
        lm_head: LmHead = "stored",
    ) -> None:
        self._kv_cache = kv_cache
        self.config = checkpoint.config
        self.num_pages = num_pages
        self.max_context = min(max_context or self.config.max_context, self.config.max_context)
        self._attention = PagedAttention(self.config, num_pages, self.max_context)
        self._embedding = checkpoint.embedding().whole()
        self._layers = [DecoderLayer.load(checkpoint, layer) for layer in range(self.config.num_layers)]
        self._final_norm = checkpoint.final_norm()
        self._head = checkpoint.lm_head().dense()
        if lm_head == "int8":
            codes, scale = eight_bit_rows(self._head)
            self._head = codes * scale[:, None]

    @property
    def vocab_size(self) -> int:
        return self.config.vocab_size

    def step(self, batch: StepBatch) -> NDArray[np.float32]:
        x = self.residual(batch)[batch.logits_for]
        logits = rms_norm(x, self._final_norm, self.config.norm_eps) @ self._head.T
        if self.config.logit_softcap is not None:
            cap = np.float32(self.config.logit_softcap)
            logits = np.tanh(logits / cap) * cap
        return np.asarray(logits, dtype=np.float32)

    def copy_pages(self, copies: Sequence[tuple[int, int]]) -> None:
        self._attention.copy_pages(copies)

    def residual(self, batch: StepBatch) -> Float:
        """The residual stream [T, hidden] behind the layers."""
        x = self._embedding[batch.tokens] * np.float32(self.config.embedding_scale)
        for number, layer in enumerate(self._layers):

            def attend(q: Float, k: Float, v: Float, number: int = number) -> Float:
                cos, sin = self._attention.rotation(number, batch.positions)
                k, v = rounded(rotate(k, cos, sin), self._kv_cache), rounded(v, self._kv_cache)
                return self._attention(number, rotate(q, cos, sin), k, v, batch)

            x = layer(x, attend)
        return x
