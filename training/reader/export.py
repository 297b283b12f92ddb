"""python -m training.reader.export --reader out/final.safetensors --tokenizer MINILM/tokenizer.json --out out/reader

Writes ``reader-fp32.onnx`` (padded batches: input_ids, attention_mask, token_type_ids [batch, length] ->
relevance [batch], band [batch, length, 30]) and ``reader.onnx``, its int8 version (weights per
channel, activations dynamic), and copies the tokenizer. ``--embedder FOLDER`` writes an embedder the same way.
Checks the fp32 graph against torch.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from training.data.store import Shape, Store, pair_tokens
from training.embedder.convert import ORT, Graph
from training.embedder.convert_multilingual import WORDS, packed_lookup, read_packed, save_beside_words
from training.nano.model import Rounded
from training.reader.decoder import TwoWayDecoder
from training.reader.encoder import SPAN_WIDTH, Encoder, Reader, load_encoder, load_reader
from training.reader.padded_decoder import PaddedDecoder

STAND_IN = 128  # rows of the table that a packed one replaces
EVEN = 0.4  # power of a channel's range that moves into the weights; of 0.3, 0.4, 0.5 the nearest to full precision


class PaddedEncoder(nn.Module):
    """The encoder over padded batches, for the graph."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.factors: dict[nn.Module, Tensor] = {}  # of the linear layers' inputs, see smooth

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        e = self.encoder
        b, length = ids.shape[0], ids.shape[1]
        x: Tensor = e.norm(e.words(ids) + e.types(types) + e.positions.weight[:length][None])
        bias = (1.0 - mask[:, None, None].to(x.dtype)) * -1e4
        for layer in e.blocks:
            heads = layer.heads
            size = x.shape[2] // heads
            qkv = layer.qkv(self.even(layer.qkv, x))
            q, k, v = (part.reshape(b, length, heads, size).transpose(1, 2) for part in qkv.chunk(3, -1))
            weights = (q @ k.transpose(2, 3) * size**-0.5 + bias).softmax(-1)
            a = (weights @ v).transpose(1, 2).reshape(b, length, heads * size)
            x = layer.norm1(x + layer.out(a))
            inner = F.gelu(layer.up(self.even(layer.up, x)))
            x = layer.norm2(x + layer.down(self.even(layer.down, inner)))
        return x

    def even(self, linear: nn.Linear, x: Tensor) -> Tensor:
        return x * self.factors[linear] if linear in self.factors else x

    @torch.no_grad()
    def smooth(self, store: Store, shape: Shape, pairs: int = 96) -> None:
        """Moves the range of wide input channels into the weights (as SmoothQuant does), so that one scale suits all
        channels.

        Changes the encoder's weights and multiplies the inputs by the inverse: what comes out stays the same.
        """
        widest: dict[nn.Module, Tensor] = {}

        def watch(linear: nn.Module, inputs: tuple[Tensor]) -> None:
            most = inputs[0].abs().flatten(0, -2).amax(0)
            widest[linear] = torch.maximum(widest[linear], most) if linear in widest else most

        linears = [m for layer in self.encoder.blocks for m in (layer.qkv, layer.out, layer.up, layer.down)]
        handles = [m.register_forward_pre_hook(watch) for m in linears]
        answered = np.flatnonzero(store.gold >= 0)
        for i in answered[np.linspace(0, len(answered) - 1, pairs).astype(int)]:
            q = store.questions[i]
            row, _ = pair_tokens(q, store.contexts[store.gold[i]], store.passages[store.gold[i]], shape)
            ids = torch.from_numpy(row)[None]
            self(ids, torch.ones_like(ids), (torch.arange(ids.shape[1])[None] >= len(q) + 2).long())
        for handle in handles:
            handle.remove()
        for layer in self.encoder.blocks:
            for linear in (layer.out, layer.qkv, layer.up, layer.down):
                scale = widest[linear].clamp(min=1e-3) ** EVEN
                linear.weight.mul_(scale)
                if linear is layer.out:  # what comes in is linear in the values: scaled there
                    h = layer.qkv.out_features // 3
                    layer.qkv.weight[2 * h :].div_(scale[:, None])
                    layer.qkv.bias[2 * h :].div_(scale)
                else:
                    self.factors[linear] = 1 / scale


class PaddedReader(nn.Module):
    def __init__(self, reader: Reader) -> None:
        super().__init__()
        encoder = reader.encoder
        assert not encoder.config.exit_layer, "cut the reader at its exit layer first (training.reader.cut)"
        self.reader = reader
        self.body: PaddedEncoder | PaddedDecoder = (
            PaddedDecoder(encoder) if isinstance(encoder, TwoWayDecoder) else PaddedEncoder(encoder)
        )

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        r = self.reader.heads
        x = self.body(ids, mask, types)
        ends = r.ends(x)
        left, right = r.left(x), F.pad(r.right(x), (0, 0, 0, SPAN_WIDTH))
        last = F.pad(ends[..., 1], (0, SPAN_WIDTH))
        length, scale = ids.shape[1], left.shape[2] ** -0.5
        # all pairs in one product, then the band read off: row t, columns t .. t + SPAN_WIDTH - 1
        pairs = left @ right.transpose(1, 2) * scale + last[:, None]
        columns = torch.arange(length)[:, None] + torch.arange(SPAN_WIDTH)[None]
        band = torch.gather(pairs, 2, columns[None].expand(ids.shape[0], -1, -1)) + ends[..., :1]
        first = x[:, 0]
        support = r.support(torch.tanh(r.pool_claim(first)))[:, 0]
        return r.relevance(torch.tanh(r.pool(first)))[:, 0], band, support


class PaddedEmbedder(nn.Module):
    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.body = PaddedEncoder(encoder)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        x = self.body(ids, mask, types)
        weight = mask[..., None].to(x.dtype)
        return F.normalize((x * weight).sum(1) / weight.sum(1), dim=1)


def write_graph(module: nn.Module, outputs: dict[str, dict[int, str]], path: Path, words: int = 100) -> None:
    """``words``: tokens that the vocabulary has at least."""
    ids = torch.randint(5, words, (2, 40))
    mask, types = torch.ones_like(ids), torch.zeros_like(ids)
    mask[1, 30:] = 0
    names = ["input_ids", "attention_mask", "token_type_ids"]
    axes = {n: {0: "batch", 1: "length"} for n in names} | outputs
    with torch.no_grad():
        torch.onnx.export(
            module, (ids, mask, types), str(path), input_names=names, output_names=list(outputs),
            dynamic_axes=axes, opset_version=17, dynamo=False,
        )  # fmt: skip
        expected = module(ids[:1, :25], mask[:1, :25], types[:1, :25])
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feeds = {n: t[:1, :25].numpy() for n, t in zip(names, (ids, mask, types), strict=True)}
    for a, b in zip(session.run(None, feeds), expected if isinstance(expected, tuple) else (expected,), strict=True):
        worst = float(np.abs(a - b.numpy()).max())
        assert worst < 1e-3, f"the graph and torch differ by {worst}"


def quantise(source: Path, target: Path, packed: Path | None = None) -> None:
    """Writes the int8 graph. With ``packed`` (training.embedder.convert_multilingual) the word table is that file's,
    and stands in a file beside the graph."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = source.with_suffix(".prepared.onnx")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    graph = onnx.load(str(prepared))
    # the span products are small and wide in range: they stay in float
    keep = [n.name for n in graph.graph.node if n.op_type == "MatMul" and not any(
        i.name in n.input for i in graph.graph.initializer)]  # fmt: skip
    quantize_dynamic(
        str(prepared), str(target), per_channel=True, reduce_range=False, weight_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul", "Gemm"], nodes_to_exclude=keep,
    )  # fmt: skip
    prepared.unlink()
    made = onnx.load(str(target))
    if packed is None:
        quantise_words(made.graph)
        onnx.save(made, str(target))
    else:
        outer_words(made, packed)
        save_beside_words(made, target)


def quantise_words(graph: onnx.GraphProto) -> None:
    """Stores the word embeddings as int8 with a scale for each row; ONNX Runtime's quantiser has one for the whole
    table."""
    table = max((i for i in graph.initializer if len(i.dims) == 2), key=lambda i: i.dims[0])
    (node,) = (n for n in graph.node if n.op_type == "Gather" and n.input[0] == table.name)
    words = onnx.numpy_helper.to_array(table)
    scale = np.abs(words).max(1, keepdims=True) / 127
    graph.initializer.append(onnx.numpy_helper.from_array(np.rint(words / scale).astype(np.int8), "words_int8"))
    graph.initializer.append(onnx.numpy_helper.from_array(scale.astype(np.float32), "words_scale"))
    graph.initializer.remove(table)
    make, at = onnx.helper.make_node, list(graph.node).index(node)
    graph.node.remove(node)
    for new in (
        make("Mul", ["words_float", "words_factor"], [node.output[0]]),
        make("Gather", ["words_scale", node.input[1]], ["words_factor"]),
        make("Cast", ["words_taken"], ["words_float"], to=onnx.TensorProto.FLOAT),
        make("Gather", ["words_int8", node.input[1]], ["words_taken"]),
    ):
        graph.node.insert(at, new)


def outer_words(model: onnx.ModelProto, packed: Path) -> None:
    """Puts the file's word table in the place of the stand-in of STAND_IN rows."""
    graph = model.graph
    (table,) = (i for i in graph.initializer if list(i.dims)[:1] == [STAND_IN] and len(i.dims) == 2)
    (node,) = (n for n in graph.node if n.op_type == "Gather" and n.input[0] == table.name)
    made = Graph({}, "fp32")
    found = packed_lookup(made, read_packed(packed).blocks[WORDS], node.input[1])
    graph.initializer.remove(table)
    graph.initializer.extend(made.constants)
    at = list(graph.node).index(node)
    graph.node.remove(node)
    made.nodes[-1].output[0] = node.output[0]
    for new in reversed(made.nodes):
        graph.node.insert(at, new)
    if not any(o.domain == ORT for o in model.opset_import):
        model.opset_import.append(onnx.helper.make_opsetid(ORT, 1))
    assert found, "the table is looked up"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reader", type=Path, default=None)
    parser.add_argument("--embedder", type=Path, default=None)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--store", type=Path, default=None, help="training pairs: their activations even the scales")
    parser.add_argument("--packed", type=Path, help="e5-small-q4.bin, whose word table the reader was trained on")
    parser.add_argument("--int4", action="store_true", help="round a decoder's matrices to INT4 first, as it learnt")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.reader:
        loaded = load_reader(args.reader)
        if args.int4:
            assert isinstance(loaded.encoder, Rounded), "--int4 is for a reader made of a decoder"
            loaded.encoder.settle()
        reader = PaddedReader(loaded).eval()
        if args.store and isinstance(reader.body, PaddedEncoder):
            reader.body.smooth(Store.load(args.store), Shape(cls=0, sep=1) if args.packed else Shape())
        if args.packed:
            loaded.encoder.words = nn.Embedding(STAND_IN, loaded.encoder.config.hidden_size)
        module: nn.Module = reader
        axes = {"relevance": {0: "batch"}, "band": {0: "batch", 1: "length"}, "support": {0: "batch"}}
        name = "reader"
    else:
        module = PaddedEmbedder(load_encoder(args.embedder)).eval()
        axes = {"sentence_embedding": {0: "batch"}}
        name = "embedder"
    full = args.out / f"{name}-fp32.onnx"
    write_graph(module, axes, full)
    quantise(full, args.out / f"{name}.onnx", args.packed)
    shutil.copy(args.tokenizer, args.out / "tokenizer.json")


if __name__ == "__main__":
    main()
