"""Timetables with the days as rows or as columns."""

import pytest

from tests.rag.answer.operators.one_table import ask

CAMP = [
    ["Day", "Morning", "Afternoon"],
    ["Monday", "arrival", "swimming"],
    ["Tuesday", "sailing", "museum"],
    ["Wednesday", "hike", "bonfire"],
]
SCHOOL = [["Lesson", "Mon", "Tue", "Wed"], ["First", "Maths", "Art", "Music"], ["Second", "Latin", "Maths", "Sport"]]


@pytest.mark.parametrize(
    ("question", "rows", "before", "said"),
    [
        (
            "What is planned for Tuesday at the camp?",
            CAMP,
            "Camp programme",
            "Tuesday: Morning: sailing; Afternoon: museum.",
        ),
        ("what's on on Wednesday, class 4?", SCHOOL, "Timetable of class 4", "Wed: First: Music; Second: Sport."),
    ],
)
def test_tells_the_day(question: str, rows: list[list[str]], before: str, said: str) -> None:
    assert said in ask(question, rows, before).text


@pytest.mark.parametrize(
    "question", ["What is planned for Friday at the camp?", "What is planned for Tuesday in Lisbon?"]
)
def test_another_day_or_place_is_not_told(question: str) -> None:
    assert "sailing" not in ask(question, CAMP, "Camp programme").text
