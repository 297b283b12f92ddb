"""Lowers a checkpoint to one ONNX graph for ONNX Runtime on a CPU: the decoder graph with paged attention in it.

INT4 weights stay INT4 (``MatMulNBits``, zero points as they are); accuracy level 4 rounds activations to 8 bits in
blocks. Full-precision checkpoints are computed in float32. A dense lm_head of an INT4 checkpoint is rounded to 8 bits,
which ``write_model`` reports.

Inputs of the graph, for B sequences of n new tokens each (padded), contexts padded to S tokens:
    x float32 [B, n, hidden]        embedded, scaled tokens
    positions int64 [B, n]
    write int64 [B, n, 1]           the slot for each token's K and V
    read int64 [B, S]               the slots of each sequence's context, in order
    mask, window_mask float32 [B, 1, n, S]   0 where a token sees a position, -inf elsewhere; the second for layers
                                    with a sliding window, if there are any
    rows int64 [N, 2]               (sequence, token) of the logits asked for
    cos, sin float32 [positions, rotary_dim / 2], and second_cos, second_sin where layers are rotated differently
    keys_i, values_i float32 [slots, kv_heads * head_dim]    the pool of each layer
Outputs: logits float32 [N, vocabulary], and new_keys_i, new_values_i: the pool after writing. Whoever binds a pool's
output to the memory of its input has it updated in place, without a copy.
"""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.errors import RuntimeUnavailable
from engines.model import decoder_graph
from engines.model.checkpoint import Checkpoint, Projection
from engines.model.decoder_graph import NormAt
from engines.model.weights import BlockLinear, DenseLinear, Float, Linear, QuantizedLinear
from engines.runtimes.onnx_graph import MICROSOFT, GraphWriter

Progress = Callable[[int, int], None]

_LARGEST_BLOCK, _SMALLEST_BLOCK = 256, 16  # what MatMulNBits takes
_ACCURACY = 4  # int8 activations, int32 sums
_HEAD_BLOCK = 128
_CHUNK_ROWS = 8192  # of the embedding, converted at a time


def write_model(
    checkpoint: Checkpoint, folder: Path, on_progress: Progress = lambda done, total: None
) -> tuple[str, ...]:
    """Writes the model to ``folder`` and returns what was lost on the way, one sentence for each thing. ``on_progress``
    is told how many subgraphs are written, of how many."""
    config = checkpoint.config
    with GraphWriter(folder) as graph:
        builder = OnnxBuilder(graph, checkpoint)
        attention = _Attention(graph, checkpoint)
        x = graph.input("x", np.float32, ("B", "n", config.hidden_size))
        residual, (q, k, v) = decoder_graph.first(builder, config, x)
        for layer in range(config.num_layers - 1):
            on_progress(layer + 1, config.num_layers + 1)
            residual, (q, k, v) = decoder_graph.middle(builder, config, layer, residual, attention(layer, q, k, v))
        on_progress(config.num_layers, config.num_layers + 1)
        logits = decoder_graph.last(builder, config, residual, attention(config.num_layers - 1, q, k, v))
        graph.node("Identity", logits, name="logits")
        graph.output("logits", np.float32, ("N", config.vocab_size))
        graph.save()
        on_progress(config.num_layers + 1, config.num_layers + 1)
    return tuple(builder.notes)


class OnnxBuilder:
    """The subgraphs' operations as ONNX nodes. ``notes`` collects what is not computed exactly as stored."""

    def __init__(self, graph: GraphWriter, checkpoint: Checkpoint) -> None:
        self._graph = graph
        self._checkpoint = checkpoint
        self._config = checkpoint.config
        self._rows = graph.input("rows", np.int64, ("N", 2))
        self.notes: list[str] = []

    def linear(self, x: str, layer: int, *projections: Projection) -> tuple[str, ...]:
        parts = {f"{layer}.{name}": self._checkpoint.linear(layer, name) for name in projections}
        # One product instead of three is one wait for all threads and one rounding of its input. Gate and up are left
        # apart: splitting their wide result costs what the product saves.
        fused = _stacked(list(parts.values())) if len(parts) == 3 else None
        if fused is None:
            return tuple(self._linear(x, part, name) for name, part in parts.items())
        sizes = self._graph.integers(*(part.shape[0] for part in parts.values()))
        whole = self._linear(x, fused, "_".join(parts))
        return self._graph.nodes("Split", whole, sizes, outputs=tuple(parts), axis=-1)

    def head(self, x: str) -> str:
        config, checkpoint = self._config, self._checkpoint
        linear = checkpoint.lm_head()
        if checkpoint.quantization.format not in ("dense", "gguf") and isinstance(linear, DenseLinear):
            block = math.gcd(config.hidden_size, _HEAD_BLOCK)
            if block >= _SMALLEST_BLOCK:
                self.notes.append("The output layer (lm_head), stored in full precision, is rounded to 8 bits.")
                return self._eight_bits(x, linear, block)
        return self._linear(x, linear, "head")

    def norm(self, x: str, norm: NormAt) -> str:
        return self._graph.node(
            "SimplifiedLayerNormalization", x, self._norm_weight(norm), axis=-1, epsilon=self._config.norm_eps
        )

    def add_norm(self, residual: str, change: str, norm: NormAt) -> tuple[str, str]:
        weight = self._norm_weight(norm)
        normed, _, _, total = self._graph.nodes(
            "SkipSimplifiedLayerNormalization",
            residual,
            change,
            weight,
            outputs=(f"normed_{weight}", "", "", f"residual_{weight}"),
            domain=MICROSOFT,
            epsilon=self._config.norm_eps,
        )
        return total, normed

    def total(self, residual: str, change: str) -> str:
        return self._graph.node("Add", residual, change)

    def head_norm(self, x: str, norm: NormAt, heads: int) -> str:
        graph = self._graph
        by_head = graph.node("Reshape", x, graph.integers(0, 0, heads, -1))
        return graph.node("Reshape", self.norm(by_head, norm), graph.integers(0, 0, -1))

    def gated(self, gate: str, up: str) -> str:
        if self._config.activation == "silu":
            activated = self._graph.node("QuickGelu", gate, domain=MICROSOFT, alpha=1.0)  # x * sigmoid(alpha * x)
        else:
            activated = self._graph.node("Gelu", gate, approximate="tanh")
        return self._graph.node("Mul", activated, up)

    def experts(self, x: str, layer: int) -> str:
        raise RuntimeUnavailable(
            f"This model ({self._config.family}) is a mixture of experts, which ONNX Runtime does not compute here.",
            "Docent's own kernels compute it, on x86 processors with AVX2 under Linux; elsewhere use another model.",
        )

    def softcap(self, x: str, cap: float) -> str:
        graph = self._graph
        factor = graph.constant(np.float32(cap).reshape(1), f"cap_{cap}")
        return graph.node("Mul", graph.node("Tanh", graph.node("Div", x, factor)), factor)

    def select(self, x: str) -> str:
        return self._graph.node("GatherND", x, self._rows)

    def _norm_weight(self, norm: NormAt) -> str:
        if norm == "final":
            return self._graph.constant(self._checkpoint.final_norm(), "norm_final")
        weight = self._checkpoint.norm(*norm)
        assert weight is not None, f"this family has no norm {norm[1]}"
        return self._graph.constant(weight, f"norm_{norm[0]}_{norm[1]}")

    def _linear(self, x: str, linear: Linear, name: str) -> str:
        if isinstance(linear, BlockLinear):
            return self._blocks(x, linear, name)
        if isinstance(linear, QuantizedLinear):
            block = math.gcd(linear.group, _LARGEST_BLOCK)
            if block >= _SMALLEST_BLOCK:
                return self._four_bits(x, linear, block, name)
            self.notes.append(f"Groups of {linear.group} have no INT4 kernel: {name} is computed in float32.")
        graph = self._graph
        y = graph.node("MatMul", x, graph.constant(linear.dense().T, f"weight_{name}"))
        return y if linear.bias is None else graph.node("Add", y, graph.constant(linear.bias, f"bias_{name}"))

    def _blocks(self, x: str, linear: BlockLinear, name: str) -> str:
        """In 4 or 8 bits where that holds a weight exactly, and in float32 where each group has a minimum."""
        kind = linear.weight.kind
        blocks = linear.weight.blocks()
        if blocks.minimum is not None:
            self.notes.append(f"{kind.name} has no kernel here: it is computed in float32 and takes more memory.")
            return self._linear(x, DenseLinear(linear.dense(), linear.bias), name)
        out, inputs = linear.shape
        q = blocks.q.reshape(out, inputs // kind.group, kind.group)
        zeros = np.full((out, inputs // kind.group), blocks.zero, np.uint8)
        if kind.bits == 4:
            q, zeros = _pack_nibbles(blocks.q).reshape(out, inputs // kind.group, -1), _pack_nibbles(zeros)
        return self._n_bits(x, q, blocks.scale.whole(), zeros, linear.bias, 4 if kind.bits == 4 else 8, name)

    def _four_bits(self, x: str, linear: QuantizedLinear, block: int, name: str) -> str:
        graph = self._graph
        if linear.input_scale is not None:
            x = graph.node("Mul", x, graph.constant(linear.input_scale, f"input_scale_{name}"))
        if linear.input_order is not None:
            x = graph.node("Gather", x, graph.constant(linear.input_order, f"input_order_{name}"), axis=-1)
        out, inputs = linear.shape
        repeat = linear.group // block
        zero = None if linear.symmetric else _pack_nibbles(np.repeat(linear.zero, repeat, axis=1))
        packed = _pack_nibbles(linear.q).reshape(out, inputs // block, block // 2)
        scale = np.repeat(linear.scale, repeat, axis=1)
        return self._n_bits(x, packed, scale, zero, linear.bias, 4, name)

    def _eight_bits(self, x: str, linear: DenseLinear, block: int) -> str:
        """Symmetric around 128, the zero point that MatMulNBits assumes for 8 bits."""
        out, inputs = linear.shape
        q = np.empty((out, inputs // block, block), np.uint8)
        scale = np.empty((out, inputs // block), np.float32)
        for start in range(0, out, _CHUNK_ROWS):
            rows = slice(start, start + _CHUNK_ROWS)
            blocks = linear.weight[rows].reshape(-1, inputs // block, block)
            scale[rows] = np.maximum(np.abs(blocks).max(-1), np.float32(1e-20)) / 127
            q[rows] = np.rint(blocks / scale[rows][:, :, None]) + 128
        return self._n_bits(x, q, scale, None, linear.bias, 8, "head")

    def _n_bits(
        self,
        x: str,
        packed: NDArray[np.uint8],
        scale: Float,
        zero: NDArray[np.uint8] | None,
        bias: Float | None,
        bits: int,
        name: str,
    ) -> str:
        graph = self._graph
        out, blocks, width = packed.shape
        inputs = [x, graph.constant(packed, f"weight_{name}"), graph.constant(scale, f"scale_{name}")]
        if zero is not None or bias is not None:
            inputs.append("" if zero is None else graph.constant(zero, f"zero_{name}"))
        if bias is not None:
            inputs += ["", graph.constant(bias, f"bias_{name}")]
        block = width * 8 // bits
        return graph.node(
            "MatMulNBits",
            *inputs,
            domain=MICROSOFT,
            K=blocks * block,
            N=out,
            bits=bits,
            block_size=block,
            accuracy_level=_ACCURACY,
        )


class _Attention:
    """Rotation, writing to and reading from the pool, softmax."""

    def __init__(self, graph: GraphWriter, checkpoint: Checkpoint) -> None:
        self._graph = graph
        self._config = config = checkpoint.config
        self._positions = graph.input("positions", np.int64, ("B", "n"))
        self._write = graph.input("write", np.int64, ("B", "n", 1))
        self._read = graph.input("read", np.int64, ("B", "S"))
        half = config.rope.rotary_dim // 2
        names = [("cos", "sin")] if config.second_rope is None else [("cos", "sin"), ("second_cos", "second_sin")]
        self._tables = [[graph.input(name, np.float32, ("positions", half)) for name in pair] for pair in names]
        self._masks = {
            sliding: graph.input("window_mask" if sliding else "mask", np.float32, ("B", 1, "n", "S"))
            for sliding in sorted({self._slides(layer) for layer in range(config.num_layers)})
        }

    def __call__(self, layer: int, q: str, k: str, v: str) -> str:
        """q [B, n, heads * head_dim], k and v [B, n, kv_heads * head_dim] -> mixed values, shaped like q."""
        graph, config = self._graph, self._config
        tables = self._tables[config.second_rope is not None and config.second_rope_layers[layer]]
        q, k = self._rotate(q, config.num_heads, tables), self._rotate(k, config.num_kv_heads, tables)
        keys, values = self._written(f"keys_{layer}", k), self._written(f"values_{layer}", v)
        mask = self._masks[self._slides(layer)]
        return graph.node(
            "Attention",
            q,
            graph.node("Gather", keys, self._read, axis=0),
            graph.node("Gather", values, self._read, axis=0),
            mask,
            q_num_heads=config.num_heads,
            kv_num_heads=config.num_kv_heads,
            scale=config.attention_scale,
            softcap=config.attention_softcap or 0.0,
        )

    def _slides(self, layer: int) -> bool:
        return self._config.sliding_window is not None and self._config.sliding_layers[layer]

    def _rotate(self, x: str, heads: int, tables: list[str]) -> str:
        partial = self._config.rope.rotary_dim if self._config.rope.rotary_dim < self._config.head_dim else 0
        return self._graph.node(
            "RotaryEmbedding",
            x,
            self._positions,
            *tables,
            domain=MICROSOFT,
            num_heads=heads,
            rotary_embedding_dim=partial,
        )

    def _written(self, name: str, new: str) -> str:
        """The pool after writing [B, n, kv_size] to it."""
        shape = ("slots", self._config.kv_size)
        pool = self._graph.input(name, np.float32, shape)
        written = self._graph.node("ScatterND", pool, self._write, new, name=f"new_{name}")
        self._graph.output(written, np.float32, shape)
        return written


def _stacked(parts: list[Linear]) -> QuantizedLinear | None:
    """INT4 projections of the same input as one; None where they differ in more than their outputs."""
    quantized = [part for part in parts if isinstance(part, QuantizedLinear)]
    if len(quantized) < len(parts) or len({part.group for part in quantized}) > 1:
        return None
    if any(part.input_scale is not None or part.input_order is not None for part in quantized):
        return None
    biases = [part.bias for part in quantized if part.bias is not None]
    if biases and len(biases) < len(parts):
        return None
    return QuantizedLinear(
        np.concatenate([part.q for part in quantized]),
        np.concatenate([part.scale for part in quantized]),
        np.concatenate([part.zero for part in quantized]),
        quantized[0].group,
        np.concatenate(biases) if biases else None,
    )


def _pack_nibbles(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[rows, n] -> [rows, ceil(n / 2)]; the first of each pair lies in the low nibble."""
    if values.shape[1] % 2:
        values = np.pad(values, ((0, 0), (0, 1)))
    return np.asarray(values[:, 0::2] | (values[:, 1::2] << 4), dtype=np.uint8)
