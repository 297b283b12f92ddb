"""Questions, answers and chats in headless Firefox, over a fake assistant whose words come when the test lets them."""

from typing import Any

import pytest

from tests.ui.firefox.driver import FirefoxPage, Visit

pytestmark = pytest.mark.firefox
DONE = ".exchange:not(.running)"


def ask(page: FirefoxPage, question: str) -> None:
    page.click("#question")
    page.type(question)
    page.press("Enter")


def test_an_answer_streams_stops_and_opens_its_source(page: FirefoxPage, served: Any, gate: Any, fake: Any) -> None:
    ask(page, "When was the garden planted?")
    gate.let(3)
    page.sees(".running .answer-text", "The garden was")
    page.press("Escape")
    assert fake.stop.wait(60)
    gate.open()
    page.sees(DONE, "Stopped here.")
    page.click('.tools [aria-label="Again"]')
    page.sees(".versions", "2 / 2")
    page.sees(".answer-text", "by Ada Quill.")
    page.click(".chip")
    page.sees(".source mark", "The garden was planted in 1987 by Ada Quill.")
    page.click('.versions [aria-label="Version before"]')
    page.sees(".exchange", "Stopped here.")
    page.assert_quiet(served.address)


def test_a_question_asked_during_an_answer_waits_and_both_can_be_stopped(
    page: FirefoxPage, gate: Any, fake: Any
) -> None:
    ask(page, "When was the garden planted?")
    gate.let(2)
    page.sees(".running .answer-text", "The garden")
    ask(page, "When did the mill stop?")
    page.sees(".running .doing", "Waiting for the answer before")
    page.counts(".running", 2)
    page.click("#stop")
    page.counts(".running", 1)  # the one that waits ends at once
    assert fake.stop.wait(60)  # words that come before it was stopped would be shown
    gate.open()
    page.counts(".running", 0)
    page.sees(DONE, "Stopped here.")


def test_a_second_page_does_not_end_the_answer_of_the_first(
    visit: Visit, page: FirefoxPage, served: Any, gate: Any
) -> None:
    ask(page, "When was the garden planted?")
    gate.let(2)
    page.sees(".running .answer-text", "The garden")
    other = visit.page()
    other.open(served.address)
    other.sees(".chat-row", "When was the garden planted?")
    ask(other, "When did the mill stop?")
    gate.open()
    other.sees(DONE, "The mill stopped in 1912.")
    page.to_front()
    page.sees(DONE, "The garden was planted in 1987 by Ada Quill.")
    page.counts(".exchange", 1)


def test_addresses_reload_and_go_back(page: FirefoxPage, served: Any, gate: Any) -> None:
    gate.open()
    ask(page, "When did the mill stop?")
    page.sees(DONE, "1912")
    page.reload()
    page.sees(DONE, "1912")
    page.click('.rail a[href="/library"]')
    page.counts(".row-line", 3)
    page.back()
    page.sees(DONE, "1912")
    page.assert_quiet(served.address)


def test_a_reloaded_page_follows_the_answer_on(page: FirefoxPage, gate: Any) -> None:
    ask(page, "When was the garden planted?")
    gate.let(3)
    page.sees(".running .answer-text", "The garden was")
    page.reload()
    page.sees(".running .answer-text", "The garden was")
    gate.open()
    page.sees(DONE, "by Ada Quill.")


def test_chats_are_renamed_deleted_and_brought_back_by_keyboard(page: FirefoxPage, gate: Any) -> None:
    gate.open()
    ask(page, "When did the mill stop?")
    page.sees(DONE, "1912")
    page.sees(".chat-row", "1 question")
    page.counts(".chat-stop", 1)
    page.run("() => { document.querySelector('.chat-stop').focus(); }")
    page.focuses(".chat-stop")
    page.press("F2")
    page.focuses(".rename")
    page.press("Control+a")
    page.type("The mill")
    page.press("Enter")
    page.sees(".chat-row", "The mill1 question")
    page.focuses(".chat-stop")
    page.press("Delete")
    page.counts(".chat-row", 0)
    page.sees(".notice", "Undo")
    page.press("Alt+z")
    page.sees(".chat-row", "The mill")
    page.sees(DONE, "1912")


def test_an_answer_is_copied_with_its_sources(page: FirefoxPage, gate: Any) -> None:
    gate.open()
    ask(page, "When did the mill stop?")
    page.sees(DONE, "1912")
    page.click('.tools [aria-label="Copy"]')
    page.click("[role=menuitem]", "Copy with sources")
    page.sees(".notice", "Copied.")
    page.click("#question")
    page.press("Control+v")
    copied = "The mill stopped in 1912. [1]\n\n[1] mill.txt"
    page.wait("(text) => document.querySelector('#question').value.startsWith(text)", copied)


def test_prompts_and_the_palette_are_used_by_keyboard(page: FirefoxPage, served: Any, gate: Any) -> None:
    gate.open()
    served.desk.prompts.make("Garden", "When was the garden planted?")
    page.reload()
    page.sees(".scope", "all 2 documents")
    page.click("#question")
    page.type("/gar")
    page.counts("#prompt-menu [role=option]", 1)
    page.press("Enter")
    page.has("#question", "When was the garden planted?")
    page.press("Control+k")
    page.focuses("#palette")
    page.type("mill")
    page.sees("#palette-list li", "mill.txt")
    page.press("Enter")
    page.sees(".source", "The mill stopped in 1912.")
    page.press("Escape")
    page.counts(".source", 0)
