"""Lowers a model to a program of Docent's own kernels: the decoder graph with attention over pages in it."""

import numpy as np
from numpy.typing import NDArray

from engines.errors import RuntimeUnavailable
from engines.model import decoder_graph
from engines.model.config import ModelConfig
from engines.runtimes.native.experts import add_experts
from engines.runtimes.native.kernels.layout import LARGEST_HEAD, ROWS
from engines.runtimes.native.packed_weights import PackedWeights
from engines.runtimes.native.places import Rows, places
from engines.runtimes.native.program_builder import Kernels, ProgramBuilder
from engines.runtimes.native.tiles import padded

Half = NDArray[np.float16]


class NativeModel:
    """``operations`` int64 [n, WORDS] for the driver; ``x`` float32 [largest, stride] takes embedded, scaled tokens.
    ``keys`` [layers, pages, kv_heads, head_dim, PAGE_TOKENS] and ``values`` [..., PAGE_TOKENS, padded head_dim] are the
    pool; with fewer layers than the model has these are the last ones, and ``x`` takes the residual stream before them.
    A step has at most ``largest`` rows."""

    def __init__(
        self,
        config: ModelConfig,
        weights: PackedWeights,
        kernels: Kernels,
        keys: Half,
        values: Half,
        largest: int,
        context: int,
    ) -> None:
        if config.head_dim > LARGEST_HEAD:
            raise RuntimeUnavailable(
                f"Heads of {config.head_dim} features are wider than the {LARGEST_HEAD} of Docent's own kernels.",
                'Set model.runtime to "onnx".',
            )
        builder = _Builder(config, weights, kernels, largest)
        attention = _Attention(builder, keys, values, context)
        x = builder.place("x", config.hidden_size)
        first = config.num_layers - len(keys)
        residual, (q, k, v) = decoder_graph.first(builder, config, x, first)
        for layer in range(first, config.num_layers - 1):
            residual, (q, k, v) = decoder_graph.middle(builder, config, layer, residual, attention(layer, q, k, v))
        decoder_graph.last(builder, config, residual, attention(config.num_layers - 1, q, k, v))
        self._kept = (builder, attention, weights)  # whose memory the operations name
        self.x = builder.buffer("x")
        self.operations = np.stack(builder.operations)
        self._logits = builder.logits
        self.logits_width = padded(config.vocab_size)

    def write_logits_to(self, address: int) -> None:
        """Where the next steps leave logits, float32 [logit rows, ``logits_width``]."""
        for index, word in self._logits:
            self.operations[index, word] = address


class _Builder(ProgramBuilder):
    def experts(self, x: Rows, layer: int) -> Rows:
        return add_experts(self, x, layer)


class _Attention:
    """Rotation, writing to the pool, attention over pages."""

    def __init__(self, builder: ProgramBuilder, keys: Half, values: Half, context: int) -> None:
        self._builder, self._keys, self._values = builder, keys, values
        ropes = set(map(builder.config.rope_of, range(builder.config.num_layers)))
        self._tables = {rope: [np.ascontiguousarray(t) for t in rope.tables(context, context)] for rope in ropes}

    def __call__(self, layer: int, q: Rows, k: Rows, v: Rows) -> Rows:
        config, builder = self._builder.config, self._builder
        own = layer - config.num_layers  # the pool may hold the last layers alone
        keys, values = (pool[own].ctypes.data for pool in (self._keys, self._values))
        cos, sin = self._tables[config.rope_of(layer)]
        head_padded = self._values.shape[-1]
        builder.add(
            "rotate",
            rows_at=ROWS,
            **places(q=q, k=k, v=v),
            heads=config.num_heads,
            kv_heads=config.num_kv_heads,
            head_dim=config.head_dim,
            head_padded=head_padded,
            half=config.rope.rotary_dim // 2,
            cos=cos.ctypes.data,
            sin=sin.ctypes.data,
            keys=keys,
            values=values,
        )
        y = builder.place("mixed", config.q_size)
        builder.add(
            "attend",
            **places(q=q, y=y),
            keys=keys,
            values=values,
            kv_heads=config.num_kv_heads,
            repeat=config.num_heads // config.num_kv_heads,
            head_dim=config.head_dim,
            head_padded=head_padded,
            window=(config.sliding_window or 0) if config.sliding_layers[layer] else 0,
            scale=float(config.attention_scale),
            softcap=float(config.attention_softcap or 0.0),
        )
        return y
