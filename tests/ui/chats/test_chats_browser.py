"""Questions, answers and chats in headless Chromium, over a fake assistant whose words come when the test lets them."""

import json
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from app.errors import UsageError
from app.events import Layout
from rag.text.markers import AnswerPart
from rag.types import Answer, Block
from tests.ui.steps import ask, go

pytestmark = pytest.mark.browser


def test_an_answer_streams_and_its_citation_opens_the_marked_quote(filled: Any, gate: Any, screenshots: Path) -> None:
    page = filled.page
    ask(page, "When was the garden planted?")
    expect(page.locator(".running")).to_contain_text("Reading 1 passage")
    expect(page.locator(".chat-row.on")).to_contain_text("When was the garden planted?")
    expect(page.locator(".chat-row.on")).to_contain_text("answering")
    gate.let(4)
    expect(page.locator(".running .answer-text")).to_have_text("The garden was planted")
    expect(page.locator("#stop")).to_be_visible()
    expect(page.locator("#question")).to_have_value("")
    gate.open()
    expect(page.locator(".exchange .card")).to_have_count(1)
    expect(page.locator(".running")).to_have_count(0)
    page.locator(".chip").click()
    expect(page.locator(".source mark.quote").first).to_contain_text("The garden was planted in 1987 by Ada Quill.")
    expect(page.locator(".chat-row.on")).to_contain_text("1 question")
    page.screenshot(caret="initial", path=screenshots / "answer-light.png")
    filled.assert_quiet(filled.served.address)


def test_an_answer_is_copied_with_and_without_its_sources(filled: Any, gate: Any) -> None:
    page = filled.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    gate.open()
    ask(page, "When was the garden planted?")
    page.get_by_role("button", name="Copy", exact=True).click()
    page.get_by_role("menuitem", name="Copy with sources").click()
    expect(page.locator(".notice").last).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("The garden was planted in 1987 by Ada Quill. [1]\n\n[1] garden.txt: “The garden")
    page.get_by_role("button", name="Copy", exact=True).click()
    page.get_by_role("menuitem", name="Copy", exact=True).click()
    page.wait_for_function("navigator.clipboard.readText().then(text => !text.includes('[1]'))")


def test_an_answer_can_be_stopped_with_escape(filled: Any, gate: Any, fake: Any) -> None:
    page = filled.page
    ask(page, "When was the garden planted?")
    gate.let(3)
    expect(page.locator(".running .answer-text")).to_have_text("The garden was")
    page.keyboard.press("Escape")
    assert fake.stop.wait(60)
    gate.let(1)
    expect(page.locator("#stop")).to_have_count(0)
    expect(page.locator(".answer-text")).to_have_text("The garden was")
    expect(page.locator(".exchange .note")).to_have_text("Stopped here.")


def test_an_answer_that_is_stopped_keeps_the_sources_it_has_given(filled: Any, gate: Any, fake: Any) -> None:
    page = filled.page
    fake.goes_on = "and it has been open since."
    ask(page, "When was the garden planted?")
    gate.let(12)  # nine words, their source, two more words
    expect(page.locator(".running .answer-text")).to_contain_text("by Ada Quill.")
    expect(page.locator(".running .answer-text")).to_contain_text("and it")
    expect(page.locator(".running .chip")).to_have_count(1)
    page.locator("#stop").click()
    assert fake.stop.wait(60)
    gate.open()
    answer = page.locator(".exchange:not(.running)")
    expect(answer.locator(".note")).to_have_text("Stopped here.")
    expect(answer.locator(".answer-text")).not_to_contain_text("open since")
    expect(answer.locator(".card")).to_have_count(1)
    page.reload()
    expect(answer.locator(".card")).to_have_count(1)
    answer.locator(".chip").click()
    expect(page.locator(".source mark.quote")).to_contain_text("The garden was planted in 1987 by Ada Quill.")


def test_a_question_asked_during_an_answer_waits_and_both_can_be_stopped(filled: Any, gate: Any, fake: Any) -> None:
    page = filled.page
    ask(page, "When was the garden planted?")
    gate.let(2)
    expect(page.locator(".running .answer-text").first).to_have_text("The garden")
    ask(page, "Who planted the garden?")
    expect(page.locator(".running")).to_have_count(2)
    expect(page.locator(".running").last).to_contain_text("Waiting for the answer before")
    page.locator("#stop").click()
    expect(page.locator(".running")).to_have_count(1)  # the one that waits ends at once
    assert fake.stop.wait(60)  # words that come before it was stopped would be shown
    gate.open()
    expect(page.locator(".running")).to_have_count(0)
    expect(page.locator("#stop")).to_have_count(0)
    expect(page.locator(".exchange")).to_have_count(1)
    expect(page.locator(".exchange .note")).to_have_text("Stopped here.")
    assert len(fake.asked) == 1
    ask(page, "When does the observatory open?")
    expect(page.locator(".exchange").last).to_contain_text("opens at nine")


def test_a_second_page_does_not_end_the_answer_of_the_first(
    filled: Any, gate: Any, open_page: Callable[..., Any]
) -> None:
    first = filled.page
    ask(first, "When was the garden planted?")
    gate.let(3)
    expect(first.locator(".running .answer-text")).to_have_text("The garden was")
    second = open_page(filled.served.link).page
    expect(second.locator(".chat-row")).to_have_count(1)
    ask(second, "When does the observatory open?")
    gate.open()
    expect(second.locator(".exchange:not(.running) .answer-text")).to_contain_text("opens at nine")
    expect(first.locator(".exchange:not(.running) .answer-text")).to_contain_text("by Ada Quill.")
    expect(first.locator(".chat-row")).to_have_count(2)


def test_an_answer_stays_in_its_own_chat(filled: Any, gate: Any) -> None:
    page = filled.page
    ask(page, "When was the garden planted?")
    gate.let(3)
    expect(page.locator(".running .answer-text")).to_have_text("The garden was")
    page.keyboard.press("Alt+n")
    expect(page.locator(".hello")).to_be_visible()
    expect(page.locator(".running")).to_have_count(0)
    ask(page, "When does the observatory open?")
    expect(page.locator(".running")).to_have_count(1)
    expect(page.locator(".running .answer-text")).not_to_contain_text("garden")
    gate.open()
    expect(page.locator(".answer-text")).to_contain_text("opens at nine")
    page.locator(".chat-link", has_text="When was the garden").click()
    expect(page.locator(".answer-text")).to_contain_text("by Ada Quill.")


def test_a_reloaded_page_follows_the_answer_on(filled: Any, gate: Any) -> None:
    page = filled.page
    ask(page, "When was the garden planted?")
    gate.let(3)
    expect(page.locator(".running .answer-text")).to_have_text("The garden was")
    page.reload()
    expect(page.locator(".running .answer-text")).to_have_text("The garden was")
    gate.open()
    expect(page.locator(".answer-text")).to_contain_text("by Ada Quill.")
    page.reload()
    expect(page.locator(".answer-text")).to_contain_text("by Ada Quill.")


def test_chats_have_addresses_and_back_returns_to_them(filled: Any, gate: Any) -> None:
    page = filled.page
    gate.open()
    ask(page, "When was the garden planted?")
    expect(page.locator(".exchange .card")).to_have_count(1)
    go(page, "Library")
    expect(page.locator(".library")).to_be_visible()
    page.go_back()
    expect(page.locator(".answer-text")).to_contain_text("by Ada Quill.")
    assert "/chat/" in page.url
    page.go_back()
    expect(page.locator(".hello")).to_be_visible()


def test_a_failed_question_is_explained_and_can_be_tried_again(filled: Any, fake: Any, gate: Any) -> None:
    page = filled.page
    fake.error = UsageError("The model <b>is</b> missing.", "Run docent doctor.")
    ask(page, "When was the garden planted?")
    expect(page.locator(".running [role=alert]")).to_contain_text("The model <b>is</b> missing.")
    expect(page.locator(".running [role=alert]")).to_contain_text("Run docent doctor.")
    fake.error = None
    gate.open()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".answer-text")).to_contain_text("by Ada Quill.")
    expect(page.locator(".running")).to_have_count(0)


def test_a_question_that_is_not_taken_comes_back_before_what_was_typed_meanwhile(filled: Any) -> None:
    page = filled.page
    held: list[Any] = []
    page.route("**/api/runs", lambda route: held.append(route))
    ask(page, "When was the garden planted?")
    page.locator("#question").press_sequentially("And the mill?")
    while not held:
        page.wait_for_timeout(20)
    held[0].abort()
    expect(page.locator("#question")).to_have_value("When was the garden planted?\nAnd the mill?")
    expect(page.locator(".notice.bad")).to_contain_text("Docent does not answer.")


def test_drafts_stay_with_their_chats(filled: Any, gate: Any) -> None:
    page = filled.page
    gate.open()
    ask(page, "When was the garden planted?")
    expect(page.locator(".exchange .card")).to_have_count(1)
    page.fill("#question", "a draft")
    page.keyboard.press("Alt+n")
    expect(page.locator("#question")).to_have_value("")
    page.locator(".chat-link").click()
    expect(page.locator("#question")).to_have_value("a draft")
    page.reload()
    expect(page.locator("#question")).to_have_value("a draft")


def test_chats_are_found_renamed_pinned_copied_and_deleted_with_a_way_back(filled: Any, gate: Any) -> None:
    page = filled.page
    gate.open()
    ask(page, "When was the garden planted?")
    expect(page.locator(".exchange .card")).to_have_count(1)
    ask(page, "and how are tomatoes watered?")
    expect(page.locator(".searched")).to_contain_text("and how are tomatoes watered? (in the garden)")
    page.keyboard.press("Alt+n")
    ask(page, "When does the observatory open?")
    expect(page.locator(".chat-row")).to_have_count(2)
    page.fill("#chat-search", "second DAY")
    expect(page.locator(".chat-row")).to_have_count(1)
    expect(page.locator(".chat-row")).to_contain_text("When was the garden planted?")
    expect(page.locator(".chat-row small")).to_have_text("Tomatoes are watered every second day.")  # why it is listed
    page.fill("#chat-search", "")
    expect(page.locator(".chat-row")).to_have_count(2)
    expect(page.locator(".running")).to_have_count(0)
    expect(page.locator(".chat-link", has_text="observatory")).to_contain_text("1 question")
    page.locator(".chat-link", has_text="garden").press("F2")
    expect(page.get_by_label("Name of the chat")).to_be_focused()
    page.keyboard.type("Garden")
    page.keyboard.press("Enter")
    expect(page.locator(".chat-link b", has_text="Garden")).to_have_text("Garden")
    page.get_by_role("button", name="Actions for Garden").first.click()
    page.get_by_role("menuitem", name="Pin", exact=True).click()
    expect(page.locator(".group").first).to_have_text("Pinned")
    page.get_by_role("button", name="Actions for Garden").first.click()
    page.get_by_role("menuitem", name="Duplicate", exact=True).click()
    expect(page.locator(".group").first).to_have_text("Pinned")
    expect(page.locator(".chat-row")).to_have_count(3)
    page.get_by_role("button", name="Actions for Garden").first.click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.locator(".chat-row")).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".chat-row")).to_have_count(3)
    expect(page.locator(".exchange")).to_have_count(2)


def test_a_chat_is_exported_with_its_sources(filled: Any, gate: Any) -> None:
    page = filled.page
    gate.open()
    ask(page, "When was the garden planted?")
    expect(page.locator(".exchange .card")).to_have_count(1)
    page.locator(".chat-row").hover()
    page.get_by_role("button", name="Actions for When was the garden planted?").click()
    with page.expect_download() as saved:
        page.get_by_role("menuitem", name="Export as Markdown").click()
    text = Path(saved.value.path()).read_text(encoding="utf-8")
    assert "## When was the garden planted?" in text and "[1] garden.txt: “The garden was planted" in text
    page.get_by_role("button", name="Actions for When was the garden planted?").click()
    with page.expect_download() as saved:
        page.get_by_role("menuitem", name="Export as JSON").click()
    document = json.loads(Path(saved.value.path()).read_text(encoding="utf-8"))
    assert [one["question"] for one in document["exchanges"]] == ["When was the garden planted?"]
    ask(page, "Who waters tomatoes?")
    expect(page.locator(".exchange .card")).to_have_count(2)
    page.keyboard.press("Alt+n")
    ask(page, "When do visitors come?")
    expect(page.locator(".chat-row")).to_have_count(2)
    expect(page.locator(".running")).to_have_count(0)
    page.get_by_role("button", name="Actions for this chat").click()
    with page.expect_download() as saved:
        page.get_by_role("menuitem", name="Export all chats").click()
    assert saved.value.suggested_filename.startswith("docent-chats-")
    with zipfile.ZipFile(saved.value.path()) as archive:
        assert sorted(Path(name).suffix for name in archive.namelist()) == [".json", ".json", ".md", ".md"]
        assert sum(b"Who waters tomatoes?" in archive.read(name) for name in archive.namelist()) == 2
    page.locator(".chat-row", has_text="When was").click()
    expect(page.locator(".exchange .card")).to_have_count(2)
    page.get_by_role("button", name="Actions for this chat").click()
    with page.expect_download() as saved:
        page.get_by_role("menuitem", name="Export as Markdown").click()
    assert text.strip() in Path(saved.value.path()).read_text(encoding="utf-8")


@pytest.mark.parametrize(("days", "group"), [(0, "Today"), (1, "Yesterday"), (5, "Last 7 days"), (30, "Older")])
def test_chats_are_grouped_by_their_date(window: Any, fake: Any, days: int, group: str) -> None:
    fake.store.create("When was the garden planted?")
    noon = datetime.now().replace(hour=12) + timedelta(days=days)
    window.page.clock.set_fixed_time(noon)
    window.page.reload()
    expect(window.page.locator(".group")).to_have_text([group])


def test_what_one_thinks_of_an_answer_is_kept(filled: Any, gate: Any) -> None:
    page = filled.page
    gate.open()
    ask(page, "When was the garden planted?")
    page.get_by_role("button", name="Good answer").click()
    expect(page.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(page.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")


def test_questions_that_lead_on_stand_below_the_last_answer(filled: Any, gate: Any, fake: Any) -> None:
    page = filled.page
    text = "Bread:\nThe bread bakes for forty minutes.\nSoup:\nThe soup needs fish.\nPie:\nNobody likes it.\n"
    document = fake.put("/papers/kitchen.txt", text)
    starts = [text.index(name) for name in ("Bread:", "Soup:", "Pie:")]
    fake.layouts[document.id] = Layout(tuple(Block(at, at + 4, "heading") for at in starts), ())
    fake.model_title = "Baking bread"
    gate.open()
    ask(page, "How long does the bread bake?")
    expect(page.locator(".follow-ups .suggestion")).to_have_text(["What does “kitchen.txt” say about Soup?"])
    expect(page.locator(".chat-row.on")).to_contain_text("Baking bread")
    page.locator(".follow-ups .suggestion").click()
    expect(page.locator(".exchange").last).to_contain_text("What does “kitchen.txt” say about Soup?")
    expect(page.locator(".exchange:not(.running)")).to_have_count(2)
    expect(page.locator(".exchange").first.locator(".follow-ups")).to_have_count(0)
    filled.assert_quiet(filled.served.address)


def test_a_chat_of_300_answers_opens_at_its_end_and_a_new_answer_sends_itself_alone(
    window: Any, fake: Any, gate: Any
) -> None:
    fake.put("/papers/garden.txt", "The garden was planted in 1987 by Ada Quill.")
    chat = None
    for number in range(300):
        answer = Answer((AnswerPart(f"It was number {number}."),), True, (), "extractive")
        chat = fake.store.add(chat, f"What was number {number}?", answer)
    page = window.page
    page.goto(f"{window.served.address}/chat/{chat}")
    expect(page.locator(".question").last).to_have_text("What was number 299?")
    expect(page.locator(".question").last).to_be_in_viewport()
    gate.open()
    asked = len(window.requests)
    ask(page, "When was the garden planted?")
    expect(page.locator(".exchange:not(.running) .answer-text").last).to_contain_text("by Ada Quill.")
    expect(page.locator(".question").last).to_be_in_viewport()
    assert not [url for url in window.requests[asked:] if url.endswith(f"/api/conversations/{chat}")]
    page.locator(".flow").evaluate("flow => { flow.scrollTop = 0; }")
    expect(page.locator(".question").first).to_be_in_viewport()
    expect(page.locator(".question").first).to_have_text("What was number 0?")
