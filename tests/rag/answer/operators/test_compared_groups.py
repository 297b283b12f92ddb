"""Groups of rows are compared by their sums, and rows picked by what they lack and what they say."""

import pytest

from tests.rag.answer.operators.one_table import ask

JOBS = [
    ["Job", "Fitter", "Hours", "Material", "Total", "State", "Fetched"],
    ["J1", "Nell", "2", "30.00", "110.00", "ready", ""],
    ["J2", "Abel", "3", "95.00", "215.00", "fetched", "4 May"],
    ["J3", "Nell", "4", "10.00", "170.00", "fetched", "9 May"],
    ["J4", "Abel", "1", "120.00", "160.00", "ready", ""],
    ["J5", "Nell", "1", "5.00", "45.00", "waiting", ""],
]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("who put in more hours on the jobs, Nell or Abel?", "Nell (Hours: Nell 7; Abel 4)."),
        ("which fitter had fewer hours, Nell or Abel?", "Abel (Hours: Abel 4; Nell 7)."),
        ("which jobs are ready but not fetched?", "J1, Nell; J4, Abel."),
        ("which job was the most expensive?", "Total: 215.00"),
    ],
)
def test_what_jobs_say(question: str, said: str) -> None:
    assert said in ask(question, JOBS, "Jobs").text


def test_two_rows_of_two_groups_are_no_answer() -> None:
    assert "J1" not in ask("who used up more screws, Nell or Abel?", JOBS, "Jobs").text
