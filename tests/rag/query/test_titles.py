"""Titles of conversations."""

import pytest

from rag.query.titles import LONGEST_TITLE, QuestionTitler


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("How long was the light out?", "How long was the light out?"),
        ("hello, could you please tell me when the museum opens?", "When the museum opens?"),
        ("I'd like to know: who built the tower", "Who built the tower"),
        ("please summarise the report", "Summarise the report"),
        ("Hi", "Hi"),
        ("mercury", "Mercury"),
        ("tell me\n  more about  it", "More about it"),
        ("Some people say so", "Some people say so"),
        ("  ", "Untitled"),
        ("東京タワーの高さは？", "東京タワーの高さは？"),
    ],
)
def test_a_title_is_the_question_without_what_leads_up_to_it(question: str, title: str) -> None:
    assert QuestionTitler().title(question, "") == title


def test_a_long_question_ends_at_a_word() -> None:
    title = QuestionTitler().title("What does the contract say about " + "delay and weather and " * 10, "")
    assert len(title) <= LONGEST_TITLE + 1
    assert title.endswith("…")
    assert title.removesuffix("…").split()[-1] in {"delay", "weather", "and"}
