"""On an NVIDIA card: encoders against float64, and the shipped models against ONNX Runtime."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from engines.errors import EngineError, UnsupportedModel
from engines.model.encoder_onnx import read_encoder
from engines.runtimes.cuda.encoders.encoder import CudaEncoder
from engines.runtimes.cuda.entry import ENTRY
from tests.engines import encoders
from tests.engines.encoders import random_encoder, with_reader_heads

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(ENTRY.unavailable() is not None, reason=f"{ENTRY.unavailable()}"),
]
SHIPPED = Path(__file__).parents[4] / "rag" / "models" / "weights"
LENGTHS = (1, 2, 7, 15, 16, 17, 63, 64, 65, 100, 128, 129, 200, 256, 400, 512)
FORMS = [
    {"hidden": 128, "heads": 4, "bits": 8},
    {"hidden": 384, "heads": 12, "inner": 1536, "bits": 4},
    {"hidden": 192, "heads": 3, "inner": 352, "bits": 16},
]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


def rows_of(words: int, lengths: tuple[int, ...] = LENGTHS) -> list[list[int]]:
    random = np.random.default_rng(3)
    return [random.integers(0, words, length).tolist() for length in lengths]


@pytest.mark.parametrize("form", FORMS)
def test_vectors_are_those_of_float64(form: dict[str, int], cache: Path) -> None:
    encoder, rows = random_encoder(**form), rows_of(200)
    card = CudaEncoder(encoder, cache)
    expected = np.stack([encoders.vector(encoder, row) for row in rows])
    found = card.vectors(rows)
    card.close()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert np.linalg.norm(found - expected, axis=1).max() < 0.004


@pytest.mark.parametrize("judges", [True, False])
def test_scores_are_those_of_float64(judges: bool, cache: Path) -> None:
    encoder = with_reader_heads(random_encoder(), judges=judges)
    rows = rows_of(200, (4, 31, 64, 65, 190, 384))
    card = CudaEncoder(encoder, cache)
    assert card.judges == judges
    for row, found in zip(rows, card.pair_scores(rows, 3), strict=True):
        relevance, support, band = encoders.scores(encoder, row, 3)
        assert found.relevance == pytest.approx(relevance, abs=0.02)
        assert found.support == (pytest.approx(support, abs=0.02) if judges else None)
        assert np.abs(found.band - band).max() < 0.05
    card.close()


def test_a_row_has_one_outcome_whatever_is_beside_it(cache: Path) -> None:
    encoder = with_reader_heads(random_encoder())
    rows = rows_of(200) * 3
    large, small = CudaEncoder(encoder, cache), CudaEncoder(encoder, cache, capacity=600)
    together = large.vectors(rows)
    np.testing.assert_array_equal(together, np.concatenate([large.vectors([row]) for row in rows]))
    np.testing.assert_array_equal(together, large.vectors(rows[::-1])[::-1])
    np.testing.assert_array_equal(together, small.vectors(rows))
    alone = [large.pair_scores([row], 2)[0] for row in rows]
    for one, other in zip(alone, small.pair_scores(rows, 2), strict=True):
        assert (one.relevance, one.support) == (other.relevance, other.support)
        np.testing.assert_array_equal(one.band, other.band)
    large.close()
    small.close()


def test_no_rows_and_a_row_of_no_token(cache: Path) -> None:
    card = CudaEncoder(random_encoder(), cache)
    assert card.vectors([]).shape == (0, 128)
    vectors = card.vectors([[], [5, 6], []])
    np.testing.assert_array_equal(vectors[[0, 2]], 0)
    np.testing.assert_array_equal(vectors[1], card.vectors([[5, 6]])[0])
    np.testing.assert_array_equal(card.vectors([[]]), 0)
    card.close()


def test_what_cannot_be_computed_is_refused_in_words(cache: Path) -> None:
    card = CudaEncoder(random_encoder(), cache)
    with pytest.raises(EngineError, match="513 tokens"):
        card.vectors([[1] * 513])
    with pytest.raises(EngineError, match="word table"):
        card.vectors([[1, 200]])
    with pytest.raises(EngineError, match="reads no passages"):
        card.pair_scores([[1, 2]], 1)
    assert np.isfinite(card.vectors([[1, 2]])).all(), "it goes on"
    card.close()
    with pytest.raises(UnsupportedModel):
        CudaEncoder(random_encoder(hidden=96, heads=3), cache)


def test_memory_is_given_back(cache: Path) -> None:
    encoder = random_encoder()
    kept = CudaEncoder(encoder, cache)  # the context stays
    free = []
    for _ in range(3):
        card = CudaEncoder(encoder, cache)
        card.vectors([[1, 2, 3]])
        card.close()
        free.append(kept._device.free_bytes)
    assert free[0] == free[2]
    kept.close()


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "docent-reader-multilingual"])
def test_the_shipped_embedders_agree_with_the_processor(name: str, cache: Path) -> None:
    card, file = shipped(f"{name}/model.onnx", cache)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    rows = rows_of(card.words, (5, 20, 60, 200))
    for row, vector in zip(rows, card.vectors(rows), strict=True):
        ids = np.array([row])
        (expected,) = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        assert float(expected[0] @ vector) > 0.99
    card.close()


@pytest.mark.parametrize("name", ["docent-reader", "docent-reader-multilingual"])
def test_the_shipped_readers_agree_with_the_processor(name: str, cache: Path) -> None:
    card, file = shipped(f"{name}/reader.onnx", cache)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    rows = rows_of(card.words, (20, 60, 200))
    for row, found in zip(rows, card.pair_scores(rows, 9), strict=True):
        ids = np.array([row])
        types = (np.arange(len(row))[None] >= 9).astype(np.int64)
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": types}
        relevance, band, support = session.run(["relevance", "band", "support"], feeds)
        inside = np.add.outer(np.arange(len(row)), np.arange(30)) < len(row)
        assert found.relevance == pytest.approx(float(relevance[0]), abs=1)
        assert found.support == pytest.approx(float(support[0]), abs=1)
        assert np.corrcoef(found.band[inside], band[0][inside])[0, 1] > 0.98, "activations are rounded to 8 bits there"
    card.close()


def shipped(name: str, cache: Path) -> tuple[CudaEncoder, Path]:
    file = SHIPPED / name
    if not file.is_file():
        pytest.skip(f"{name} is not here")
    return CudaEncoder(read_encoder(file), cache), file
