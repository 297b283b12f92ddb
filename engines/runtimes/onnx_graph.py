"""Writes an ONNX model node by node: a small graph file, and one file beside it with the weights.

Weights go to disk as they come, so that a model of any size is written in the memory of its largest tensor, and
ONNX Runtime maps them instead of reading them.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

MICROSOFT = "com.microsoft"  # the domain of ONNX Runtime's own operators
MODEL_FILE = "model.onnx"
WEIGHTS_FILE = "weights.bin"
_OPSET = 23
_IR_VERSION = 11
_INLINE_BYTES = 4096  # smaller tensors stay in the graph file
_ALIGNMENT = 4096  # a page, so that a tensor can be mapped on its own


class GraphWriter:
    """Use as a context manager, then ``save``. Names of values are made here; each is unique."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._tensors: list[TensorProto] = []
        self._named: dict[str, str] = {}
        self._weights = (folder / WEIGHTS_FILE).open("wb")

    def __enter__(self) -> "GraphWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._weights.close()

    def input(self, name: str, dtype: type[np.generic], shape: Sequence[int | str]) -> str:
        """A string in ``shape`` names a dimension that is known at run time only."""
        self._inputs.append(helper.make_tensor_value_info(name, _element(dtype), list(shape)))
        return name

    def output(self, name: str, dtype: type[np.generic], shape: Sequence[int | str]) -> None:
        self._outputs.append(helper.make_tensor_value_info(name, _element(dtype), list(shape)))

    def node(self, op: str, *inputs: str, domain: str = "", name: str | None = None, **attributes: Any) -> str:
        """A node with one output, whose name is returned. An input left out is ''."""
        return self.nodes(op, *inputs, outputs=(name or self._fresh(op),), domain=domain, **attributes)[0]

    def nodes(
        self, op: str, *inputs: str, outputs: Sequence[str], domain: str = "", **attributes: Any
    ) -> tuple[str, ...]:
        """A node with several outputs; one left out is ''."""
        made = helper.make_node(op, list(inputs), list(outputs), name=self._fresh("node"), domain=domain, **attributes)
        self._nodes.append(made)
        return tuple(outputs)

    def constant(self, array: NDArray[np.generic], name: str) -> str:
        """A weight. The same ``name`` twice is the same tensor: the second array is not looked at."""
        if name in self._named:
            return name
        self._named[name] = name
        array = np.ascontiguousarray(array)
        if array.nbytes < _INLINE_BYTES:
            self._tensors.append(numpy_helper.from_array(array, name))
            return name
        return self._external(name, _element(array.dtype.type), array.shape, array)

    def int4(self, packed: NDArray[np.uint8], shape: Sequence[int], name: str) -> str:
        """A weight of signed 4-bit numbers of ``shape``, two in a byte of ``packed``, the first in the low nibble."""
        assert packed.nbytes * 2 == math.prod(shape), f"{name}: {packed.nbytes} bytes for {tuple(shape)}"
        if name in self._named:
            return name
        self._named[name] = name
        return self._external(name, TensorProto.INT4, shape, np.ascontiguousarray(packed))

    def _external(self, name: str, element: int, shape: Sequence[int], array: NDArray[np.generic]) -> str:
        self._weights.write(b"\0" * (-self._weights.tell() % _ALIGNMENT))
        tensor = TensorProto(name=name, data_type=element, dims=shape, data_location=TensorProto.EXTERNAL)
        place = {"location": WEIGHTS_FILE, "offset": self._weights.tell(), "length": array.nbytes}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self._weights.write(array.data)
        self._tensors.append(tensor)
        return name

    def integers(self, *values: int) -> str:
        """A one-dimensional int64 constant, shared by all who ask for the same one."""
        return self.constant(np.array(values, np.int64), "integers_" + "_".join(map(str, values)))

    def save(self) -> Path:
        """Returns the path of the model file."""
        self._weights.close()
        graph = helper.make_graph(self._nodes, "docent", self._inputs, self._outputs, self._tensors)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="docent")
        path = self.folder / MODEL_FILE
        path.write_bytes(model.SerializeToString())
        return path

    def _fresh(self, op: str) -> str:
        name = f"{op}_{len(self._named)}"
        self._named[name] = name
        return name


def _element(dtype: type[np.generic]) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
