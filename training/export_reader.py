"""python -m training.export_reader --reader out/final.safetensors --tokenizer MINILM/tokenizer.json --out out/reader

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

from training.encoder import SPAN_WIDTH, Encoder, Reader, load_encoder, load_reader


class PaddedEncoder(nn.Module):
    """The encoder over padded batches, for the graph."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        e = self.encoder
        b, length = ids.shape[0], ids.shape[1]
        x = e.norm(e.words(ids) + e.types(types) + e.positions.weight[:length][None])
        bias = (1.0 - mask[:, None, None].to(x.dtype)) * -1e4
        for layer in e.layers:
            heads = layer.heads
            size = x.shape[2] // heads
            q, k, v = (part.reshape(b, length, heads, size).transpose(1, 2) for part in layer.qkv(x).chunk(3, -1))
            weights = (q @ k.transpose(2, 3) * size**-0.5 + bias).softmax(-1)
            a = (weights @ v).transpose(1, 2).reshape(b, length, heads * size)
            x = layer.norm1(x + layer.out(a))
            x = layer.norm2(x + layer.down(F.gelu(layer.up(x))))
        return x


class PaddedReader(nn.Module):
    def __init__(self, reader: Reader) -> None:
        super().__init__()
        assert not reader.encoder.config.exit_layer, "cut the reader at its exit layer first (cut_reader)"
        self.reader = reader
        self.body = PaddedEncoder(reader.encoder)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> tuple[Tensor, Tensor]:
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
        return r.relevance(torch.tanh(r.pool(x[:, 0])))[:, 0], band


class PaddedEmbedder(nn.Module):
    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.body = PaddedEncoder(encoder)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        x = self.body(ids, mask, types)
        weight = mask[..., None].to(x.dtype)
        return F.normalize((x * weight).sum(1) / weight.sum(1), dim=1)


def write_graph(module: nn.Module, outputs: dict[str, dict[int, str]], path: Path) -> None:
    ids = torch.randint(5, 100, (2, 40))
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


def quantise(source: Path, target: Path) -> None:
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = source.with_suffix(".prepared.onnx")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    graph = onnx.load(str(prepared))
    # the span products are small and wide in range: they stay in float
    keep = [n.name for n in graph.graph.node if n.op_type == "MatMul" and not any(
        i.name in n.input for i in graph.graph.initializer)]  # fmt: skip
    quantize_dynamic(
        str(prepared), str(target), per_channel=True, reduce_range=False, weight_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul", "Gather", "Gemm"], nodes_to_exclude=keep,
    )  # fmt: skip
    prepared.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reader", type=Path, default=None)
    parser.add_argument("--embedder", type=Path, default=None)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.reader:
        module: nn.Module = PaddedReader(load_reader(args.reader)).eval()
        axes = {"relevance": {0: "batch"}, "band": {0: "batch", 1: "length"}}
        name = "reader"
    else:
        module = PaddedEmbedder(load_encoder(args.embedder)).eval()
        axes = {"sentence_embedding": {0: "batch"}}
        name = "embedder"
    full = args.out / f"{name}-fp32.onnx"
    write_graph(module, axes, full)
    quantise(full, args.out / f"{name}.onnx")
    shutil.copy(args.tokenizer, args.out / "tokenizer.json")


if __name__ == "__main__":
    main()
