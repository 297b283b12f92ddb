"""Lowers each subgraph of a checkpoint to an ONNX graph of the operators that TensorRT builds INT4 engines from.

Weights are INT4 blocks of ``DequantizeLinear``, which are symmetric. A zero point z of a group is made up for by
``y = DQ(q - 8) @ x + groupsum(x) @ C`` with ``C = (8 - z) * scale``, left out where every z is 8. Activations are
float16; norms, the residual stream and the logits float32 (Gemma's residuals leave the range of float16).
The graphs hold standard operators only, so that any ONNX runtime can run them as well.

    subgraph 0       tokens int64 [T]                         -> next_residual, q, k, v
    subgraph 1..L-1  residual float32 [T, hidden], mixed [T, heads * head_dim] -> next_residual, q, k, v
    subgraph L       residual, mixed                          -> logits float32 [T, vocabulary]

q, k and v are not yet rotated; T is known at run time. The last subgraph takes the rows whose logits are asked for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.errors import UnsupportedModel
from engines.model import decoder_graph
from engines.model.checkpoint import Checkpoint, Projection
from engines.model.config import ModelConfig
from engines.model.decoder_graph import NormAt
from engines.model.formats.packing import transposed
from engines.model.weights import DenseLinear, Linear, QuantizedLinear, StoredRows, without_blocks
from engines.runtimes.onnx_graph import GraphWriter

LOWERING_VERSION = 2  # grows when the same checkpoint gives other graphs, so that engines built before are stale
ROWS = "T"
_LARGEST_BLOCK, _SMALLEST_BLOCK = 128, 16
_FLOAT, _HALF = 1, 10  # TensorProto.FLOAT and FLOAT16, as Cast takes them

Half = NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a subgraph: its elements and its width (None: a vector)."""

    dtype: type[np.generic]
    width: int | None


def subgraph_ports(config: ModelConfig, number: int) -> tuple[dict[str, Port], dict[str, Port]]:
    """Inputs and outputs of a subgraph by name. The first dimension of each is the number of tokens."""
    stream = Port(np.float32, config.hidden_size)
    inputs = {"residual": stream, "mixed": Port(np.float16, config.q_size)}
    outputs = {
        "next_residual": stream,
        "q": Port(np.float16, config.q_size),
        "k": Port(np.float16, config.kv_size),
        "v": Port(np.float16, config.kv_size),
    }
    if number == 0:
        inputs = {"tokens": Port(np.int64, None)}
    if number == config.num_layers:
        outputs = {"logits": Port(np.float32, config.vocab_size)}
    return inputs, outputs


def write_subgraph(checkpoint: Checkpoint, number: int, folder: Path) -> tuple[Path, tuple[str, ...]]:
    """Writes subgraph ``number`` (0 to num_layers) and returns the graph's path, and what was lost on the way."""
    config = checkpoint.config
    inputs, outputs = subgraph_ports(config, number)
    with GraphWriter(folder) as graph:
        for name, port in inputs.items():
            graph.input(name, port.dtype, _shape(port))
        builder = TensorRtBuilder(graph, checkpoint)
        values: tuple[str, ...]
        if number == 0:
            residual, qkv = decoder_graph.first(builder, config, builder.embed("tokens"))
            values = (residual, *qkv)
        elif number < config.num_layers:
            residual, qkv = decoder_graph.middle(builder, config, number - 1, "residual", "mixed")
            values = (residual, *qkv)
        else:
            values = (decoder_graph.last(builder, config, "residual", "mixed"),)
        for value, (name, port) in zip(values, outputs.items(), strict=True):
            graph.node("Identity", value, name=name)
            graph.output(name, port.dtype, _shape(port))
        return graph.save(), tuple(dict.fromkeys(builder.notes))


class TensorRtBuilder:
    """The subgraphs' operations. ``notes`` collects what is not computed exactly as stored."""

    def __init__(self, graph: GraphWriter, checkpoint: Checkpoint) -> None:
        self._graph = graph
        self._checkpoint = checkpoint
        self._config = checkpoint.config
        self.notes: list[str] = []

    def embed(self, tokens: str) -> str:
        """int64 [T] -> float32 [T, hidden], scaled."""
        graph = self._graph
        table = graph.constant(self._half(self._checkpoint.embedding(), "The embedding"), "embedding")
        x = self._cast(graph.node("Gather", table, tokens, axis=0), _FLOAT)
        if self._config.embedding_scale == 1:
            return x
        return graph.node("Mul", x, graph.constant(np.array([self._config.embedding_scale], np.float32), "scaling"))

    def linear(self, x: str, layer: int, *projections: Projection) -> tuple[str, ...]:
        """One product for all projections where they share how they read the input."""
        linears = [without_blocks(self._checkpoint.linear(layer, projection)) for projection in projections]
        joined = _join(linears) if len(linears) > 1 else None
        if joined is None:
            return tuple(
                self._linear(x, linear, f"{layer}.{name}") for name, linear in zip(projections, linears, strict=True)
            )
        name = f"{layer}.{'_'.join(projections)}"
        y = self._linear(x, joined, name)
        sizes = self._graph.integers(*(linear.shape[0] for linear in linears))
        parts = tuple(f"{layer}.{projection}" for projection in projections)
        return self._graph.nodes("Split", y, sizes, outputs=parts, axis=-1)

    def head(self, x: str) -> str:
        return self._cast(self._linear(x, without_blocks(self._checkpoint.lm_head()), "head"), _FLOAT)

    def norm(self, x: str, norm: NormAt) -> str:
        """Of float16 or float32; the result is float16."""
        graph, config = self._graph, self._config
        x = self._cast(x, _FLOAT)
        mean = graph.node("ReduceMean", graph.node("Mul", x, x), graph.integers(-1), keepdims=1)
        eps = graph.constant(np.array([config.norm_eps], np.float32), "norm_eps")
        root = graph.node("Sqrt", graph.node("Add", mean, eps))
        scaled = graph.node("Mul", graph.node("Div", x, root), self._norm_weight(norm))
        return self._cast(scaled, _HALF)

    def add_norm(self, residual: str, change: str, norm: NormAt) -> tuple[str, str]:
        total = self._graph.node("Add", residual, self._cast(change, _FLOAT))
        return total, self.norm(total, norm)

    def total(self, residual: str, change: str) -> str:
        return self._graph.node("Add", residual, self._cast(change, _FLOAT))

    def head_norm(self, x: str, norm: NormAt, heads: int) -> str:
        graph = self._graph
        by_head = graph.node("Reshape", x, graph.integers(0, heads, self._config.head_dim))
        return graph.node("Reshape", self.norm(by_head, norm), graph.integers(0, heads * self._config.head_dim))

    def gated(self, gate: str, up: str) -> str:
        graph = self._graph
        gate, up = self._cast(gate, _FLOAT), self._cast(up, _FLOAT)
        if self._config.activation == "silu":
            activated = graph.node("Mul", gate, graph.node("Sigmoid", gate))
        else:
            activated = graph.node("Gelu", gate, approximate="tanh")
        return self._cast(graph.node("Mul", activated, up), _HALF)

    def experts(self, x: str, layer: int) -> str:
        raise AssertionError("models with experts are refused before this (engines/runtimes/cards.py)")

    def softcap(self, x: str, cap: float) -> str:
        graph = self._graph
        factor = graph.constant(np.array([cap], np.float32), f"cap_{cap}")
        return graph.node("Mul", graph.node("Tanh", graph.node("Div", x, factor)), factor)

    def select(self, x: str) -> str:
        """Whoever runs the last subgraph hands it the chosen rows only."""
        return x

    def _linear(self, x: str, linear: Linear, name: str) -> str:
        graph = self._graph
        if isinstance(linear, QuantizedLinear) and math.gcd(linear.group, _LARGEST_BLOCK) >= _SMALLEST_BLOCK:
            y = self._four_bits(x, linear, name)
        else:
            if isinstance(linear, QuantizedLinear):
                self.notes.append(f"Groups of {linear.group} have no INT4 kernel: they are computed in float16.")
            stored = linear.weight if isinstance(linear, DenseLinear) else linear.dense()
            weight = self._half(stored, f"The weight {name}")
            y = graph.node("MatMul", x, graph.constant(weight.T, f"weight_{name}"))
        if linear.bias is None:
            return y
        return graph.node("Add", y, graph.constant(self._half(linear.bias, f"The bias {name}"), f"bias_{name}"))

    def _four_bits(self, x: str, linear: QuantizedLinear, name: str) -> str:
        graph = self._graph
        out, inputs = linear.shape
        if linear.input_scale is not None:
            scale = self._half(linear.input_scale, f"The input scale of {name}")
            x = graph.node("Mul", x, graph.constant(scale, f"input_scale_{name}"))
        if linear.input_order is not None:
            x = graph.node("Gather", x, graph.constant(linear.input_order, f"input_order_{name}"), axis=-1)
        block = math.gcd(linear.group, _LARGEST_BLOCK)
        scales = np.repeat(self._half(linear.scale, f"The scale of {name}").T, linear.group // block, axis=0)
        weight = graph.node(
            "DequantizeLinear",
            graph.int4(_pack_signed(linear.q), (inputs, out), f"weight_{name}"),
            graph.constant(scales, f"scale_{name}"),
            axis=0,
            block_size=block,
        )
        y = graph.node("MatMul", x, weight)
        return y if linear.symmetric else graph.node("Add", y, self._zero_term(x, linear, name))

    def _zero_term(self, x: str, linear: QuantizedLinear, name: str) -> str:
        """``groupsum(x) @ C``: what zero points other than 8 add to the product."""
        graph = self._graph
        shape = graph.integers(0, linear.shape[1] // linear.group, linear.group)
        grouped = self._cast(graph.node("Reshape", x, shape), _FLOAT)
        sums = self._cast(graph.node("ReduceSum", grouped, graph.integers(-1), keepdims=0), _HALF)
        correction = (8 - linear.zero.astype(np.float32)) * linear.scale  # [out, groups]
        # Rounded like the dequantised weights themselves, so no note.
        return graph.node("MatMul", sums, graph.constant(correction.T.astype(np.float16), f"zero_{name}"))

    def _norm_weight(self, norm: NormAt) -> str:
        if norm == "final":
            return self._graph.constant(self._checkpoint.final_norm(), "norm_final")
        weight = self._checkpoint.norm(*norm)
        assert weight is not None, f"this family has no norm {norm[1]}"
        return self._graph.constant(weight, f"norm_{norm[0]}_{norm[1]}")

    def _cast(self, x: str, element: int) -> str:
        return self._graph.node("Cast", x, to=element)

    def _half(self, array: NDArray[np.float32] | StoredRows, what: str) -> Half:
        """Raises UnsupportedModel where a value leaves the range of float16; notes rounding."""
        half = np.empty(array.shape, np.float16)
        rounded = False
        for rows, values in array.chunks() if isinstance(array, StoredRows) else [(slice(None), array)]:
            with np.errstate(over="ignore"):
                half[rows] = values
            if not np.isfinite(half[rows]).all():
                remedy = "Use the ONNX runtime for this model."
                raise UnsupportedModel(f"{what} leaves the range of 16-bit floats.", remedy)
            rounded = rounded or not np.array_equal(half[rows], values)
        if rounded:
            self.notes.append("Values stored more precisely than in 16-bit floats are rounded to those.")
        return half


def _shape(port: Port) -> tuple[int | str, ...]:
    return (ROWS,) if port.width is None else (ROWS, port.width)


def _join(linears: Sequence[DenseLinear | QuantizedLinear]) -> DenseLinear | QuantizedLinear | None:
    """One projection that computes the outputs of all, or None where they read their input differently."""
    head = linears[0]
    if isinstance(head, DenseLinear):
        dense = [linear for linear in linears if isinstance(linear, DenseLinear)]
        if len(dense) < len(linears):
            return None
        return DenseLinear(np.concatenate([linear.dense() for linear in dense]), _join_biases(linears))
    quantized = [linear for linear in linears if isinstance(linear, QuantizedLinear)]
    alike = all(
        linear.group == head.group
        and _same(linear.input_scale, head.input_scale)
        and _same(linear.input_order, head.input_order)
        for linear in quantized
    )
    if not alike or len(quantized) < len(linears):
        return None
    return QuantizedLinear(
        np.concatenate([linear.q for linear in quantized]),
        np.concatenate([linear.scale for linear in quantized]),
        np.concatenate([linear.zero for linear in quantized]),
        head.group,
        _join_biases(linears),
        head.input_scale,
        head.input_order,
    )


def _join_biases(linears: Sequence[Linear]) -> NDArray[np.float32] | None:
    if all(linear.bias is None for linear in linears):
        return None
    return np.concatenate(
        [np.zeros(linear.shape[0], np.float32) if linear.bias is None else linear.bias for linear in linears]
    )


def _same(a: NDArray[np.generic] | None, b: NDArray[np.generic] | None) -> bool:
    if a is None or b is None:
        return a is b
    return np.array_equal(a, b)


def _pack_signed(q: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[out, in], 0..15 around 8 -> [in, out / 2]: two's complement, two outputs in a byte, the even one in the low
    nibble."""
    signed = q ^ 8
    return transposed(np.asarray(signed[0::2] | (signed[1::2] << 4), dtype=np.uint8))
