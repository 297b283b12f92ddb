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
    page.screenshot(path=screenshots / "hostile-light.png")
    filled.assert_quiet(filled.served.address)


def test_marks_that_turn_text_around_are_shown(filled: Any, gate: Any) -> None:
    gate.open()
    ask(filled.page, "garden \u202egnp.exe")
    filled.page.keyboard.press("Alt+n")
    expect(filled.page.locator(".chat-row").first).to_contain_text("⟨U+202E⟩")
