"""python -m training.reader.unpack rag/models/weights/docent-reader/reader.onnx out/shipped.safetensors
python -m training.reader.unpack rag/models/weights/docent-reader-multilingual/reader.onnx out/shipped.safetensors \
    --start out/e5-start

Turns a graph of ``training.reader.export`` back into weights that can be trained on: its int8 matrices are multiplied
out, and the factors that evened its channels go back into them. The multilingual reader's word table stands beside the
graph: ``--start`` names a folder of ``training.data.compact unpack``, whose words are taken instead.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from training.reader.encoder import EncoderConfig, Reader, load_encoder, save_reader

Floats = NDArray[np.float32]


class Unpacked:
    """The weights of a graph by the names of the reader's modules."""

    def __init__(self, path: Path) -> None:
        graph = onnx.load(str(path), load_external_data=False).graph
        inside = [i for i in graph.initializer if i.data_location != onnx.TensorProto.EXTERNAL]
        self.arrays = {i.name: numpy_helper.to_array(i) for i in inside}
        for node in graph.node:  # some exporters write factors as nodes
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self.arrays[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        self.made_by = {output: node for node in graph.node for output in node.output}
        self.nodes = list(graph.node)

    def linear_before(self, bias: str) -> Floats:
        """The matrix [out, in] of the layer whose product gets ``bias`` added, with the factors of its input."""
        (added,) = (n for n in self.nodes if n.op_type == "Add" and bias in n.input)
        node = self.made_by[next(i for i in added.input if i != bias)]
        while node.op_type != "MatMulInteger":  # scaled and cast behind the product
            node = next(self.made_by[i] for i in node.input if i in self.made_by and self._is_product(i))
        values = self.arrays[node.input[1]].astype(np.float32) - self.arrays[node.input[3]].astype(np.float32)
        weight = values * self.arrays[node.input[1].replace("_quantized", "_scale")]
        factor = self._factor(self.made_by[node.input[0]].input[0])
        return np.asarray((weight if factor is None else weight * factor[:, None]).T, np.float32)

    def _is_product(self, name: str) -> bool:
        node = self.made_by[name]
        return node.op_type == "MatMulInteger" or (
            node.op_type in ("Cast", "Mul") and any(i in self.made_by and self._is_product(i) for i in node.input)
        )

    def _factor(self, name: str) -> Floats | None:
        node = self.made_by.get(name)
        if node is None or node.op_type != "Mul":
            return None
        known = [self.arrays[i] for i in node.input if i in self.arrays]
        assert len(known) == 1 and known[0].ndim == 1, f"{name} is scaled by something else than a factor a channel"
        return known[0]


def unpack(path: Path, start: Path | None = None) -> Reader:
    graph = Unpacked(path)
    arrays = graph.arrays
    if start is not None:
        encoder = load_encoder(start)
        config, words = encoder.config, encoder.words.weight.detach()
    else:
        config = EncoderConfig()
        words = torch.from_numpy(arrays["words_int8"].astype(np.float32) * arrays["words_scale"])
    reader = Reader(config)
    state = reader.state_dict()
    state["encoder.words.weight"] = words
    judges = "reader.heads.support.bias" in arrays  # a graph without these heads gets new ones
    for name, value in state.items():
        full = f"reader.{name}"
        if name == "encoder.words.weight" or (not judges and ("claim" in name or "support" in name)):
            continue
        if full in arrays:
            state[name] = torch.from_numpy(arrays[full].astype(np.float32).copy())
        elif name.endswith(".weight"):
            state[name] = torch.from_numpy(graph.linear_before(full.removesuffix("weight") + "bias").copy())
        else:
            raise ValueError(f"{path} has no {name}")
        assert state[name].shape == value.shape, f"{name}: {state[name].shape} instead of {value.shape}"
    reader.load_state_dict(state)
    return reader


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("graph", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--start", type=Path, default=None)
    args = parser.parse_args()
    reader = unpack(args.graph, args.start)
    save_reader(reader.state_dict(), reader.encoder.config, args.out)


if __name__ == "__main__":
    main()
