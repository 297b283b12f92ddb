"""Writes rag/models/weights/all-MiniLM-L6-v2/model.onnx from the published weights of all-MiniLM-L6-v2.

    pip install onnx safetensors
    python -m training.embedder.convert FOLDER                      # int8, what Docent ships
    python -m training.embedder.convert FOLDER --precision fp32 --out /tmp/minilm-fp32

FOLDER holds ``model.safetensors`` (its SHA-256 is checked) and ``tokenizer.json`` of
https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2. The reference that tests/rag/models/test_embedder.py
compares with comes from the same weights in PyTorch:

    pip install torch==2.13.0 transformers==5.23.0
    python -m training.embedder.convert FOLDER --reference tests/data/minilm_reference.json

The graph: token ids [batch, length] and mask -> embeddings -> 6 BERT layers -> sum over the mask -> length 1 (the mean
and the sum have the same direction). int8 means: weights per output channel, word embeddings per row, activations per
run (ONNX Runtime's DynamicQuantizeMatMul). Weights keep to [-63, 63]: with the full range, x86 processors without VNNI
saturate when they add pairs of products, and the vectors would differ from machine to machine. The second layer of
each feed-forward block reads activations with outliers and gets a scale for every 128 of them (MatMulNBits): that
halves the error (cosine to fp32 0.9966 instead of 0.9932) for 15% of the speed.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
HEADS, WIDTH = 12, 384
EPSILON = 1e-12  # of BERT's layer normalisation
WEIGHT_LIMIT = 63
BLOCK = 128

ORT = "com.microsoft"
OUT = Path(__file__).parents[2] / "rag" / "models" / "weights" / "all-MiniLM-L6-v2"

REFERENCE_TEXTS = (
    "What does the warranty cover?",
    "The pump is to be serviced every 500 hours or once a year, whichever comes first.",
    "Net revenue rose 12% to $4.2 billion, driven by data-centre sales; gross margin was 64.6%.",
    "Der Mietvertrag endet am 31. März 2021.",
    "Invoice 2291-B",
    "A reader of long documents needs passages, not pages. " * 24,
)


class Graph:
    """Collects nodes and weights; every method returns the name of what it adds."""

    def __init__(self, weights: dict[str, NDArray[np.float32]], precision: str) -> None:
        self.weights = weights
        self.precision = precision
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self.weights[name])

    def node(self, kind: str, inputs: list[str], domain: str = "", **attributes: Any) -> str:
        return self.nodes_of(kind, inputs, 1, domain, **attributes)[0]

    def nodes_of(self, kind: str, inputs: list[str], outputs: int, domain: str = "", **attributes: Any) -> list[str]:
        name = f"{kind}_{len(self.nodes)}"
        names = [f"{name}:{n}" for n in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, name=name, domain=domain, **attributes))
        return names

    def linear(self, x: str, *prefixes: str) -> str:
        """x @ W.T + b, where several layers with the same input stand side by side in W."""
        weight = np.concatenate([self.weights[f"{prefix}.weight"] for prefix in prefixes])  # [out, in]
        bias = self.constant(f"{prefixes[0]}.bias", np.concatenate([self.weights[f"{p}.bias"] for p in prefixes]))
        name = f"{prefixes[0]}.weight"
        if self.precision == "fp32":
            return self.node("Add", [self.node("MatMul", [x, self.constant(name, weight.T)]), bias])
        scales = np.abs(weight).max(axis=1) / WEIGHT_LIMIT
        quantised = np.rint(weight / scales[:, None]).astype(np.int8).T
        inputs = [x, self.constant(name, quantised), self.constant(f"{name}.scale", scales), "", bias]
        return self.node("DynamicQuantizeMatMul", inputs, ORT)

    def blockwise_linear(self, x: str, prefix: str) -> str:
        """The same for one layer, with a scale for every BLOCK inputs of weights and of activations."""
        if self.precision == "fp32":
            return self.linear(x, prefix)
        name = f"{prefix}.weight"
        outputs, inputs = self.weights[name].shape
        blocks = self.weights[name].reshape(outputs, inputs // BLOCK, BLOCK)
        scales = np.abs(blocks).max(axis=2) / 127
        quantised = (np.rint(blocks / scales[:, :, None]) + 128).astype(np.uint8)  # 128 is the implied zero point
        weight, scale = self.constant(name, quantised), self.constant(f"{name}.scale", scales.reshape(-1))
        sizes = {"K": inputs, "N": outputs, "bits": 8, "block_size": BLOCK}
        # Accuracy level 4: activations as 8-bit integers too.
        return self.node(
            "MatMulNBits", [x, weight, scale, "", "", self.weight(f"{prefix}.bias")], ORT, accuracy_level=4, **sizes
        )

    def lookup(self, name: str, ids: str) -> str:
        """Rows of an embedding table."""
        if self.precision == "fp32":
            return self.node("Gather", [self.weight(name), ids])
        table = self.weights[name]
        scales = np.abs(table).max(axis=1, keepdims=True) / 127
        quantised = np.rint(table / scales).astype(np.int8)
        rows = self.node("Gather", [self.constant(name, quantised), ids])
        row_scales = self.node("Gather", [self.constant(f"{name}.scale", scales), ids])
        return self.node("Mul", [self.node("Cast", [rows], to=TensorProto.FLOAT), row_scales])

    def add_and_normalise(self, x: str, residual: str, prefix: str) -> str:
        inputs = [x, residual, self.weight(f"{prefix}.weight"), self.weight(f"{prefix}.bias")]
        return self.node("SkipLayerNormalization", inputs, ORT, epsilon=EPSILON)


def build(graph: Graph, name: str) -> onnx.ModelProto:
    """The embedder: the encoder's states summed over the mask, scaled to length 1."""
    x = encoded(graph)
    one = graph.constant("one", np.array([1]))
    mask = graph.node("Cast", ["attention_mask"], to=TensorProto.FLOAT)
    row = graph.node("Unsqueeze", [mask, one])  # [batch, 1, length]
    total = graph.node("Squeeze", [graph.node("MatMul", [row, x]), one])
    graph.nodes.append(helper.make_node("LpNormalization", [total], ["sentence_embedding"], axis=-1, p=2))
    ids_shape = ["batch", "length"]
    described = helper.make_graph(
        graph.nodes,
        name,
        [helper.make_tensor_value_info(n, TensorProto.INT64, ids_shape) for n in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", WIDTH])],
        graph.constants,
    )
    # Opset 18 and IR 9: what every ONNX Runtime that Docent accepts can read.
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(ORT, 1)]
    return helper.make_model(described, opset_imports=opsets, ir_version=9, producer_name="docent")


def encoded(graph: Graph) -> str:
    """The encoder's last states [batch, length, WIDTH] of the inputs input_ids and attention_mask."""
    x = _embeddings(graph)
    padding = graph.node("Cast", ["attention_mask"], to=TensorProto.INT32)
    layers = {name.split(".")[2] for name in graph.weights if name.startswith("encoder.layer.")}
    for layer in range(len(layers)):
        x = _layer(graph, x, padding, f"encoder.layer.{layer}")
    return x


def _embeddings(graph: Graph) -> str:
    words = graph.lookup("embeddings.word_embeddings.weight", "input_ids")
    # All tokens are of type 0, so its embedding is part of every position's.
    positions = graph.weights["embeddings.position_embeddings.weight"]
    positions = positions + graph.weights["embeddings.token_type_embeddings.weight"][0]
    zero = graph.constant("zero", np.array([0]))
    length = graph.node("Shape", ["input_ids"], start=1, end=2)
    place = graph.node("Slice", [graph.constant("positions", positions), zero, length, zero])
    scale, bias = (graph.weight(f"embeddings.LayerNorm.{name}") for name in ("weight", "bias"))
    return graph.node("LayerNormalization", [graph.node("Add", [words, place]), scale, bias], axis=-1, epsilon=EPSILON)


def _layer(graph: Graph, x: str, padding: str, prefix: str) -> str:
    projections = [f"{prefix}.attention.self.{name}" for name in ("query", "key", "value")]
    packed = graph.linear(x, *projections)
    query, key, value = graph.nodes_of("Split", [packed], 3, axis=-1, num_outputs=3)
    attended = graph.node("MultiHeadAttention", [query, key, value, "", padding], ORT, num_heads=HEADS)
    attended = graph.linear(attended, f"{prefix}.attention.output.dense")
    x = graph.add_and_normalise(attended, x, f"{prefix}.attention.output.LayerNorm")
    inner = graph.node("Gelu", [graph.linear(x, f"{prefix}.intermediate.dense")], ORT)
    return graph.add_and_normalise(
        graph.blockwise_linear(inner, f"{prefix}.output.dense"), x, f"{prefix}.output.LayerNorm"
    )


def write_tokenizer(source: Path, out: Path) -> None:
    """Writes the published tokenizer without the truncation and padding to 128 that its file carries."""
    tokenizer = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["truncation"] = tokenizer["padding"] = None
    (out / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")), "utf-8")


def write_reference(folder: Path, out: Path) -> None:
    """Writes the embeddings of REFERENCE_TEXTS by PyTorch in fp32, cut to 256 tokens."""
    import torch
    from transformers import BertModel, BertTokenizer

    model: torch.nn.Module = BertModel.from_pretrained(folder)
    model.eval()
    tokenizer = BertTokenizer.from_pretrained(folder)
    rows = []
    for text in REFERENCE_TEXTS:
        inputs = tokenizer(text, truncation=True, max_length=256, padding=False, return_tensors="pt")
        with torch.no_grad():
            mean = model(**inputs).last_hidden_state[0].mean(dim=0)
        vector = torch.nn.functional.normalize(mean, dim=0)
        rows.append({"text": text, "vector": [round(value, 5) for value in vector.tolist()]})
    out.write_text(json.dumps(rows, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--precision", choices=("int8", "fp32"), default="int8")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--reference", type=Path, help="write this file instead of a model")
    arguments = parser.parse_args()
    published = arguments.folder / "model.safetensors"
    found = hashlib.sha256(published.read_bytes()).hexdigest()
    if found != WEIGHTS_SHA256:
        sys.exit(f"{published} is not the published model: its SHA-256 is {found}, expected {WEIGHTS_SHA256}.")
    if arguments.reference:
        write_reference(arguments.folder, arguments.reference)
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    graph = Graph(load_file(published), arguments.precision)
    onnx.save(build(graph, f"all-MiniLM-L6-v2 {arguments.precision}"), arguments.out / "model.onnx")
    write_tokenizer(arguments.folder, arguments.out)


if __name__ == "__main__":
    main()
