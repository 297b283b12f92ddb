"""The weights of a built ONNX model by name, mapped from its file: for runtimes that compute another graph."""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from engines.onnx_graph import MODEL_FILE, WEIGHTS_FILE


class OnnxWeights:
    """``folder`` holds what engines/onnx_graph.py wrote. An array is a view of the mapped file: reading it costs memory
    only until the system needs that elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / WEIGHTS_FILE
        graph = onnx.load(str(folder / MODEL_FILE), load_external_data=False).graph
        self._tensors = {tensor.name: tensor for tensor in graph.initializer}

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def __getitem__(self, name: str) -> NDArray[np.generic]:
        tensor = self._tensors[name]
        if tensor.data_location != TensorProto.EXTERNAL:
            return numpy_helper.to_array(tensor)
        place = {entry.key: entry.value for entry in tensor.external_data}
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        return np.memmap(self.path, dtype, "r", int(place["offset"]), tuple(tensor.dims))
