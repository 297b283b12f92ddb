"""What documents and questions say is text: it runs nothing, loads nothing and hides nothing."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.ui.steps import ask

pytestmark = pytest.mark.browser


def test_what_documents_say_is_text_and_loads_nothing(filled: Any, gate: Any, screenshots: Path) -> None:
    page = filled.page
    gate.open()
    ask(page, "When do visitors come?")
    expect(page.locator(".answer-text")).to_contain_text("<script>alert(1)</script> <img src=x")
    expect(page.locator(".answer-text")).to_contain_text("{{7*7}} ${alert(4)}")
    page.locator(".exchange:not(.running) .chip").click()
    expect(page.locator(".source mark").first).to_contain_text("[here](javascript:alert(3))")
    ask(page, "<img src=x onerror=alert(5)> garden")
    expect(page.locator(".question").last).to_have_text("<img src=x onerror=alert(5)> garden")
    expect(page.locator(".exchange")).to_have_count(2)
    assert page.locator("main img, .source img, .list img, main .flow a").count() == 0
    assert page.locator("body script").count() == 0
    page.screenshot(caret="initial", path=screenshots / "hostile-light.png")
    filled.assert_quiet(filled.served.address)


def test_marks_that_turn_text_around_are_shown(filled: Any, gate: Any) -> None:
    gate.open()
    ask(filled.page, "garden \u202egnp.exe")
    filled.page.keyboard.press("Alt+n")
    expect(filled.page.locator(".chat-row").first).to_contain_text("⟨U+202E⟩")


HOSTILE = "<style>*{display:none}</style><img src=https://remote.example/x onerror=alert(6)> \u202efdp.exe"


def test_titles_and_what_a_model_writes_run_nothing_however_long(window: Any, fake: Any, gate: Any) -> None:
    page = window.page
    fake.put("/papers/garden.txt", "The garden was planted in 1987.", title=HOSTILE)
    fake.answerer, fake.model_title = "large-model", HOSTILE
    fake.said = f"{HOSTILE} [x](https://remote.example/) ![y](https://remote.example/y) " + "a" * 1_000_000
    gate.open()
    ask(page, "When was the garden planted?")
    answer = page.locator(".exchange:not(.running) .answer-text")
    expect(answer).to_contain_text("<style>*{display:none}</style>")
    expect(page.locator(".card-title")).to_contain_text("onerror=alert(6)> ⟨U+202E⟩fdp.exe")
    expect(page.locator(".chat-row.on")).to_contain_text("<style>*{display:none}</style><img…")
    page.locator(".exchange .chip").click()
    expect(page.locator(".source-title")).to_contain_text("⟨U+202E⟩fdp.exe")
    assert page.locator("main img, .source img, .list img, main .flow a, body style").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440
    window.assert_quiet(window.served.address)
