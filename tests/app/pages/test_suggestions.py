"""What is offered below an answer: only what the documents answer, from where it should, while nobody waits."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import ConversationError
from app.events import Exchange, Layout
from app.pages.suggestions import Suggestions
from rag.types import Answer, Block, Citation
from tests.ui.fakes import FakeAssistant

TEXT = "Bread:\nThe bread bakes for forty minutes.\nSoup:\nThe soup needs fish.\nPie:\nNobody likes it.\n"


class Kitchen(FakeAssistant):
    """A document with three sections, and a chat about the first."""

    def __init__(self) -> None:
        super().__init__()
        document = self.put("/papers/kitchen.txt", TEXT)
        starts = [TEXT.index(name) for name in ("Bread:", "Soup:", "Pie:")]
        self.layouts[document.id] = Layout(tuple(Block(at, at + 4, "heading") for at in starts), ())
        self.tried: list[str] = []
        answer = super().quoted("How long does the bread bake?")
        self.chat = self.store.add(None, "How long does the bread bake?", answer)

    def quoted(self, question: str, conversation_id: str | None = None) -> Answer:
        self.tried.append(question)
        return super().quoted(question, conversation_id)

    @property
    def last(self) -> Exchange:
        return self.conversation(self.chat)[-1]


@pytest.fixture
def kitchen() -> Kitchen:
    return Kitchen()


def test_only_what_is_answered_is_offered_and_it_is_tried_once(kitchen: Kitchen) -> None:
    suggestions = Suggestions(kitchen, lambda: False)
    assert suggestions.after(kitchen.chat, kitchen.last.id) == ("What does “kitchen.txt” say about Soup?",)
    assert kitchen.tried == [
        "What does “kitchen.txt” say about Soup?",
        "What does “kitchen.txt” say about Pie?",  # no word of it is found there
    ]
    suggestions.after(kitchen.chat, kitchen.last.id)
    assert len(kitchen.tried) == 2


def test_an_answer_from_elsewhere_is_not_offered(kitchen: Kitchen) -> None:
    at = TEXT.index("The bread")
    wrong = Citation(1, 1, "/papers/kitchen.txt", "kitchen.txt", None, None, "The bread", at, at + 9, 1.0)
    answer = replace(kitchen.last.answer, citations=(wrong,))
    kitchen.quoted = lambda question, conversation_id=None: answer  # type: ignore[method-assign]
    assert Suggestions(kitchen, lambda: False).after(kitchen.chat, kitchen.last.id) == ()


def test_nothing_is_tried_while_somebody_waits_for_an_answer(kitchen: Kitchen) -> None:
    busy = threading.Event()
    suggestions = Suggestions(kitchen, busy.is_set)
    busy.set()
    assert suggestions.after(kitchen.chat, kitchen.last.id) == ()
    assert kitchen.tried == []
    busy.clear()
    assert suggestions.after(kitchen.chat, kitchen.last.id) != ()


def test_a_question_that_was_asked_in_the_chat_is_not_offered_again(kitchen: Kitchen) -> None:
    kitchen.store.add(kitchen.chat, "what does “kitchen.txt” say about soup?", kitchen.last.answer)
    first = kitchen.conversation(kitchen.chat)[0]
    assert Suggestions(kitchen, lambda: False).after(kitchen.chat, first.id) == ()


def test_an_answer_whose_branch_is_not_shown_is_offered_something_once_it_is(kitchen: Kitchen) -> None:
    first = kitchen.last
    kitchen.store.add(kitchen.chat, "Why?", Answer((), False, (), "extractive"), after=0)
    suggestions = Suggestions(kitchen, lambda: False)
    assert suggestions.after(kitchen.chat, first.id) == ()
    kitchen.store.show(kitchen.chat, first.id)
    assert suggestions.after(kitchen.chat, first.id) == ("What does “kitchen.txt” say about Soup?",)


def test_nothing_follows_a_refusal_a_removed_document_or_an_unknown_answer(kitchen: Kitchen) -> None:
    suggestions = Suggestions(kitchen, lambda: False)
    refused = kitchen.store.add(None, "Why?", Answer((), False, (), "extractive"))
    assert suggestions.after(refused, kitchen.conversation(refused)[-1].id) == ()
    assert suggestions.after(kitchen.chat, 10**6) == ()
    kitchen.rows.clear()
    assert suggestions.after(kitchen.chat, kitchen.last.id) == ()
    with pytest.raises(ConversationError):
        suggestions.after("nothing", 1)


def test_a_real_library_offers_what_it_answers(tmp_path: Path) -> None:
    from app.assistant import Assistant
    from app.events import Answered
    from app.settings.schema import Settings
    from tests.app.fakes import LightParts

    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "visitors.csv").write_text(
        "Month,Visitors\nJune,3120\nJuly,3987\nAugust,4102\n", encoding="utf-8"
    )
    settings = Settings(data_dir=tmp_path / "data")
    parts = LightParts(settings)
    parts.make_model = lambda: None  # type: ignore[method-assign]
    with Assistant(settings, parts) as assistant:
        assistant.sync([str(tmp_path / "papers")])
        *_, answered = assistant.ask("How many visitors came in July?")
        assert isinstance(answered, Answered)
        assert answered.conversation_id is not None
        last = assistant.conversation(answered.conversation_id)[-1]
        assert last.answer.found
        offered = Suggestions(assistant, lambda: False).after(answered.conversation_id, last.id)
        assert "How many visitors came in August?" in offered
        assert len(assistant.conversation(answered.conversation_id)) == 1
