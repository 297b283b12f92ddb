"""Records of a log are counted and added up by all that the question says of them."""

import pytest

from tests.rag.answer.operators.one_table import ask

FEEDING = [
    ["Date", "Animal", "Feed", "Amount", "Unit", "By"],
    ["2031-05-02", "Otter", "Trout", "3", "kg", "Ines"],
    ["2031-05-02", "Lynx", "Rabbit", "2", "kg", "Karl"],
    ["2031-05-09", "Otter", "Trout", "4", "kg", "Ines"],
    ["2031-05-09", "Otter", "Vitamins", "20", "ml", "Ines"],
    ["2031-06-01", "Otter", "Trout", "5", "kg", "Karl"],
]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("how often was trout given in May?", "2: 2031-05-02, Otter; 2031-05-09, Otter."),
        ("how many times did the otter get trout", "3: 2031-05-02, Otter; 2031-05-09, Otter; 2031-06-01, Otter."),
        ("total kilos of trout the otter had in May", "7 (Amount)"),
        ("how many kg of trout did the otter get?", "12 (Amount)"),
    ],
)
def test_counts_and_adds_up(question: str, said: str) -> None:
    assert said in ask(question, FEEDING, "Feeding log").text


@pytest.mark.parametrize(
    "question", ["how often was herring given in May?", "total litres of trout the otter had", "total kilos of herring"]
)
def test_what_no_record_says_is_not_counted(question: str) -> None:
    assert ask(question, FEEDING, "Feeding log").text == "not computed"
