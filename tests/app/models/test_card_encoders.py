"""Which models are computed on a card, with stand-ins for the card: right, wrong, without memory, failing later."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from app.models.encoders import CardEncoders
from app.settings.schema import Settings
from app.wiring import Parts
from engines.errors import EngineError
from engines.runtimes.cuda.encoders.encoder import PairScores as CardScores
from rag.types import PairScores

FILE, WORDS = Path("model.onnx"), 100
TABLE = np.random.default_rng(0).standard_normal((WORDS, 16)).astype(np.float32)


class Processor:
    """A "model" whose vectors are means of TABLE's rows, and whose scores are products of them."""

    judges = True

    def vectors(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        means = np.stack([TABLE[list(row)].mean(axis=0) for row in rows])
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), np.float32)

    def pair_scores(self, rows: Sequence[Sequence[int]], second_from: int) -> list[PairScores]:
        return [PairScores(float(TABLE[row[0], 0]), float(TABLE[row[0], 1]), TABLE[list(row)]) for row in rows]


class Card(Processor):
    """Computes the same, a little less exactly; ``wrong`` adds so much. Fails when ``breaks`` says so."""

    card, words = "a card", WORDS

    def __init__(self, wrong: float = 0.0, breaks: Callable[[], bool] = lambda: False) -> None:
        self._wrong, self._breaks = wrong, breaks
        self.calls = 0
        self.closed = False

    def vectors(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        self._count()
        found = super().vectors(rows) + np.float32(1e-3)
        found[:, 0] += self._wrong
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)

    def pair_scores(self, rows: Sequence[Sequence[int]], second_from: int) -> list[CardScores]:  # type: ignore[override]
        self._count()
        found = super().pair_scores(rows, second_from)
        return [CardScores(one.relevance + self._wrong, one.support, one.band + np.float32(1e-3)) for one in found]

    def close(self) -> None:
        self.closed = True

    def _count(self) -> None:
        if self._breaks():
            raise EngineError("The NVIDIA driver refused: CUDA_ERROR_LAUNCH_FAILED.")
        self.calls += 1


def on(card: Card) -> CardEncoders:
    return CardEncoders(Path("builds"), lambda file, builds: card)


def test_a_card_that_computes_the_same_is_used() -> None:
    card, processor = Card(), Processor()
    encoders = on(card)
    sentences, pairs = encoders.sentences(FILE, processor), encoders.pairs(FILE, processor)
    checks = card.calls
    np.testing.assert_allclose(sentences.vectors([[1, 2], [3]]), processor.vectors([[1, 2], [3]]), atol=2e-3)
    (scores,) = pairs.pair_scores([[4, 5, 6]], 1)
    assert isinstance(scores, PairScores)
    assert scores.relevance == pytest.approx(float(TABLE[4, 0]))
    assert pairs.judges
    assert card.calls == checks + 2
    assert encoders.card == "a card"


@pytest.mark.parametrize("wrong", [3.0, float("nan")])
def test_a_card_that_computes_something_else_is_not_used(wrong: float, caplog: pytest.LogCaptureFixture) -> None:
    for open_on in (CardEncoders.sentences, CardEncoders.pairs):
        card, processor = Card(wrong), Processor()
        encoders = on(card)
        caplog.clear()
        assert open_on(encoders, FILE, processor) is processor
        assert card.closed
        assert encoders.card is None
        (line,) = caplog.messages
        assert "model.onnx is computed on the processor, not on the card: Its " in line


def test_a_card_without_room_is_not_used(caplog: pytest.LogCaptureFixture) -> None:
    def full(file: Path, builds: Path) -> Card:
        raise EngineError("The card lacks 0.02 GB of memory: 0.10 GB are needed, 0.08 GB are free.")

    processor = Processor()
    assert CardEncoders(Path("builds"), full).sentences(FILE, processor) is processor
    assert "0.02 GB" in caplog.messages[0]


def test_a_card_that_fails_later_is_left_to_the_processor(caplog: pytest.LogCaptureFixture) -> None:
    broken = False
    card, processor = Card(breaks=lambda: broken), Processor()
    encoders = on(card)
    sentences, pairs = encoders.sentences(FILE, processor), encoders.pairs(FILE, processor)
    caplog.clear()  # at a lower level, that the models are computed on the card
    broken = True
    np.testing.assert_array_equal(sentences.vectors([[1, 2]]), processor.vectors([[1, 2]]))
    np.testing.assert_array_equal(pairs.pair_scores([[1, 2]], 1)[0].band, TABLE[[1, 2]])
    broken = False
    np.testing.assert_array_equal(sentences.vectors([[7]]), processor.vectors([[7]]), "it stays so")
    assert card.closed
    assert [message for message in caplog.messages if "LAUNCH_FAILED" in message] == caplog.messages
    assert len(caplog.messages) == 2, "a line for each model"


def test_after_closing_the_processor_computes() -> None:
    card, processor = Card(), Processor()
    encoders = on(card)
    sentences = encoders.sentences(FILE, processor)
    encoders.close()
    assert card.closed
    np.testing.assert_array_equal(sentences.vectors([[7]]), processor.vectors([[7]]))


def test_the_setting_leaves_the_card_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert Parts(settings).card_encoders is not None
    chosen = settings.model_copy(update={"embedder": settings.embedder.model_copy(update={"device": "cpu"})})
    assert Parts(chosen).card_encoders is None


def test_without_a_driver_nothing_is_imported_or_said() -> None:
    program = (
        "import sys, pathlib\n"
        "from app.models.encoders import CardEncoders\n"
        "trusted = object()\n"
        "encoders = CardEncoders(pathlib.Path('builds'), probe=lambda: 'No NVIDIA driver was found.')\n"
        "assert encoders.sentences(pathlib.Path('m.onnx'), trusted) is trusted\n"
        "print([name for name in sys.modules if name.startswith(('cuda', 'engines.runtimes.cuda.d'))])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
