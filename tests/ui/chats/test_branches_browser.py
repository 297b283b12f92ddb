"""Versions of a question in the window: asked again or changed, and the arrows between them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.ui.steps import ask

pytestmark = pytest.mark.browser


def edit(page: Any, at: int, question: str) -> None:
    page.locator(".exchange").nth(at).get_by_role("button", name="Edit").click()
    page.locator(".edit textarea").fill(question)
    page.keyboard.press("Enter")


@pytest.fixture
def versions(filled: Any, gate: Any) -> Any:
    """Two questions, and the first one in another form."""
    page = filled.page
    gate.open()
    ask(page, "When was the garden planted?")
    expect(page.locator(".exchange:not(.running)")).to_have_count(1)
    ask(page, "How are tomatoes watered?")
    expect(page.locator(".exchange:not(.running)")).to_have_count(2)
    edit(page, 0, "When does the observatory open?")
    expect(page.locator(".exchange:not(.running) .question")).to_have_text(["When does the observatory open?"])
    expect(page.locator(".answer-text")).to_contain_text("opens at nine")
    return filled


def test_a_changed_question_is_another_version_and_arrows_lead_back(
    versions: Any, fake: Any, screenshots: Path
) -> None:
    page = versions.page
    expect(page.locator(".exchange")).to_have_count(1)
    expect(page.locator(".chat-row")).to_have_count(1)
    expect(page.locator(".chat-row")).to_contain_text("1 question")
    expect(page.locator(".versions")).to_have_text("2 / 2")
    page.screenshot(caret="initial", path=screenshots / "versions-light.png")
    page.get_by_role("button", name="Version before").click()
    expect(page.locator(".question")).to_have_text(["When was the garden planted?", "How are tomatoes watered?"])
    expect(page.locator(".versions")).to_have_text("1 / 2")
    expect(page.get_by_role("button", name="Version before")).to_be_focused()
    page.keyboard.press("Enter")  # there is none before
    expect(page.locator(".versions")).to_have_text("1 / 2")
    page.reload()
    expect(page.locator(".question")).to_have_text(["When was the garden planted?", "How are tomatoes watered?"])
    ask(page, "and who planted it?")
    expect(page.locator(".exchange:not(.running)")).to_have_count(3)
    page.get_by_role("button", name="Next version").click()
    expect(page.locator(".question")).to_have_text(["When does the observatory open?"])
    chat = fake.conversations()[0].id
    assert [one.question for one in fake.all_exchanges(chat) if one.parent == 0] == [
        "When was the garden planted?",
        "When does the observatory open?",
    ]
    versions.assert_quiet(versions.served.address)


def test_a_question_asked_again_keeps_the_answer_before_until_then(filled: Any, gate: Any, fake: Any) -> None:
    page = filled.page
    gate.open()
    ask(page, "When was the garden planted?")
    expect(page.locator(".exchange:not(.running)")).to_have_count(1)
    fake.error = RuntimeError("no answer")
    page.get_by_role("button", name="Again").click()
    expect(page.locator(".running [role=alert]")).to_be_visible()
    expect(page.locator(".exchange:not(.running) .answer-text")).to_contain_text("by Ada Quill.")
    fake.error = None
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".versions")).to_have_text("2 / 2")
    expect(page.locator(".exchange")).to_have_count(1)
    assert len(fake.asked) == 3


def test_what_is_written_stands_in_place_of_the_version_before(filled: Any, gate: Any) -> None:
    page = filled.page
    words = 11
    gate.let(words + 1)
    ask(page, "When was the garden planted?")
    expect(page.locator(".exchange:not(.running)")).to_have_count(1)
    while gate.take():
        pass
    edit(page, 0, "When does the observatory open?")
    gate.let(2)
    expect(page.locator(".running .answer-text")).to_have_text("The observatory")
    expect(page.locator(".exchange")).to_have_count(1)
    with page.expect_response(lambda response: response.url.endswith("/stop")):
        page.keyboard.press("Escape")
    gate.open()
    expect(page.locator(".exchange:not(.running)")).to_contain_text("Stopped here.")
    page.get_by_role("button", name="Version before").click()
    expect(page.locator(".answer-text")).to_contain_text("by Ada Quill.")


def test_another_page_follows_to_the_version_that_is_shown(versions: Any, open_page: Callable[..., Any]) -> None:
    page = versions.page
    other = open_page(page.url, cookies=page.context).page
    expect(other.locator(".question")).to_have_text(["When does the observatory open?"])
    page.get_by_role("button", name="Version before").click()
    expect(other.locator(".question")).to_have_text(["When was the garden planted?", "How are tomatoes watered?"])
    edit(other, 1, "When do visitors come?")
    expect(page.locator(".question")).to_have_text(["When was the garden planted?", "When do visitors come?"])
    expect(page.locator(".versions")).to_have_text(["1 / 2", "2 / 2"])


def test_search_and_export_reach_versions_that_are_not_shown(versions: Any) -> None:
    page = versions.page
    page.fill("#chat-search", "tomatoes")
    expect(page.locator(".chat-row")).to_have_count(1)
    page.locator(".chat-row").hover()
    page.locator(".chat-row .menu-anchor button").first.click()
    with page.expect_download() as saved:
        page.get_by_role("menuitem", name="Export as Markdown").click()
    shown, others = Path(saved.value.path()).read_text(encoding="utf-8").split("# Other versions")
    assert "## When does the observatory open?" in shown
    assert "*After “When was the garden planted?”.*" in others and "## How are tomatoes watered?" in others
