"""Encoders read from ONNX files: from what Docent's converter writes, from an export of transformers, and the shipped
ones, each computed in float64 from the weights that were read and compared with ONNX Runtime on the file itself."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from engines.errors import UnsupportedModel
from engines.model.encoder_onnx import read_encoder
from tests.engines import encoders
from training.embedder.convert import Graph, build

SHIPPED = Path(__file__).parents[3] / "rag" / "models" / "weights"
WORDS, HIDDEN, INNER, LAYERS = 60, 384, 256, 2
ROW = [7, 3, 59, 0, 21, 21, 48, 5]


def bert_weights() -> dict[str, NDArray[np.float32]]:
    """Random ones under Hugging Face's names."""
    random = np.random.default_rng(2)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (WORDS, HIDDEN),
        "embeddings.position_embeddings.weight": (40, HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, HIDDEN),
    }
    norms = ["embeddings.LayerNorm"]
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        square = [*(f"attention.self.{part}" for part in ("query", "key", "value")), "attention.output.dense"]
        sizes = dict.fromkeys(square, (HIDDEN, HIDDEN))
        sizes |= {"intermediate.dense": (INNER, HIDDEN), "output.dense": (HIDDEN, INNER)}
        for part, (outputs, inputs) in sizes.items():
            shapes |= {f"{layer}.{part}.weight": (outputs, inputs), f"{layer}.{part}.bias": (outputs,)}
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    weights = {
        name: (random.standard_normal(shape) * (1 if len(shape) == 1 else 1.5 / np.sqrt(shape[-1]))).astype(np.float32)
        for name, shape in shapes.items()
    }
    for name in norms:
        weights[f"{name}.weight"] = (1 + 0.2 * random.standard_normal(HIDDEN)).astype(np.float32)
        weights[f"{name}.bias"] = (0.2 * random.standard_normal(HIDDEN)).astype(np.float32)
    return weights


def run(file: Path, outputs: list[str], row: list[int], **more: Any) -> list[NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    ids = np.array([row])
    found: list[NDArray[np.float32]] = session.run(
        outputs, {"input_ids": ids, "attention_mask": np.ones_like(ids), **more}
    )
    return found


@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.999_999), ("int8", 0.99)])
def test_what_the_converter_writes(precision: str, least: float, tmp_path: Path) -> None:
    weights, file = bert_weights(), tmp_path / "model.onnx"
    onnx.save(build(Graph(weights, precision), "random"), file)
    encoder = read_encoder(file)
    assert (encoder.hidden, encoder.inner, len(encoder.layers), encoder.heads) == (HIDDEN, INNER, LAYERS, 12)
    assert (encoder.longest, encoder.words.bits, encoder.span_width) == (40, 16 if precision == "fp32" else 8, 0)
    down = weights["encoder.layer.1.output.dense.weight"]
    rounding = 0.0 if precision == "fp32" else float(np.abs(down).max()) / 127
    assert np.abs(encoder.layers[1].down.weight - down).max() <= rounding
    (expected,) = run(file, ["sentence_embedding"], ROW)
    assert float(expected[0] @ encoders.vector(encoder, ROW)) > least


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the exporter that most published files come from is an old one
def test_an_export_of_transformers(tmp_path: Path) -> None:
    """Queries, keys and values apart, weights that the exporter named, and what is equal kept once."""
    torch = pytest.importorskip("torch", reason="needs torch: pip install -e .[oracle]")
    transformers = pytest.importorskip("transformers", reason="needs transformers: pip install -e .[oracle]")
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 96}
    config = transformers.BertConfig(vocab_size=WORDS, max_position_embeddings=40, attn_implementation="eager", **sizes)
    model = transformers.BertModel(config, add_pooling_layer=False).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)

    class States(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            every = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
            return self.model(**every).last_hidden_state

    ids, file = torch.tensor([ROW]), tmp_path / "model.onnx"
    inputs = (ids, torch.ones_like(ids), torch.zeros_like(ids))
    names = ["input_ids", "attention_mask", "token_type_ids"]
    torch.onnx.export(
        States().eval(), inputs, str(file), input_names=names, output_names=["last_hidden_state"],
        dynamic_axes={name: {0: "batch", 1: "length"} for name in names}, opset_version=17, dynamo=False,
    )  # fmt: skip
    encoder = read_encoder(file)
    assert (encoder.hidden, encoder.heads, len(encoder.layers), encoder.words.bits) == (64, 2, 2, 16)
    with torch.no_grad():
        expected = model(*inputs).last_hidden_state[0].numpy()
    np.testing.assert_allclose(encoders.states(encoder, ROW), expected, atol=0.01)  # words are kept in float16


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "docent-reader-multilingual"])
def test_the_shipped_embedders(name: str) -> None:
    encoder = read_encoder(shipped(f"{name}/model.onnx"))
    assert (encoder.hidden, encoder.heads, encoder.longest) == (384, 12, 512)
    row = np.random.default_rng(4).integers(0, len(encoder.words.codes), 30).tolist()
    (expected,) = run(SHIPPED / name / "model.onnx", ["sentence_embedding"], row)
    assert float(expected[0] @ encoders.vector(encoder, row)) > 0.99, "activations are rounded to 8 bits there"


@pytest.mark.parametrize("name", ["docent-reader", "docent-reader-multilingual"])
def test_the_shipped_readers(name: str) -> None:
    encoder = read_encoder(shipped(f"{name}/reader.onnx"))
    assert encoder.span_width == 30
    row = np.random.default_rng(4).integers(0, len(encoder.words.codes), 30).tolist()
    types = (np.arange(30)[None] >= 9).astype(np.int64)
    outputs = ["relevance", "support", "band"]
    relevance, support, band = run(SHIPPED / name / "reader.onnx", outputs, row, token_type_ids=types)
    mine = encoders.scores(encoder, row, 9)
    assert mine[0] == pytest.approx(float(relevance[0]), abs=1)
    assert mine[1] == pytest.approx(float(support[0]), abs=1)
    inside = np.add.outer(np.arange(30), np.arange(30)) < 30
    assert np.corrcoef(mine[2][inside], band[0][inside])[0, 1] > 0.98, "activations are rounded to 8 bits there"


@pytest.mark.parametrize(
    "missing", ["encoder.layer.1.output.dense.bias", "positions", "encoder.layer.0.output.LayerNorm.weight"]
)
def test_another_form_is_refused_in_words(missing: str, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    model = build(Graph(bert_weights(), "fp32"), "random")
    for node in model.graph.node:
        for at, name in enumerate(node.input):
            if name == missing:
                node.input[at] = "another"
    for tensor in model.graph.initializer:
        if tensor.name == missing:
            tensor.name = "another"
    onnx.save(model, file)
    with pytest.raises(UnsupportedModel, match=r"model\.onnx is no encoder that cards compute"):
        read_encoder(file)


@pytest.mark.parametrize(
    "name", ["encoder.layer.1.attention.output.dense.bias", "encoder.layer.0.output.LayerNorm.bias"]
)
def test_sizes_that_contradict_each_other_are_refused(name: str, tmp_path: Path) -> None:
    model = build(Graph(bert_weights(), "fp32"), "random")
    for tensor in model.graph.initializer:
        if tensor.name == name:
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.zeros(HIDDEN - 1, np.float32), name))
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(UnsupportedModel, match="sizes contradict"):
        read_encoder(tmp_path / "model.onnx")


def test_a_graph_of_something_else_is_refused(tmp_path: Path) -> None:
    helper, ids = onnx.helper, onnx.TensorProto.INT64
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])], "table",
        [helper.make_tensor_value_info("input_ids", ids, ["batch", "length"])],
        [helper.make_tensor_value_info("last_hidden_state", onnx.TensorProto.FLOAT, ["batch", "length", 4])],
        [onnx.numpy_helper.from_array(np.ones((8, 4), np.float32), "table")],
    )  # fmt: skip
    onnx.save(helper.make_model(graph), tmp_path / "model.onnx")
    with pytest.raises(UnsupportedModel, match="no encoder that cards compute"):
        read_encoder(tmp_path / "model.onnx")


def shipped(name: str) -> Path:
    if not (SHIPPED / name).is_file():
        pytest.skip(f"{name} is not here")
    return SHIPPED / name
