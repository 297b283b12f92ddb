"""The prompt: within its budget, the same beginning for follow-ups, the least relevant left out first."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.answer.generation.prompt import Message, build_prompt
from rag.errors import RagError
from rag.types import Document, Passage, Turn


def count_tokens(messages: Sequence[Message]) -> int:
    return sum(len(message.content.split()) + 4 for message in messages)


def passage(number: int, text: str, document: int = 1, start: int = 0) -> Passage:
    row = Document(document, 1, f"/d/{document}.txt", f"Title {document}", "text/plain", "ok", None, 1, 1, 1, "h", 0.0)
    return Passage(number, row, start, start + len(text), text, 1.0 / number, ("Part",), page=3)


def texts(messages: Sequence[Message]) -> str:
    return "\n".join(f"{message.role}: {message.content}" for message in messages)


def test_order_and_labels() -> None:
    found = [passage(1, "second text", start=500), passage(2, "first text", start=10), passage(3, "other", document=2)]
    prompt = build_prompt("Why?", found, [Turn("What?", "That [2].")], count_tokens, 1000)
    assert {label: p.number for label, p in prompt.labels.items()} == {1: 2, 2: 1, 3: 3}
    whole = texts(prompt.messages)
    places = [
        whole.index(part) for part in ("[1] Title 1 > Part, page 3\nfirst", "[2] Title", "What?", "That.", "Why?")
    ]
    assert places == sorted(places)


def test_a_follow_up_with_the_same_passages_in_another_order_begins_like_the_last_prompt() -> None:
    one = [passage(1, "alpha beta", start=5), passage(2, "gamma delta", start=90)]
    other = [passage(1, "gamma delta", start=90), passage(2, "alpha beta", start=5)]
    first = texts(build_prompt("Why?", one, [], count_tokens, 1000).messages)
    second = texts(build_prompt("And then?", other, [Turn("Why?", "Because.")], count_tokens, 1000).messages)
    assert second.startswith(first)


def test_the_least_relevant_passage_goes_first_and_the_oldest_exchange_before_it() -> None:
    found = [passage(n, f"text{n} " * 60, start=1000 - n) for n in (1, 2, 3, 4)]
    history = [Turn(f"question{n}", "word " * 40) for n in range(6)]
    prompt = build_prompt("Why?", found, history, count_tokens, 300)
    assert sorted(p.number for p in prompt.labels.values()) == [1, 2]
    whole = texts(prompt.messages)
    assert "question5" in whole
    assert "question0" not in whole
    assert count_tokens(prompt.messages) <= 300


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 300), max_size=8),
    turns=st.lists(st.integers(0, 120), max_size=6),
    budget=st.integers(160, 2000),
)
def test_the_budget_holds_whatever_comes(sizes: list[int], turns: list[int], budget: int) -> None:
    found = [passage(n, "Some words here. " * size, document=n % 3) for n, size in enumerate(sizes, start=1)]
    history = [Turn("Why so?", "word " * size) for size in turns]
    prompt = build_prompt("What now?", found, history, count_tokens, budget)
    assert count_tokens(prompt.messages) <= budget
    assert prompt.messages[-1].content == "What now?"
    for kept in prompt.labels.values():
        assert kept.text
        assert found[kept.number - 1].text.startswith(kept.text)
        assert kept.end - kept.start == len(kept.text)


def test_a_single_passage_that_is_too_long_is_cut_at_a_sentence() -> None:
    prompt = build_prompt("Why?", [passage(1, "Five words stand in here. " * 300)], [], count_tokens, 400)
    assert prompt.labels[1].text.endswith("in here.")
    assert 200 < count_tokens(prompt.messages) <= 400


def test_a_question_that_never_fits_is_refused() -> None:
    with pytest.raises(RagError, match="too long"):
        build_prompt("why " * 900, [passage(1, "text")], [], count_tokens, 500)


def test_a_documents_own_brackets_do_not_read_as_references() -> None:
    prompt = build_prompt("Why?", [passage(1, "As shown [2], it is [1, 3] so.")], [], count_tokens, 500)
    assert "shown (2), it is (1, 3) so" in prompt.messages[0].content
    assert prompt.labels[1].text == "As shown [2], it is [1, 3] so."
