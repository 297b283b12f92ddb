"""What the page shows before anything was asked, and what a question asks."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.ui.steps import ask

pytestmark = pytest.mark.browser
STOPS = """() => [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')]
  .filter((one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility()).length"""


def test_the_page_stands_before_the_rest_of_docent_and_says_so(window: Any) -> None:
    page = window.page
    held: list[Any] = []
    is_loaded = False
    page.route("**/api/**", lambda route: route.continue_() if is_loaded else held.append(route))
    page.reload()
    expect(page.locator(".hello")).to_contain_text("Docent is starting…")
    expect(page.locator("#sync")).to_contain_text("Docent is starting…")
    page.fill("#question", "It can be typed already")
    is_loaded = True
    for route in held:
        route.continue_()
    expect(page.locator(".hello")).to_contain_text("Add a folder")
    expect(page.locator("#question")).to_have_value("It can be typed already")


def test_a_question_can_be_restricted(filled: Any, gate: Any, fake: Any, folder: Path) -> None:
    page = filled.page
    gate.open()
    page.locator(".scope").click()
    page.get_by_role("menuitem", name="What to ask").click()
    page.get_by_role("checkbox", name="observatory.md").check()
    page.keyboard.press("Escape")
    expect(page.locator(".scope")).to_contain_text("observatory.md")
    ask(page, "When was the garden planted?")
    expect(page.locator(".exchange:not(.running)")).to_have_count(1)
    chosen = next(row.id for row in fake.rows.values() if row.title == "observatory.md")
    assert fake.asked[-1][1].document_ids == {chosen}
    page.keyboard.press("Alt+n")
    expect(page.locator(".scope")).to_contain_text("all 2 documents")
    page.locator(".chat-link").click()
    expect(page.locator(".scope")).to_contain_text("observatory.md")
    page.locator(".scope").click()
    page.get_by_role("menuitem", name="Ask everything").click()
    expect(page.locator(".scope")).to_contain_text("all 2 documents")


def test_what_is_asked_is_chosen_among_documents_of_the_same_name_and_none_is_left_out_in_silence(
    serve: Callable[[Any], Any], fake: Any, open_page: Callable[..., Any]
) -> None:
    for year in (2023, 2024):
        fake.put(f"/papers/{year}/return.txt", "x")
    for number in range(210):
        fake.put(f"/papers/more/paper {number:03}.txt", "x")
    page = open_page(serve(fake).link).page
    page.get_by_role("button", name="Asking all").click()
    page.get_by_role("menuitem", name="What to ask").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("checkbox", name="2024/return.txt")).to_be_visible()
    expect(dialog).to_contain_text("12 more: filter to see them.")
    dialog.get_by_label("Filter documents").fill("paper 209")
    expect(dialog.get_by_role("checkbox", name="paper 209.txt")).to_be_visible()
    expect(dialog).not_to_contain_text("more: filter")


def test_an_idle_page_asks_for_nothing(filled: Any) -> None:
    page = filled.page
    page.clock.install()
    page.reload()
    expect(page.locator("#sync")).to_contain_text("2 ready")
    expect(page.get_by_role("button", name="Model docent-nano")).to_be_visible()
    page.clock.run_for(10_000)
    page.evaluate("() => fetch('/static/app.js')")
    asked = len(filled.requests)
    page.clock.run_for(10 * 60_000)
    page.evaluate("() => fetch('/static/favicon.png')")  # what was asked before it has been told by now
    assert [url.removeprefix(filled.served.address) for url in filled.requests[asked:]] == ["/static/favicon.png"]


def test_tab_leads_through_a_full_page_in_a_few_stops(filled: Any, fake: Any, gate: Any) -> None:
    page = filled.page
    gate.open()
    for number in range(60):
        fake.store.create(f"chat {number:02}")
        fake.put(f"/papers/paper {number:02}.txt", "x")
    page.reload()
    ask(page, "When was the garden planted?")
    page.locator(".chip").click()
    expect(page.locator(".source mark").first).to_be_visible()
    expect(page.locator(".chat-row").first).to_have_attribute("aria-setsize", "61")
    assert page.evaluate(STOPS) < 45
    page.keyboard.press("Alt+l")
    expect(page.locator(".row-line").first).to_be_visible()
    assert page.evaluate(STOPS) < 45


def test_a_search_over_chats_hides_neither_the_open_one_nor_others_from_the_palette(filled: Any, gate: Any) -> None:
    page = filled.page
    gate.open()
    for question in ("When does the observatory open?", "When was the garden planted?"):
        page.keyboard.press("Alt+n")
        ask(page, question)
        expect(page.locator(".exchange:not(.running) .card")).to_have_count(1)
    page.fill("#chat-search", "nine")
    expect(page.locator(".chat-row")).to_have_count(1)
    expect(page.locator(".chat-row")).to_contain_text("observatory")
    expect(page.locator("main h1")).to_have_text("When was the garden planted?")
    expect(page.get_by_role("button", name="Actions for this chat")).to_be_visible()
    page.keyboard.press("Control+k")
    page.fill("#palette", "garden planted")
    expect(page.locator("#palette-list [role=option]")).to_have_count(1)


def test_the_palette_opens_chats_and_does_what_can_be_done(filled: Any, gate: Any) -> None:
    page = filled.page
    gate.open()
    ask(page, "When was the garden planted?")
    expect(page.locator(".chip")).to_be_visible()
    page.keyboard.press("Alt+n")
    for typed, found, place in (
        ("garden planted", "When was the garden planted?", "/chat/"),
        ("library", "Library", "/library"),
        ("privacy", "Privacy", "/settings/privacy"),
    ):
        page.keyboard.press("Control+k")
        page.fill("#palette", typed)
        expect(page.locator("#palette-list [role=option]").first).to_contain_text(found)
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(place))
    page.keyboard.press("Control+k")
    page.fill("#palette", "add documents")
    page.keyboard.press("Enter")
    expect(page.locator("#location")).to_be_focused()
