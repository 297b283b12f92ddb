"""The embedder against vectors from PyTorch, and against folders of other shapes made on the spot."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from rag.errors import ModelFilesError
from rag.models.embedder import OnnxEmbedder

REFERENCE = Path(__file__).parents[2] / "data" / "minilm_reference.json"
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "ask", "the", "cat", "dog")
TABLE = np.random.default_rng(7).normal(size=(len(WORDS), 4)).astype(np.float32)


@pytest.fixture(scope="module")
def shipped() -> OnnxEmbedder:
    return OnnxEmbedder.load(threads=1)


def foreign_folder(folder: Path, output: str = "last_hidden_state", types: bool = True, pooling: str = "mean") -> Path:
    """A "model" whose token vectors are rows of TABLE, in the layout of a sentence-transformers export."""
    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=16)
    (folder / "onnx").mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if types else [])]
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])]
    shape: list[Any] = ["batch", "length", 4]
    if output == "sentence_embedding":
        nodes.append(helper.make_node("ReduceSum", ["last_hidden_state", "axis"], [output], keepdims=0))
        shape = ["batch", 4]
    graph = helper.make_graph(
        nodes,
        "table",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in names],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(TABLE, "table"), numpy_helper.from_array(np.array([1]), "axis")],
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), folder / "onnx" / "model.onnx")
    modes = {f"pooling_mode_{mode}": mode.startswith(pooling) for mode in ("cls_token", "mean_tokens", "max_tokens")}
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 4, **modes}))
    return folder


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def test_agrees_with_pytorch(shipped: OnnxEmbedder) -> None:
    rows = json.loads(REFERENCE.read_text(encoding="utf-8"))
    vectors = shipped.embed_passages([row["text"] for row in rows])
    cosines = [float(vector @ unit(np.array(row["vector"]))) for vector, row in zip(vectors, rows, strict=True)]
    assert min(cosines) >= 0.98


def test_vectors_have_length_one_and_the_named_dimension(shipped: OnnxEmbedder) -> None:
    vectors = shipped.embed_passages(["", "one", "two words", "x" * 5000, "\ud800 broken", "日本語のテキスト。"])
    assert vectors.shape == (6, shipped.dimension) == (6, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_text_has_one_vector_whatever_is_embedded_beside_it() -> None:
    texts = ["cat " * n for n in (200, 1, 60, 3, 120, 7)] + ["A quarterly report about turbines.", "", "日本語 " * 30]
    apart = OnnxEmbedder.load(threads=1)
    alone = np.stack([apart.embed_passages([text])[0] for text in texts])
    beside = OnnxEmbedder.load(threads=3)
    np.testing.assert_array_equal(beside.embed_passages(texts), alone)
    np.testing.assert_array_equal(beside.embed_passages(texts[::-1]), alone[::-1])
    np.testing.assert_array_equal(beside.embed_query(texts[6]), alone[6])  # this model has no prompts


def test_nearest_passage_is_the_related_one(shipped: OnnxEmbedder) -> None:
    passages = ["The lamp burned whale oil until 1868.", "Visitors may bring dogs on a lead.", "Tickets cost 4 pounds."]
    scores = shipped.embed_passages(passages) @ shipped.embed_query("Are pets allowed?")
    assert int(np.argmax(scores)) == 1


def test_no_passages_is_no_rows(shipped: OnnxEmbedder) -> None:
    assert shipped.embed_passages([]).shape == (0, 384)
    assert shipped.count_tokens([]) == []


def test_counts_are_not_cut(shipped: OnnxEmbedder) -> None:
    assert shipped.count_tokens(["cat", "the cat sat", "", "cat " * 1000]) == [1, 3, 0, 1000]


def test_what_is_beyond_the_longest_input_is_ignored(shipped: OnnxEmbedder) -> None:
    full = "lighthouse " * (shipped.max_tokens - 2)
    np.testing.assert_allclose(shipped.embed_query(full), shipped.embed_query(full + "whale " * 50), atol=1e-6)


def test_name_is_stable_and_holds_the_model(shipped: OnnxEmbedder) -> None:
    assert shipped.name.startswith("all-MiniLM-L6-v2-")
    assert shipped.name == OnnxEmbedder.load(threads=1).name


def test_mean_of_token_vectors_ignores_padding(tmp_path: Path) -> None:
    embedder = OnnxEmbedder.load(foreign_folder(tmp_path / "m"), threads=1)
    vectors = embedder.embed_passages(["cat dog the ask cat", "cat"])
    np.testing.assert_allclose(vectors[0], unit(TABLE[[2, 6, 7, 5, 4, 6, 3]].mean(axis=0)), atol=1e-5)
    np.testing.assert_allclose(vectors[1], unit(TABLE[[2, 6, 3]].mean(axis=0)), atol=1e-5)


def test_first_token_pooling(tmp_path: Path) -> None:
    embedder = OnnxEmbedder.load(foreign_folder(tmp_path / "m", pooling="cls", types=False), threads=1)
    np.testing.assert_allclose(embedder.embed_query("dog"), unit(TABLE[2]), atol=1e-5)


def test_sentence_vectors_of_the_graph_are_taken_as_they_are(tmp_path: Path) -> None:
    folder = foreign_folder(tmp_path / "m", output="sentence_embedding")
    (folder / "1_Pooling" / "config.json").unlink()
    embedder = OnnxEmbedder.load(folder, threads=1)
    np.testing.assert_allclose(embedder.embed_query("dog"), unit(TABLE[[2, 7, 3]].sum(axis=0)), atol=1e-5)


def test_prompts_and_longest_input_come_from_the_folder(tmp_path: Path) -> None:
    folder = foreign_folder(tmp_path / "m")
    plain = OnnxEmbedder.load(folder, threads=1)
    (folder / "config_sentence_transformers.json").write_text('{"prompts": {"query": "ask ", "document": "the "}}')
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 4}')
    embedder = OnnxEmbedder.load(folder, threads=1)
    assert embedder.name != plain.name
    assert embedder.max_tokens == 4
    np.testing.assert_allclose(embedder.embed_query("cat dog"), unit(TABLE[[2, 4, 6, 3]].mean(axis=0)), atol=1e-5)
    np.testing.assert_allclose(embedder.embed_passages(["cat"])[0], unit(TABLE[[2, 5, 6, 3]].mean(axis=0)), atol=1e-5)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("onnx/model.onnx", None),
        ("onnx/model.onnx", "not a graph"),
        ("tokenizer.json", None),
        ("tokenizer.json", "{}"),
        ("1_Pooling/config.json", None),
        ("1_Pooling/config.json", '{"pooling_mode_max_tokens": true}'),
        ("config_sentence_transformers.json", "{"),
        ("sentence_bert_config.json", "[]"),
    ],
)
def test_a_missing_or_wrong_file_is_named(tmp_path: Path, file: str, content: str | None) -> None:
    folder = foreign_folder(tmp_path / "m")
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    with pytest.raises(ModelFilesError) as caught:
        OnnxEmbedder.load(folder, threads=1)
    assert Path(file).name in str(caught.value)
    assert str(folder) in str(caught.value)
    assert caught.value.remedy


def test_a_graph_with_unknown_inputs_is_refused(tmp_path: Path) -> None:
    folder = foreign_folder(tmp_path / "m")
    model = onnx.load(folder / "onnx" / "model.onnx")
    model.graph.input.append(helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, [1]))
    onnx.save(model, folder / "onnx" / "model.onnx")
    with pytest.raises(ModelFilesError, match="pixel_values"):
        OnnxEmbedder.load(folder, threads=1)
