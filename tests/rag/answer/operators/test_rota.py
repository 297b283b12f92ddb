"""Rotas of codes that a legend explains."""

import pytest

from tests.rag.answer.operators.one_table import ask

LEGEND = "Ward rota. F = early shift, L = late shift, N = night, U = leave, - = off"
ROTA = [
    ["Name", "Mon 4.5", "Tue 5.5", "Wed 6.5", "Thu 7.5"],
    ["Nell Rowe", "F", "F", "-", "L"],
    ["Abel Pike", "L", "-", "N", "N"],
    ["Olga Brandt", "U", "U", "F", "F"],
]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("who has the late shift on monday 4 May?", "Abel Pike (Mon 4.5: L = late shift)."),
        ("who is on early on Wednesday?", "Olga Brandt (Wed 6.5: F = early shift)."),
        ("how many early shifts does Nell have?", "Nell Rowe: 2 (F = early shift): Mon 4.5, Tue 5.5."),
        ("when is Olga on leave?", "Olga Brandt: (U = leave): Mon 4.5, Tue 5.5."),
        ("what does Abel have on 6 May?", "Abel Pike, Wed 6.5: N = night."),
    ],
)
def test_reads_the_rota(question: str, said: str) -> None:
    assert said in ask(question, ROTA, LEGEND).text


@pytest.mark.parametrize(
    "question",
    ["who has the late shift on 11 May?", "how many early shifts does Karl have?", "who has the night on tuesday?"],
)
def test_what_the_rota_does_not_hold_is_not_told(question: str) -> None:
    assert "shift)" not in ask(question, ROTA, LEGEND).text


def test_a_table_without_a_legend_is_no_rota() -> None:
    assert "F =" not in ask("how many early shifts does Nell have?", ROTA, "Ward rota").text
