"""A checkpoint as one OpenVINO model: the same pieces, with OpenVINO's paged attention between them.

The weights are those of the ONNX build (engines/lower_onnx.py), mapped and not copied: packed INT4 with zero points
means the same to both. OpenVINO recognises the decompression (u4 - zero point) * scale before a product and keeps the
weights packed. Its attention over pages is not among the documented operations, so the version is pinned.

Inputs of the model, for T flat tokens of B sequences:
    x float32 [T, hidden]           embedded, scaled tokens
    cos, sin float32 [T, 1, rotary_dim]     of each token's position; the first half of sin is negated
    rows int32 [N]                  tokens whose logits are asked for
    past_lens int32 [B]             tokens of each sequence that lie in its pages already
    subsequence_begins int32 [B + 1]        where each sequence's tokens begin
    block_indices int32 [pages], block_indices_begins int32 [B + 1]     the pages of all sequences, one after the other
    max_context_len int32 []
    key_cache.i, value_cache.i float32 [pages, kv_heads, PAGE_TOKENS, head_dim]    the pool of layer i, written in place
Output: logits float32 [N, vocabulary].
"""

import math

import numpy as np
import openvino as ov
import openvino.opset16 as op
from numpy.typing import NDArray
from openvino import Type
from openvino.op import _PagedAttentionExtension

from engines import pieces
from engines.checkpoint import Checkpoint, Projection
from engines.errors import RuntimeUnavailable
from engines.onnx_weights import OnnxWeights
from engines.pieces import NormAt

PAGE_TOKENS = 32  # OpenVINO's attention on a CPU takes no other


class OpenVinoModel:
    """``model`` reads the weights from the arrays in ``mapped``, and what is compiled from it goes on reading some of
    them: keep this object as long. ``group`` is that in which activations are to be rounded, 0 without INT4 weights."""

    def __init__(self, checkpoint: Checkpoint, weights: OnnxWeights) -> None:
        spec = checkpoint.spec
        if spec.attention_softcap:
            raise RuntimeUnavailable("OpenVINO's attention knows no soft cap.", 'Set model.runtime to "onnx".')
        builder = _Builder(checkpoint, weights)
        attention = _Attention(builder)
        residual, (q, k, v) = pieces.first(builder, spec, builder.input("x", Type.f32, -1, spec.hidden_size))
        for layer in range(spec.num_layers - 1):
            residual, (q, k, v) = pieces.middle(builder, spec, layer, residual, attention(layer, q, k, v))
        logits = pieces.last(builder, spec, residual, attention(spec.num_layers - 1, q, k, v))
        self.model = ov.Model([op.result(logits)], builder.inputs, "docent")
        self.mapped = builder.mapped
        self.group = math.gcd(*builder.groups)  # divides the groups of all weights


class _Builder:
    """The pieces' operations as OpenVINO nodes."""

    def __init__(self, checkpoint: Checkpoint, weights: OnnxWeights) -> None:
        self.inputs: list[ov.Node] = []
        self.mapped: list[object] = []
        self.groups: set[int] = set()
        self.spec = checkpoint.spec
        self._checkpoint = checkpoint
        self._weights = weights
        self._rows = self.input("rows", Type.i32, -1)

    def input(self, name: str, kind: Type, *shape: int) -> ov.Output:
        """-1 in ``shape`` is known at run time only."""
        node = op.parameter(list(shape), kind, name=name)
        node.output(0).set_names({name})
        self.inputs.append(node)
        return node.output(0)

    def linear(self, x: ov.Output, layer: int, *projections: Projection) -> tuple[ov.Output, ...]:
        names = [f"{layer}.{name}" for name in projections]
        whole = "_".join(names)
        if len(names) == 1 or f"weight_{whole}" not in self._weights:
            return tuple(self._linear(x, name) for name in names)
        sizes = [self.spec.linear_shape(name)[0] for name in projections]
        return self.split(self._linear(x, whole), *sizes)

    def head(self, x: ov.Output) -> ov.Output:
        return self._linear(x, "head")

    def norm(self, x: ov.Output, norm: NormAt) -> ov.Output:
        weight = self._checkpoint.final_norm() if norm == "final" else self._checkpoint.norm(*norm)
        assert weight is not None, f"this family has no norm {norm}"
        mean = op.reduce_mean(op.power(x, self.floats(2)), self.integers(-1), keep_dims=True)
        root = op.sqrt(op.add(mean, self.floats(self.spec.norm_eps)))
        # In this form OpenVINO makes one node of it.
        scaled = op.multiply(x, op.divide(self.floats(1), root))
        return op.multiply(scaled, op.constant(weight)).output(0)

    def add_norm(self, residual: ov.Output, change: ov.Output, norm: NormAt) -> tuple[ov.Output, ov.Output]:
        total = op.add(residual, change).output(0)
        return total, self.norm(total, norm)

    def head_norm(self, x: ov.Output, norm: NormAt, heads: int) -> ov.Output:
        normed = self.norm(self.reshape(x, -1, heads, self.spec.head_dim), norm)
        return self.reshape(normed, -1, heads * self.spec.head_dim)

    def gated(self, gate: ov.Output, up: ov.Output) -> ov.Output:
        silu = self.spec.activation == "silu"
        return op.multiply(op.swish(gate) if silu else op.gelu(gate, "tanh"), up).output(0)

    def softcap(self, x: ov.Output, cap: float) -> ov.Output:
        return op.multiply(op.tanh(op.divide(x, self.floats(cap))), self.floats(cap)).output(0)

    def select(self, x: ov.Output) -> ov.Output:
        return op.gather(x, self._rows, self.integers(0)).output(0)

    def split(self, x: ov.Output, *sizes: int) -> tuple[ov.Output, ...]:
        """Parts of the last axis."""
        return tuple(op.variadic_split(x, op.constant(np.int64(-1)), self.integers(*sizes)).outputs())

    def reshape(self, x: ov.Output, *shape: int) -> ov.Output:
        return op.reshape(x, self.integers(*shape), special_zero=False).output(0)

    def integers(self, *values: int) -> ov.Node:
        return op.constant(np.array(values, np.int64))

    def floats(self, *values: float) -> ov.Node:
        return op.constant(np.array(values, np.float32))

    def _linear(self, x: ov.Output, name: str) -> ov.Output:
        weights = self._weights
        if f"input_scale_{name}" in weights:
            x = op.multiply(x, op.constant(weights[f"input_scale_{name}"])).output(0)
        if f"input_order_{name}" in weights:
            x = op.gather(x, op.constant(weights[f"input_order_{name}"]), self.integers(-1)).output(0)
        stored = weights[f"weight_{name}"]
        if stored.ndim == 2:  # float32 [in, out]
            y = op.matmul(x, self._constant(stored, Type.f32, *stored.shape), False, False)
        else:
            inputs = x.get_partial_shape()[1].get_length()
            y = op.matmul(x, self._decompressed(stored, name, inputs), False, True)
        if f"bias_{name}" in weights:
            y = op.add(y, op.constant(weights[f"bias_{name}"]))
        return y.output(0)

    def _decompressed(self, packed: NDArray[np.generic], name: str, inputs: int) -> ov.Output:
        """[out, in] of what MatMulNBits calls B [out, groups, bytes of a group], its scales and its zero points."""
        scale = self._weights[f"scale_{name}"]
        out, groups, width = packed.shape
        group = inputs // groups
        eight_bits = width == group
        self.groups.add(group)
        q = self._constant(packed, Type.u8 if eight_bits else Type.u4, out, groups, group)
        zero = self._zero_points(name, out, groups, eight_bits)
        shift = op.subtract(op.convert(q, Type.f32), op.convert(zero, Type.f32))
        weight = op.multiply(shift, self._constant(scale, Type.f32, out, groups, 1))
        return self.reshape(weight.output(0), out, groups * group)

    def _zero_points(self, name: str, out: int, groups: int, eight_bits: bool) -> ov.Node:
        if eight_bits:
            return op.constant(np.full((out, groups, 1), 128, np.uint8))
        if f"zero_{name}" in self._weights:
            packed = np.asarray(self._weights[f"zero_{name}"]).reshape(out, -1)
            nibbles = np.stack([packed & 15, packed >> 4], axis=-1).reshape(out, -1)[:, :groups]
        else:
            nibbles = np.full((out, groups), 8, np.uint8)
        flat = np.append(nibbles.ravel(), np.zeros(nibbles.size % 2, np.uint8))  # rows follow each other without a gap
        return self._constant(flat[0::2] | (flat[1::2] << 4), Type.u4, out, groups, 1)

    def _constant(self, array: NDArray[np.generic], kind: Type, *shape: int) -> ov.Node:
        """A constant over the memory of ``array``, which is kept."""
        tensor = ov.Tensor(array, list(shape), kind)
        self.mapped += [array, tensor]
        return op.constant(tensor)


class _Attention:
    """Rotation, and OpenVINO's attention over pages, which writes K and V as well."""

    def __init__(self, builder: _Builder) -> None:
        self._builder = builder
        dim = builder.spec.rope.rotary_dim
        self._cos, self._sin = (builder.input(name, Type.f32, -1, 1, dim) for name in ("cos", "sin"))
        self._places = [
            builder.input(name, Type.i32, -1)
            for name in ("past_lens", "subsequence_begins", "block_indices", "block_indices_begins")
        ]
        self._longest = builder.input("max_context_len", Type.i32)

    def __call__(self, layer: int, q: ov.Output, k: ov.Output, v: ov.Output) -> ov.Output:
        """q [T, heads * head_dim], k and v [T, kv_heads * head_dim] -> mixed values, shaped like q."""
        spec, builder = self._builder.spec, self._builder
        q, k = self._rotate(q, spec.num_heads), self._rotate(k, spec.num_kv_heads)
        shape = (-1, spec.num_kv_heads, PAGE_TOKENS, spec.head_dim)
        pools = [builder.input(f"{name}_cache.{layer}", Type.f32, *shape) for name in ("key", "value")]
        window = (spec.sliding_window or 0) if spec.sliding_layers[layer] else 0
        arguments: list[ov.Output | ov.Node] = [q, k, v, *pools, *self._places, _scalar(spec.attention_scale)]
        arguments += [_scalar(window), _none(np.float32), self._longest, _none(np.int32)]  # no ALiBi, no scores
        arguments += [_none(np.int32), _none(np.int32), _none(np.float32)]  # no pages to rotate
        arguments += [_none(np.float32), _scalar(0), _scalar(0)]  # nothing sparse
        arguments += [_none(np.float32), _scalar(0), *(_none(np.int32) for _ in range(4))]  # no sinks, nothing evicted
        arguments += [_none(np.uint8), _none(np.int32)]  # no bias
        node = _PagedAttentionExtension(
            [value.output(0) if isinstance(value, ov.Node) else value for value in arguments]
        )
        information = node.get_rt_info()
        for name in ("k", "v"):
            information[f"{name}_head_size"] = spec.head_dim
            information[f"num_{name}_heads"] = spec.num_kv_heads
        return node.output(0)

    def _rotate(self, x: ov.Output, heads: int) -> ov.Output:
        """(a, b, rest) -> (a cos - b sin, b cos + a sin, rest) for each head."""
        spec, builder = self._builder.spec, self._builder
        rotary = spec.rope.rotary_dim
        half = rotary // 2
        x = builder.reshape(x, -1, heads, spec.head_dim)
        turned = x
        if rotary < spec.head_dim:
            turned, rest = builder.split(x, rotary, spec.head_dim - rotary)
        first, second = builder.split(turned, half, half)
        swapped = op.concat([second, first], -1)
        y = op.add(op.multiply(turned, self._cos), op.multiply(swapped, self._sin)).output(0)
        if rotary < spec.head_dim:
            y = op.concat([y, rest], -1).output(0)
        return builder.reshape(y, -1, heads * spec.head_dim)


def _scalar(value: float) -> ov.Node:
    return op.constant(np.float32(value) if isinstance(value, float) else np.int32(value))


def _none(kind: type[np.generic]) -> ov.Node:
    """Of an input that is not used."""
    return op.constant(np.zeros(0, kind))
