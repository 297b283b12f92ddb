"""docent-nano's prompts: what they hold, what goes first when room is short, that the hint survives."""

from collections.abc import Sequence

import pytest

from rag.answer.generation.prompt import Message
from rag.answer.generation.small_model_prompt import Hint, build_nano_prompt, hint_line, shortened
from rag.errors import RagError
from rag.types import Document, Passage, Turn


def words(messages: Sequence[Message]) -> int:
    return sum(len(message.content.split()) + 2 for message in messages)


def passage(number: int, text: str, document: int = 1, start: int = 0, score: float = 0.5) -> Passage:
    row = Document(document, 1, f"/d{document}.txt", f"Book {document}", "text/plain", "ok", None, 1, 1, 1, "h", 1.0)
    return Passage(number, row, start, start + len(text), text, score, ("Part",))


def test_an_answer_prompt_reads_passages_question_and_hint() -> None:
    found = [passage(1, "It opened in 1912.", document=2, score=0.9), passage(2, "Iron is heavy.")]
    prompt = build_nano_prompt("When?", found, [], Hint(1, 13, 17), words)
    system, user = prompt.messages
    assert system.content.endswith("[1] Book 1 > Part\nIron is heavy.\n\n[2] Book 2 > Part\nIt opened in 1912.")
    assert user.content == "When?\nReader: 1912 [2]"
    assert prompt.labels[2].number == 1


def test_the_hint_line_tells_refused_from_absent() -> None:
    assert hint_line("", None) == "" and hint_line("", None, refused=True) == "\nReader: nothing"
    assert hint_line("see\n[3]", 1) == "\nReader: see (3) [1]"


def test_the_hinted_passage_stays_and_is_cut_around_the_hint() -> None:
    text = "Nothing of use stands here at all. " * 40 + "The bridge is 91 metres long. " + "More of nothing. " * 40
    at = text.index("91 metres")
    found = [passage(1, "Best of all by score.", score=0.9), passage(2, text, document=2, score=0.1)]
    prompt = build_nano_prompt("How long?", found, [Turn("Old?", "Yes.")], Hint(2, at, at + 9), words, budget=80)
    (kept,) = prompt.labels.values()
    assert "The bridge is 91 metres long." in kept.text and words(prompt.messages) <= 80
    assert text[kept.start : kept.end] == kept.text
    assert prompt.messages[-1].content == "How long?\nReader: 91 metres [1]"


def test_earlier_exchanges_lose_their_numbers_and_beyond_two_are_left_out() -> None:
    history = [Turn(f"Q{n}?", f"A{n} [1].") for n in range(4)]
    prompt = build_nano_prompt("And?", [passage(1, "Text.")], history, None, words, refused=True)
    assert [m.content for m in prompt.messages[1:]] == ["Q2?", "A2.", "Q3?", "A3.", "And?\nReader: nothing"]


def test_a_question_without_room_is_refused() -> None:
    with pytest.raises(RagError):
        build_nano_prompt("long " * 50, [passage(1, "Text.")], [], None, words, budget=20)


def test_a_text_is_shortened_to_whole_sentences() -> None:
    assert shortened("One is here. Two is there.", 20) == "One is here."


def test_a_long_passage_without_a_hint_keeps_its_beginning() -> None:
    text = "The first sentence stands here. " + "Others follow it in great number. " * 60
    (kept,) = build_nano_prompt("Why?", [passage(1, text)], [], None, words, budget=90).labels.values()
    assert kept.start == 0 and 40 < len(kept.text.split()) < 90
