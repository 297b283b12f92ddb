"""Rows of tables in an answer, in a headless browser."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from rag.answer.refusal import NEAREST
from rag.text.markers import AnswerPart
from rag.types import Answer, Citation
from tests.ui.steps import ask

pytestmark = pytest.mark.browser


def test_a_quoted_row_is_shown_as_a_table(window: Any, gate: Any, fake: Any) -> None:
    fake.put("/papers/visitors.csv", "Month: July | Visitors: 4102 | Days without a boat: 1")
    fake.said = "Month: July; Visitors: 4102; Days without a boat: 1"
    gate.open()
    ask(window.page, "How many visitors: in July?")
    table = window.page.locator(".exchange:not(.running) .answer-text table")
    expect(table.locator("th")).to_have_text(["Month", "Visitors", "Days without a boat"])
    expect(table.locator("tbody td")).to_have_text(["July", "4102", "1", "1"])
    table.locator(".chip").click()
    expect(window.page.locator(".source mark.quote")).to_contain_text("Visitors: 4102")


@pytest.mark.parametrize(
    ("said", "quotes", "names", "cells"),
    [
        (
            ["July, 2023, Visitors: 3987. ", "July, 2024, Visitors: 4,102."],
            [f"Month: July | Year: {of} | Days: 1" for of in ("2023 | Visitors: 3987", "2024 | Visitors: 4,102")],
            ["Month", "Year", "Visitors"],
            ["July", "2023", "3987", "1", "July", "2024", "4,102", "2"],
        ),
        (["Rent: Old: 640; New: 690."], ["| Rent | 640 | 690 |"], ["Old", "New"], ["Rent", "640", "690", "1"]),
    ],
)
def test_sentences_that_say_rows_are_shown_as_a_table(
    told: Callable[..., Any], said: list[str], quotes: list[str], names: list[str], cells: list[str]
) -> None:
    cited = [Citation(at, 1, "/v.csv", "v.csv", None, None, quote, 0, 9, 0.5) for at, quote in enumerate(quotes, 1)]
    parts = tuple(AnswerPart(text, (at,)) for at, text in enumerate(said, 1))
    page = told(Answer(parts, True, tuple(cited), "operators")).page
    table = page.locator(".answer-text table")
    expect(table.locator("th")).to_have_text(names)
    expect(table.locator("tbody td")).to_have_text(cells)
    expect(page.locator(".answer-text p")).to_have_count(0)


def test_what_introduces_a_nearest_row_names_no_column(told: Callable[..., Any]) -> None:
    row = Citation(1, 1, "/camp.csv", "camp.csv", None, None, "Child: Luis | Age: 11 | Tent: 1", 0, 9, 0.3)
    said = f"{NEAREST} Child: Luis; Age: 11; Tent: 1"
    page = told(Answer((AnswerPart(said, (1,)),), False, (row,), "extractive")).page
    expect(page.locator(".answer-text p")).to_have_text(NEAREST)
    expect(page.locator(".answer-text th")).to_have_text(["Child", "Age", "Tent"])
    expect(page.locator(".answer-text tbody td")).to_have_text(["Luis", "11", "1", "1"])


def test_a_name_and_its_value_stay_a_sentence(told: Callable[..., Any]) -> None:
    row = Citation(1, 1, "/people.csv", "people.csv", None, None, "Name: Ada | Phone: 030 11", 0, 9, 0.5)
    page = told(Answer((AnswerPart("Ada, Phone: 030 11.", (1,)),), True, (row,), "operators")).page
    expect(page.locator(".answer-text p")).to_contain_text("Ada, Phone: 030 11.")
    expect(page.locator(".answer-text table")).to_have_count(0)
