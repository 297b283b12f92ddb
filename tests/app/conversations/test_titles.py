"""Titles that a language model gives."""

from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from app.assistant import Assistant
from app.conversations.titles import title_of
from app.events import Retrieved
from app.settings.schema import Settings
from rag.answer.generation.generative import TextGenerator
from rag.answer.generation.prompt import Message
from rag.types import Filter
from tests.app.test_assistant import ParrotParts


class Says:
    """A model that always says the same."""

    name = "says"
    context = 4096

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked: list[str] = []

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(len(message.content) for message in messages)

    def tokens_within(self, seconds: float) -> int | None:
        return None

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Generator[str, None, None]:
        self.asked.append(messages[-1].content)
        yield from self.text.partition(" ")


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("Opening hours in July", "Opening hours in July"),
        ('"Opening hours in July."\n\nI hope this helps!', "Opening hours in July"),
        ("Title: **Die Lampe im Turm**", "Die Lampe im Turm"),
        ("", None),
        ("Hours", None),
        ("... --- ...", None),
        ("This is a long sentence that explains at length what the whole conversation is about", None),
    ],
)
def test_what_a_model_says_becomes_a_title_or_nothing(said: str, title: str | None) -> None:
    assert title_of("When?", "At nine.", Says(said)) == title


class TitlingParts(ParrotParts):
    def __init__(self, settings: Settings, model: Says) -> None:
        super().__init__(settings)
        self.says = model

    def generator(self, thinking_tokens: int) -> TextGenerator | None:
        assert thinking_tokens == 0
        return self.says


@pytest.fixture
def folder_of_one(tmp_path: Path) -> Path:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "a.txt").write_text("The tower is high.\n", encoding="utf-8")
    return tmp_path / "papers"


def test_the_model_names_a_conversation_after_its_first_answer(tmp_path: Path, folder_of_one: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    model = Says("Height of the tower")
    with Assistant(settings, TitlingParts(settings, model)) as assistant:
        assistant.sync([str(folder_of_one)])
        chat = assistant.start_conversation("How high is it?")
        list(assistant.ask("How high is it?", conversation_id=chat))
        assert assistant.title_by_model(chat)
        assert assistant.conversations()[0].title == "Height of the tower"
        assert "How high is it?" in model.asked[0]
        assert not assistant.title_by_model(chat)  # it has another name now
        list(assistant.ask("And how wide?", conversation_id=chat))
        assert not assistant.title_by_model(chat)


def test_a_name_of_ones_own_stays(tmp_path: Path, folder_of_one: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    model = Says("Height of the tower")
    with Assistant(settings, TitlingParts(settings, model)) as assistant:
        assistant.sync([str(folder_of_one)])
        chat = assistant.start_conversation("How high is it?")
        list(assistant.ask("How high is it?", conversation_id=chat))
        assistant.rename_conversation(chat, "Mine")
        assert not assistant.title_by_model(chat)
        assert model.asked == []


def test_a_large_model_reads_a_whole_document_to_summarise_it(tmp_path: Path) -> None:
    text = "\n\n".join(f"Paragraph {n} tells of room {n}, its owner and what stood there." for n in range(150))
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "rooms.txt").write_text(text, encoding="utf-8")
    settings = Settings.model_validate({"data_dir": tmp_path / "data", "model": {"context": 16_000}})

    def read(parts: ParrotParts, question: str, scope: Filter) -> int:
        with Assistant(settings, parts) as assistant:
            assistant.sync([str(tmp_path / "papers")])
            first = next(iter(assistant.ask(question, filter=scope, remember=False)))
            assert isinstance(first, Retrieved)
            return sum(passage.end - passage.start for passage in first.passages)

    one = Filter(frozenset({1}))
    with_model = TitlingParts(settings, Says(""))
    assert read(with_model, "Summarise this document.", one) > 0.98 * len(text)
    assert read(TitlingParts(settings, Says("")), "Summarise this document.", Filter()) < 0.9 * len(text)
    assert read(ParrotParts(settings), "Summarise this document.", one) < 0.9 * len(text)
