"""Sessions of encoders: 8-bit products are exact on every processor."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rag.models.onnx_encoders import open_session

ROWS, INPUTS, OUTPUTS = 5, 256, 16


def test_products_of_weights_of_the_full_range_do_not_overflow(tmp_path: Path) -> None:
    chance = np.random.default_rng(3)
    weights = chance.integers(100, 128, (INPUTS, OUTPUTS)).astype(np.int8)
    values = chance.integers(200, 256, (ROWS, INPUTS)).astype(np.uint8)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "weights"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [ROWS, INPUTS])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [ROWS, OUTPUTS])],
        [numpy_helper.from_array(weights, "weights")],
    )
    file = tmp_path / "product.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), file)
    (computed,) = open_session(file, threads=1).run(["y"], {"x": values})
    np.testing.assert_array_equal(computed, values.astype(np.int32) @ weights.astype(np.int32))
