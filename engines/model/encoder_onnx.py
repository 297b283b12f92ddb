"""Reads an encoder of BERT's form from an ONNX file, whichever way its products are kept.

Layers are known by the names of their biases and norms: Hugging Face's (``encoder.layer.0.output.dense.bias``) or those
of Docent's own readers (``layers.0.down.bias``). The weights are what the product that the bias is added to multiplies
by: in float (MatMul, Gemm), in 8 bits for each output (MatMulInteger, DynamicQuantizeMatMul), or in 8 bits for each
block of inputs (MatMulNBits). They come as float32, with what an input is multiplied by before the product taken in.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engines.errors import UnsupportedModel
from engines.model.encoder import Encoder, EncoderLayer, Floats, Linear, Norm, WordTable

if TYPE_CHECKING:
    import onnx

_PARTS = {
    "attention.self.query": "query", "attention.self.key": "key", "attention.self.value": "value",
    "attention.output.dense": "out", "intermediate.dense": "up", "output.dense": "down",
    "attention.output.LayerNorm": "norm1", "output.LayerNorm": "norm2",
}  # fmt: skip
_LAYER = re.compile(r"(?:^|\.)(?:encoder\.layer|layers)\.(\d+)\.(.+)\.(weight|bias)$")
_HEADS_AT, _SIDES = 2, 4  # of the shape that queries are brought to: [batch, length, heads, size]


def read_encoder(file: Path) -> Encoder:
    """Raises UnsupportedModel where the file holds no encoder of this form."""
    import onnx

    try:
        encoder = _Graph(onnx.load(str(file)).graph).encoder()
        _check(encoder)
    except _Unknown as unknown:
        reason = str(unknown)
    except (LookupError, ValueError, TypeError, StopIteration) as error:  # nodes of another kind than the names say
        reason = f"its graph has another form ({type(error).__name__})"
    else:
        return encoder
    raise UnsupportedModel(
        f"{file} is no encoder that cards compute: {reason}.", "Docent computes it on the processor."
    )


class _Unknown(Exception):
    """The graph has another form."""


class _Graph:
    def __init__(self, graph: "onnx.GraphProto") -> None:
        from onnx import numpy_helper

        self._nodes = list(graph.node)
        self._shapes = {out.name: [side.dim_value for side in out.type.tensor_type.shape.dim] for out in graph.output}
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._to_array = numpy_helper.to_array
        self._made_by = {name: node for node in self._nodes for name in node.output}
        for node in self._nodes:
            if node.op_type == "Constant":
                self._constants.update((node.output[0], a.t) for a in node.attribute if a.name == "value")
            elif node.op_type == "Identity" and node.input[0] in self._constants:  # what several have in common
                self._constants[node.output[0]] = self._constants[node.input[0]]
        self._readers: dict[str, list[onnx.NodeProto]] = {}
        for node in self._nodes:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)

    def encoder(self) -> Encoder:
        linears: dict[tuple[int, str], Linear] = {}
        outputs: dict[str, Linear] = {}
        for bias, linear in self._linears():
            if (found := _LAYER.search(bias)) is not None:
                linears[int(found[1]), _PARTS.get(found[2], found[2])] = linear
            else:
                outputs[bias.removesuffix(".bias").rpartition(".")[2]] = linear
        norms, eps = self._norms()
        count = 1 + max((layer for layer, _ in linears), default=-1)
        try:
            layers = tuple(_layer(linears, norms, number) for number in range(count))
            first = norms[-1, "norm"]
        except KeyError as missing:
            raise _Unknown(f"it lacks {missing}") from missing
        if not layers:
            raise _Unknown("it has no layers whose names are known")
        words, hidden = self._words(), first.weight.size
        if words.hidden != hidden:
            raise _Unknown("its word table has another width")
        positions = self._table(("positions", "positions.weight", "position_embeddings.weight"))
        types = self._table(("types.weight", "token_type_embeddings.weight"), np.zeros((1, hidden), np.float32))
        width = self._shapes["band"][-1] if "band" in self._shapes else 0
        return Encoder(words, positions, types, first, layers, self._heads(hidden), eps, outputs, width)

    # -- products ---------------------------------------------------------------------------------------------------

    def _linears(self) -> Iterator[tuple[str, Linear]]:
        """Every product with weights and a bias, by the bias's name."""
        for node in self._nodes:
            if node.op_type in ("DynamicQuantizeMatMul", "MatMulNBits", "Gemm"):
                bias = {"DynamicQuantizeMatMul": 4, "MatMulNBits": 5, "Gemm": 2}[node.op_type]
                if len(node.input) > bias and node.input[bias] in self._constants:
                    yield node.input[bias], self._linear(node, node.input[bias])
            elif node.op_type == "Add":
                bias_name = next((name for name in node.input if name.endswith(".bias")), None)
                product = None if bias_name is None else self._product(node, bias_name)
                if bias_name is not None and product is not None:
                    yield bias_name, self._linear(product, bias_name)

    def _product(self, add: "onnx.NodeProto", bias: str) -> "onnx.NodeProto | None":
        """The product that a bias is added to; products of integers are cast and multiplied by their scales before."""
        (name,) = [name for name in add.input if name != bias] or [""]
        node = self._made_by.get(name)
        while node is not None and node.op_type in ("Cast", "Mul"):
            node = self._made_by.get(node.input[0])
        return node if node is not None and node.op_type in ("MatMul", "MatMulInteger") else None

    def _linear(self, node: "onnx.NodeProto", bias: str) -> Linear:
        weight = self._weight(node)
        factor = self._factor(node.input[0])
        if factor is not None:
            weight = weight * factor
        return Linear(np.ascontiguousarray(weight, np.float32), self._array(bias).astype(np.float32))

    def _weight(self, node: "onnx.NodeProto") -> Floats:
        """[outputs, inputs]"""
        codes = self._array(node.input[1])
        if node.op_type == "MatMulNBits":
            sides = _attributes(node)
            if sides["bits"] != 8 or codes.shape[2] != sides["block_size"]:
                raise _Unknown(f"it keeps products in {sides['bits']} bits")
            zero = self._optional(node, 3, np.uint8(1 << 7)).astype(np.float32)
            scales = self._array(node.input[2]).reshape(*codes.shape[:2], 1)
            blocks = (codes.astype(np.float32) - zero.reshape(-1, *([1] * (zero.ndim * 2)))) * scales
            return np.asarray(blocks.reshape(codes.shape[0], -1)[:, : sides["K"]], np.float32)
        if node.op_type == "DynamicQuantizeMatMul":
            zero, scale = self._optional(node, 3, np.int8(0)), self._array(node.input[2])
            return np.asarray(((codes.astype(np.float32) - zero) * scale).T, np.float32)
        if node.op_type == "MatMulInteger":
            zero, scale = self._optional(node, 3, np.int8(0)), self._scale_behind(node.output[0])
            return np.asarray(((codes.astype(np.float32) - zero) * scale).T, np.float32)
        if node.op_type == "Gemm" and _attributes(node).get("transB"):
            return np.asarray(codes, np.float32)
        return np.asarray(codes.T, np.float32)

    def _scale_behind(self, name: str) -> NDArray[Any]:
        """The weights' scale that an integer product is multiplied by, together with that of its inputs."""
        for node in self._readers.get(name, ()):
            if node.op_type == "Cast":
                return self._scale_behind(node.output[0])
            if node.op_type == "Mul":
                factor = next(other for other in node.input if other != name)
                made = self._made_by.get(factor)
                scales = [n for n in (made.input if made is not None else ()) if n in self._constants]
                if len(scales) == 1:
                    return self._array(scales[0])
        raise _Unknown("the scale of a product was not found")

    def _factor(self, name: str) -> Floats | None:
        """What the input of a product is multiplied by, feature by feature."""
        node = self._made_by.get(name)
        if node is not None and node.op_type == "DynamicQuantizeLinear":
            node = self._made_by.get(node.input[0])
        if node is None or node.op_type != "Mul":
            return None
        factors = [n for n in node.input if n in self._constants]
        if len(factors) != 1 or self._array(factors[0]).size == 1:
            return None
        return np.asarray(self._array(factors[0]).reshape(-1), np.float32)

    # -- the rest ---------------------------------------------------------------------------------------------------

    def _norms(self) -> tuple[dict[tuple[int, str], Norm], float]:
        """Norms by layer and name; the one behind the embeddings is of layer -1."""
        norms: dict[tuple[int, str], Norm] = {}
        eps = 1e-12
        for node in self._nodes:
            if node.op_type not in ("LayerNormalization", "SkipLayerNormalization"):
                continue
            first = 1 if node.op_type == "LayerNormalization" else 2
            weight, bias = node.input[first], node.input[first + 1]
            found = _LAYER.search(weight)
            key = (int(found[1]), _PARTS.get(found[2], found[2])) if found is not None else (-1, "norm")
            norms[key] = Norm(self._array(weight).astype(np.float32), self._array(bias).astype(np.float32))
            eps = _attributes(node).get("epsilon", 1e-5)
        return norms, float(eps)

    def _words(self) -> WordTable:
        looked_up = [n for n in self._readers.get("input_ids", ()) if n.op_type in ("Gather", "GatherBlockQuantized")]
        tables = [n for n in looked_up if n.input[0] in self._constants]
        for node in tables:
            codes = self._array(node.input[0])
            if node.op_type == "GatherBlockQuantized" and _attributes(node)["bits"] == 4 and len(node.input) == 3:
                return WordTable(codes, self._array(node.input[2]).astype(np.float32), 8)
            if codes.dtype == np.int8:
                (scales,) = (self._array(n.input[0]) for n in tables if n is not node)
                return WordTable(codes, scales.astype(np.float32))
            if node.op_type == "Gather" and codes.ndim == 2 and codes.shape[1] > 1 and len(tables) == 1:
                return WordTable(codes.astype(np.float16), np.ones((len(codes), 1), np.float32))
        raise _Unknown("how it looks words up is not known")

    def _table(self, names: Iterable[str], default: Floats | None = None) -> Floats:
        for name in self._constants:
            if any(name == known or name.endswith(f".{known}") for known in names):
                return self._array(name).astype(np.float32)
        if default is None:
            raise _Unknown("it has no table of positions")
        return default

    def _heads(self, hidden: int) -> int:
        for node in self._nodes:
            if node.op_type == "MultiHeadAttention":
                return int(_attributes(node)["num_heads"])
            if node.op_type == "Concat" and len(node.input) == _SIDES and node.input[_HEADS_AT] in self._constants:
                heads = int(self._array(node.input[_HEADS_AT]).item())
                return heads if heads > 0 else hidden // int(self._array(node.input[_HEADS_AT + 1]).item())
        raise _Unknown("the number of its heads was not found")

    def _array(self, name: str) -> NDArray[Any]:
        if name not in self._constants:
            raise _Unknown(f"{name} is no constant")
        return np.asarray(self._to_array(self._constants[name]))

    def _optional(self, node: "onnx.NodeProto", number: int, default: Any) -> NDArray[Any]:
        if len(node.input) > number and node.input[number]:
            return self._array(node.input[number]).astype(np.float32)
        return np.asarray(default, np.float32)


def _layer(linears: dict[tuple[int, str], Linear], norms: dict[tuple[int, str], Norm], number: int) -> EncoderLayer:
    query = linears.get((number, "qkv")) or linears[number, "query"]
    if (number, "key") in linears:
        parts = [query, linears[number, "key"], linears[number, "value"]]
        query = Linear(np.concatenate([p.weight for p in parts]), np.concatenate([p.bias for p in parts]))
    return EncoderLayer(
        query, linears[number, "out"], norms[number, "norm1"],
        linears[number, "up"], linears[number, "down"], norms[number, "norm2"],
    )  # fmt: skip


def _check(encoder: Encoder) -> None:
    """Raises _Unknown where sizes contradict each other."""
    hidden, inner = encoder.hidden, encoder.inner
    sizes = {"qkv": (3 * hidden, hidden), "out": (hidden, hidden), "up": (inner, hidden), "down": (hidden, inner)}
    found = [(getattr(layer, name), size) for layer in encoder.layers for name, size in sizes.items()]
    if encoder.span_width:
        heads = {"left": encoder.outputs["left"].bias.size, "right": encoder.outputs["left"].bias.size, "ends": 2}
        heads |= {"pool": hidden, "relevance": 1}
        heads |= {"pool_claim": hidden, "support": 1} if "support" in encoder.outputs else {}
        found += [(encoder.outputs[name], (outputs, hidden)) for name, outputs in heads.items()]
    norms = [encoder.norm, *(norm for layer in encoder.layers for norm in (layer.norm1, layer.norm2))]
    if (
        any(linear.weight.shape != size or linear.bias.shape != size[:1] for linear, size in found)
        or any(part.shape != (hidden,) for norm in norms for part in (norm.weight, norm.bias))
        or any(table.ndim != 2 or table.shape[1] != hidden for table in (encoder.positions, encoder.types))
        or encoder.words.scales.shape[:1] != encoder.words.codes.shape[:1]
        or hidden % encoder.heads
    ):
        raise _Unknown("its sizes contradict each other")


def _attributes(node: "onnx.NodeProto") -> dict[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
