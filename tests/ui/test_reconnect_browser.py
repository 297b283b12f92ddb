"""An open tab and the end of Docent: it comes back by itself, keeps others out, and says what it waits for."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.ui.steps import ask, until_enrolled

pytestmark = pytest.mark.browser


@pytest.fixture
def restart(filled: Any, serve: Callable[..., Any], gate: Any) -> Callable[[], Any]:
    """Ends the server and starts another one at the same address, which knows no session."""
    until_enrolled(filled)
    gate.open()

    def again() -> Any:
        filled.served.stop()
        return serve(filled.served.assistant, port=int(filled.served.address.rpartition(":")[2]))

    return again


def test_an_open_tab_hears_of_what_is_new_after_a_restart(filled: Any, restart: Callable[[], Any]) -> None:
    page = filled.page
    anew = restart()
    anew.assistant.conversation_folders.make("Made elsewhere")
    ask(page, "When was the garden planted?")
    expect(page.locator(".exchange:not(.running) .answer-text")).to_contain_text("by Ada Quill.")
    expect(page.locator(".folder-head")).to_contain_text("Made elsewhere")


def test_a_page_is_reloaded_after_a_restart_and_a_stranger_kept_out(
    filled: Any, restart: Callable[[], Any], browser: Any
) -> None:
    page = filled.page
    ask(page, "When was the garden planted?")
    expect(page.locator(".exchange:not(.running) .card")).to_have_count(1)
    anew = restart()
    page.reload()
    expect(page.locator(".exchange:not(.running) .answer-text")).to_contain_text("by Ada Quill.")
    stranger = browser.new_context()  # has no key
    other = stranger.new_page()
    other.goto(anew.address)
    expect(other.locator("#said")).to_contain_text("Open it with the link")
    stranger.close()


def test_a_page_says_that_docent_does_not_answer_and_keeps_the_question(filled: Any) -> None:
    page = filled.page
    filled.served.stop()
    ask(page, "When did the mill stop?")
    expect(page.locator(".notice.bad")).to_contain_text("Docent does not answer.")
    expect(page.locator("#question")).to_have_value("When did the mill stop?")
    expect(page.locator(".lost")).to_contain_text("start it again, and this page goes on by itself")
