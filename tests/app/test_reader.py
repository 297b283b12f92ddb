"""The reader in the application: which one the settings mean, and what an answer tells of what it read."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from app.api.shapes.answer import AnswerReply
from app.assistant import Assistant
from app.events import Answered
from app.settings.schema import RetrievalSettings, Settings
from app.wiring import Parts
from rag.errors import ModelFilesError
from rag.protocols import RankingReader
from rag.types import Hit, Passage
from tests.app.fakes import LightParts
from tests.rag.fakes import ScriptedReader


class Scripted(ScriptedReader):
    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        return list(hits)

    def supports(self, claim: str, passages: Sequence[Passage]) -> list[float] | None:
        return None


class ReadingParts(LightParts):
    def make_reader(self) -> RankingReader | None:
        return Scripted({"four tonnes of krill": 0.98})


@pytest.fixture(autouse=True)
def built(builds: Callable[[Path], None], tmp_path: Path) -> None:
    """The shipped model is built already."""
    builds(tmp_path / "data")


def test_an_answer_names_what_was_read_and_how_sure_that_is(tmp_path: Path, folder: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    with Assistant(settings, ReadingParts(settings)) as assistant:
        assistant.sync([str(folder)])
        *_, done = assistant.ask("How much krill does the blue whale eat?")
        assert isinstance(done, Answered)
        shape = AnswerReply.of("", done).plain()
        span = shape["span"]
        assert span["text"] == "four tonnes of krill"
        assert assistant.document_view(span["document_id"]).text[span["start"] : span["end"]] == span["text"]
        assert shape["confidence"] > 0.5
        assert "rerank" in shape["timings_ms"]
        assert done.conversation_id is not None
        (kept,) = assistant.conversation(done.conversation_id)
        assert kept.answer.span == done.answer.span


def test_a_reader_that_is_not_installed_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.settings.paths.builtin_reader", lambda: tmp_path / "none")
    assert Parts(Settings(data_dir=tmp_path, retrieval=RetrievalSettings(reranker="builtin"))).make_reader() is None
    assert Parts(Settings(data_dir=tmp_path, retrieval=RetrievalSettings(reranker=None))).make_reader() is None


def test_a_reader_that_was_named_must_be_there(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, retrieval=RetrievalSettings(reranker=tmp_path / "mine"))
    with pytest.raises(ModelFilesError, match="mine"):
        Parts(settings).make_reader()


def test_warming_up_makes_the_parts_and_reads_once(tmp_path: Path) -> None:
    reader = Scripted({"1868": 0.98})

    class OneReader(LightParts):
        def make_reader(self) -> RankingReader | None:
            return reader

    settings = Settings(data_dir=tmp_path / "data")
    with Assistant(settings, OneReader(settings)) as assistant:
        assistant.warm_up()
        assert len(reader.asked) == 1
        assert assistant.conversations() == []
