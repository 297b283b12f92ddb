"""The window in headless Chromium over a fake assistant whose words and files come when the test lets them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.errors import UsageError

pytestmark = pytest.mark.browser

GARDEN = (
    "The garden was planted in 1987 by Ada Quill.\n"
    "Tomatoes are watered every second day.\n"
    "<script>alert(1)</script> <img src=x onerror=alert(2)> visitors come on Sunday "
    "[here](javascript:alert(3)) ![x](http://remote.example/x.png) {{7*7}} ${alert(4)}.\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "garden papers"
    made.mkdir()
    (made / "garden.txt").write_text(GARDEN, encoding="utf-8")
    (made / "observatory.md").write_text("filler line\n" * 600 + "The observatory opens at nine.\n", encoding="utf-8")
    (made / "broken.docx").write_bytes(b"a\0b")
    return made


def ask(page: Page, question: str) -> None:
    page.fill("#question textarea", question)
    page.wait_for_timeout(400)  # less than a person needs to type; docs/limits.md names what haste can do
    page.keyboard.press("Enter")


def add(page: Page, location: str) -> None:
    page.fill("#location input, #location textarea", location)
    page.click("#add")


@pytest.fixture
def window(serve: Callable[[Any], Any], fake: Any, open_page: Callable[..., Any]) -> Any:
    """An empty library in an open page."""
    served = serve(fake)
    watched = open_page(served.link)
    watched.served = served
    return watched


@pytest.fixture
def filled(window: Any, folder: Path, gate: Any, fake: Any) -> Any:
    """The folder is in the library."""
    add(window.page, str(folder))
    gate.let(3)
    expect(window.page.locator("#documents .doc")).to_have_count(3)
    expect(window.page.locator("#progress")).to_contain_text("Up to date")
    return window


def test_a_folder_is_read_with_progress_and_its_files_have_statuses(
    window: Any, folder: Path, gate: Any, screenshots: Path
) -> None:
    page = window.page
    expect(page.locator("#documents")).to_contain_text("Nothing here yet")
    page.screenshot(path=screenshots / "empty-light.png")
    add(page, str(folder))
    gate.let(1)
    expect(page.locator("#progress [role=progressbar]")).to_be_visible()
    expect(page.locator("#progress")).to_contain_text("Reading 2 of 3")
    page.screenshot(path=screenshots / "syncing-light.png")
    gate.let(2)
    expect(page.locator("#documents .doc")).to_have_count(3)
    expect(page.locator("#progress")).to_contain_text("1 could not be read")
    broken = page.locator("#documents .doc", has_text="broken.docx")
    expect(broken.locator(".dot")).to_have_attribute("aria-label", "Not read")
    expect(broken.locator(".why")).to_be_hidden()
    broken.locator("summary").click()
    expect(broken.locator(".why")).to_have_text("The file is damaged: it ends in the middle.")
    expect(page.get_by_label("1 passage")).to_be_visible()
    window.assert_quiet(window.served.address)


def test_a_sync_can_be_cancelled(window: Any, folder: Path, gate: Any) -> None:
    add(window.page, str(folder))
    gate.let(1)
    window.page.get_by_role("button", name="Cancel").click()
    expect(window.page.locator("#progress")).to_contain_text("Stopping…")
    gate.open()
    expect(window.page.locator("#progress")).to_contain_text("Stopped. What was finished is kept.")
    expect(window.page.locator("#documents .doc")).to_have_count(1)


def test_what_cannot_be_added_is_said_with_the_remedy(window: Any) -> None:
    add(window.page, "/no/such/folder")
    expect(window.page.locator("#notice")).to_contain_text("There is no folder or file /no/such/folder.")
    expect(window.page.locator("#notice .remedy")).to_be_visible()
    add(window.page, "https://www.youtube.com/watch?v=blocked0000")
    expect(window.page.locator("#progress [role=alert]")).to_contain_text("Try again later.")


def test_an_answer_streams_and_its_citation_opens_the_marked_quote(filled: Any, gate: Any, screenshots: Path) -> None:
    page = filled.page
    ask(page, "When was the garden planted?")
    expect(page.locator("#live")).to_contain_text("Reading 1 passage")
    gate.let(4)
    expect(page.locator("#live .answer-text")).to_have_text("The garden was planted")
    expect(page.locator("#stop")).to_be_visible()
    expect(page.locator("#question textarea")).to_have_value("")
    gate.open()
    expect(page.locator("#history .card")).to_have_count(1)
    expect(page.locator("#live")).to_be_empty()
    page.locator("#history .chip").click()
    expect(page.locator("#source mark")).to_have_text("The garden was planted in 1987 by Ada Quill.")
    expect(page.locator("#chats .chat-line[aria-current]")).to_contain_text("When was the garden planted?")
    page.screenshot(path=screenshots / "answer-light.png")
    filled.assert_quiet(filled.served.address)


def test_the_quote_is_scrolled_into_view(filled: Any, gate: Any) -> None:
    gate.open()
    ask(filled.page, "When does the observatory open?")
    filled.page.locator("#history .chip").click()
    expect(filled.page.locator("#source mark")).to_be_in_viewport()
    assert filled.page.locator(".source-text").evaluate("box => box.scrollTop") > 0


def test_what_documents_say_is_text_and_loads_nothing(filled: Any, gate: Any, screenshots: Path) -> None:
    page = filled.page
    gate.open()
    ask(page, "When do visitors come?")
    expect(page.locator("#history .answer-text")).to_contain_text("<script>alert(1)</script> <img src=x")
    expect(page.locator("#history .answer-text")).to_contain_text("{{7*7}} ${alert(4)}")
    page.locator("#history .chip").click()
    expect(page.locator("#source mark")).to_contain_text("[here](javascript:alert(3))")
    ask(page, "<img src=x onerror=alert(5)> garden")
    expect(page.locator("#history .bubble").last).to_have_text("<img src=x onerror=alert(5)> garden")
    assert page.locator("#history img, #source img, #chats img, #history a, #source a").count() == 0
    assert page.locator(".pane script").count() == 0
    page.screenshot(path=screenshots / "hostile-light.png")
    filled.assert_quiet(filled.served.address)


def test_an_answer_can_be_copied(filled: Any, gate: Any) -> None:
    page = filled.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    gate.open()
    ask(page, "When was the garden planted?")
    page.get_by_role("button", name="Copy answer").click()
    expect(page.locator(".copy.copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").startswith("The garden was planted in 1987 by Ada Quill.")


def test_a_library_that_cannot_be_read_is_explained(
    serve: Callable[[Any], Any], fake: Any, open_page: Callable[..., Any]
) -> None:
    fake.broken = UsageError("The library is damaged.", "Rename library.db.")
    page = open_page(serve(fake).link).page
    expect(page.locator("#documents [role=alert]")).to_have_text("The library is damaged. Rename library.db.")
    expect(page.locator("#history [role=alert]")).to_be_visible()


def test_an_answer_can_be_stopped_with_escape(filled: Any, gate: Any, fake: Any) -> None:
    page = filled.page
    ask(page, "When was the garden planted?")
    gate.let(3)
    expect(page.locator("#live .answer-text")).to_have_text("The garden was")
    page.keyboard.press("Escape")
    assert fake.stop.wait(20)
    gate.let(1)
    expect(page.locator("#send")).to_be_visible()
    expect(page.locator("#history .answer-text")).to_have_text("The garden was")
    expect(page.locator("#history .note")).to_have_text("Stopped here.")


def test_a_reloaded_page_follows_the_answer_on(filled: Any, gate: Any) -> None:
    page = filled.page
    ask(page, "When was the garden planted?")
    gate.let(3)
    expect(page.locator("#live .answer-text")).to_have_text("The garden was")
    page.reload()
    expect(page.locator("#live .answer-text")).to_have_text("The garden was")
    expect(page.locator("#documents .doc")).to_have_count(3)
    gate.open()
    expect(page.locator("#history .answer-text")).to_contain_text("by Ada Quill.")
    page.reload()
    expect(page.locator("#history .answer-text")).to_contain_text("by Ada Quill.")


def test_an_answer_that_was_left_is_finished_and_listed(filled: Any, gate: Any) -> None:
    page = filled.page
    ask(page, "When was the garden planted?")
    gate.let(3)
    expect(page.locator("#live .answer-text")).to_have_text("The garden was")
    page.keyboard.press("Control+k")
    expect(page.locator("#history .welcome")).to_be_visible()
    expect(page.locator("#live")).to_be_empty()
    gate.open()
    page.locator("#chats .chat-open", has_text="When was the garden").click()
    expect(page.locator("#history .answer-text")).to_contain_text("by Ada Quill.")


def test_a_failed_question_is_explained(filled: Any, fake: Any) -> None:
    fake.error = UsageError("The model <b>is</b> missing.", "Run docent doctor.")
    ask(filled.page, "When?")
    expect(filled.page.locator("#live [role=alert]")).to_contain_text("The model <b>is</b> missing. Run docent doctor.")
    expect(filled.page.locator("#send")).to_be_visible()


@pytest.mark.parametrize("pane", ["#chats", "#documents", "#scroll"])
def test_what_does_not_fit_scrolls(filled: Any, pane: str) -> None:
    expect(filled.page.locator("#documents li").first).to_be_visible()
    assert filled.page.locator(pane).evaluate("pane => getComputedStyle(pane).overflowY") == "auto"


def test_conversations_are_kept_switched_renamed_and_deleted(filled: Any, gate: Any) -> None:
    page = filled.page
    gate.open()
    ask(page, "When was the garden planted?")
    expect(page.locator("#history .card")).to_have_count(1)
    ask(page, "and how are tomatoes watered?")
    expect(page.locator("#history .searched")).to_contain_text("and how are tomatoes watered? (in the garden)")
    page.keyboard.press("Control+k")
    expect(page.locator("#history .welcome")).to_be_visible()
    ask(page, "When does the observatory open?")
    expect(page.locator("#chats li")).to_have_count(2)
    page.locator("#chats .chat-open", has_text="When was the garden").click()
    expect(page.locator("#history .exchange")).to_have_count(2)
    line = page.locator("#chats .chat-line", has_text="When was the garden")
    line.get_by_role("button", name="Rename").dispatch_event("click")  # at once: the list may be drawn anew meanwhile
    name = page.locator("#chats input:visible")
    name.fill("Garden <i>talk</i>")
    name.press("Enter")
    expect(page.locator("#chats .chat-line", has_text="Garden <i>talk</i>")).to_be_visible()
    line = page.locator("#chats .chat-line", has_text="Garden <i>talk</i>")
    line.get_by_role("button", name="Delete").dispatch_event("click")
    page.locator("#chats .confirm:visible").get_by_role("button", name="Delete").dispatch_event("click")
    expect(page.locator("#chats li")).to_have_count(1)
    expect(page.locator("#history .welcome")).to_be_visible()


def test_a_name_being_typed_outlives_the_end_of_an_answer(filled: Any, gate: Any) -> None:
    page = filled.page
    gate.let(50)
    ask(page, "When was the garden planted?")
    expect(page.locator("#history .card")).to_have_count(1)
    while gate.take():
        pass
    ask(page, "How are tomatoes watered?")
    expect(page.locator("#stop")).to_be_visible()
    page.locator("#chats .chat-line").get_by_role("button", name="Rename").dispatch_event("click")
    name = page.locator("#chats input:visible")
    expect(name).to_be_focused()
    name.fill("Garden talk")
    gate.open()
    expect(page.locator("#history .exchange")).to_have_count(2)
    page.wait_for_timeout(1500)  # the tick after it, which draws the list as well
    expect(name).to_have_value("Garden talk")
    expect(name).to_be_focused()
    name.press("Enter")
    expect(page.locator("#chats .chat-line", has_text="Garden talk")).to_be_visible()


def test_what_was_unfolded_stays_when_the_list_is_drawn_anew(filled: Any, gate: Any, fake: Any) -> None:
    page = filled.page
    gate.open()
    ask(page, "When was the garden planted?")
    expect(page.locator("#history .card")).to_have_count(1)
    page.locator("#chats .chat-line").get_by_role("button", name="Delete").dispatch_event("click")
    expect(page.locator("#chats .confirm")).to_be_visible()
    expect(page.get_by_role("button", name="Keep")).to_be_focused()
    chosen = fake.conversations()[0].id
    fake.rename_conversation(chosen, "Named elsewhere")
    filled.served.desk.answering.touch()
    expect(page.locator("#chats .chat-line")).to_contain_text("Named elsewhere")
    expect(page.locator("#chats .confirm")).to_be_visible()
    page.locator("#chats .chat-line").get_by_role("button", name="Rename").dispatch_event("click")
    expect(page.locator("#chats .confirm")).to_be_hidden()
    expect(page.locator("#chats input")).to_have_value("Named elsewhere")
    page.locator("#chats input").press("Escape")
    expect(page.locator("#chats input")).to_be_hidden()
    page.locator("#chats .chat-line").get_by_role("button", name="Rename").dispatch_event("click")
    expect(page.locator("#chats input")).to_be_visible()
    page.locator("#question textarea").click()
    expect(page.locator("#chats input")).to_be_hidden()
    assert [info.title for info in fake.conversations()] == ["Named elsewhere"]


def test_nothing_is_lost_by_asking_nothing_or_by_opening_again(filled: Any, gate: Any) -> None:
    page = filled.page
    gate.open()
    ask(page, "When was the garden planted?")
    expect(page.locator("#history .card")).to_have_count(1)
    ask(page, "   ")
    ask(page, "When does the observatory open?")
    expect(page.locator("#history .exchange")).to_have_count(2)
    page.keyboard.press("Control+k")
    expect(page.locator("#history .welcome")).to_be_visible()
    page.locator("#chats .chat-open").click()
    expect(page.locator("#history .exchange")).to_have_count(2)
    page.wait_for_timeout(1000)  # as a person needs to type; docs/limits.md says what happens on a busy computer before
    ask(page, "When do visitors come?")
    expect(page.locator("#history .exchange")).to_have_count(3)


def test_a_question_can_be_restricted(filled: Any, gate: Any, fake: Any, folder: Path) -> None:
    page = filled.page
    gate.open()
    page.get_by_role("checkbox", name="Ask only observatory.md").click()
    expect(page.locator("#scope")).to_contain_text("Asking only observatory.md")
    ask(page, "When was the garden planted?")
    expect(page.locator("#history .exchange")).to_have_count(1)
    chosen = next(row.id for row in fake.rows.values() if row.title == "observatory.md")
    assert fake.asked[-1][1].document_ids == {chosen}
    page.get_by_role("checkbox", name="Ask only garden papers").click()
    expect(page.locator("#scope")).to_contain_text("Asking only garden papers")
    ask(page, "When was the garden planted again?")
    expect(page.locator("#history .exchange")).to_have_count(2)
    assert fake.asked[-1][1].folders == (str(folder),)
    page.get_by_role("button", name="Ask everything").click()
    expect(page.locator("#scope")).to_be_empty()


def test_removing_asks_first(filled: Any, fake: Any) -> None:
    page = filled.page
    remove = page.get_by_role("button", name="Remove garden papers")
    remove.press("Enter")  # with the mouse it appears on hover
    expect(page.locator("#documents .confirm")).to_contain_text("The files stay where they are.")
    expect(page.locator("#documents .confirm")).to_be_visible()
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("#documents .confirm")).to_be_hidden()
    expect(page.locator("#documents .doc")).to_have_count(3)
    remove.press("Enter")  # with the mouse it appears on hover
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator("#documents")).to_contain_text("Nothing here yet")
    assert fake.rows == {}


def test_chosen_and_dropped_files_are_kept_in_the_inbox(window: Any, folder: Path, gate: Any) -> None:
    page = window.page
    gate.open()
    page.locator("#left input[type=file]").set_input_files(folder / "garden.txt")
    expect(page.locator("#documents .doc")).to_have_count(1)
    expect(page.locator("#documents .group-name")).to_have_text("Added files")
    page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(["Bees live behind the shed."], "bees.txt"));
            window.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
    )
    expect(page.locator("#documents .doc", has_text="bees.txt")).to_be_visible()
    kept = sorted(path.name for path in window.served.desk.inbox.iterdir())
    assert kept == ["bees.txt", "garden.txt"]


def test_keyboard_reaches_the_question(window: Any) -> None:
    page = window.page
    page.locator("#question textarea").blur()
    page.keyboard.press("/")
    expect(page.locator("#question textarea")).to_be_focused()
    page.keyboard.type("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    expect(page.locator("#question textarea")).to_have_value("one\ntwo")


def test_dark_follows_the_system_and_can_be_chosen(
    serve: Callable[[Any], Any], fake: Any, open_page: Callable[..., Any], screenshots: Path
) -> None:
    served = serve(fake)
    page = open_page(served.link, scheme="dark").page
    assert page.evaluate("document.body.classList.contains('dark')")
    page.screenshot(path=screenshots / "empty-dark.png")
    page.get_by_role("button", name="Dark or light").click()
    assert not page.evaluate("document.body.classList.contains('dark')")
    page.reload()
    page.wait_for_selector("#question textarea")
    assert not page.evaluate("document.body.classList.contains('dark')")


def test_a_narrow_window_shows_the_source_beside_the_chat(
    filled: Any, gate: Any, open_page: Callable[..., Any], screenshots: Path
) -> None:
    gate.open()
    ask(filled.page, "When was the garden planted?")
    expect(filled.page.locator("#history .card")).to_have_count(1)
    page = open_page(filled.served.link, width=1024, height=768, scheme="dark").page
    expect(page.locator("#history .chip")).to_be_visible()
    expect(page.locator("#source")).not_to_be_visible()
    page.screenshot(path=screenshots / "narrow-dark.png")
    page.locator("#history .chip").click()
    expect(page.locator("#source mark")).to_be_visible()
    page.screenshot(path=screenshots / "narrow-source-dark.png")
    page.get_by_role("button", name="Close the source").click()
    expect(page.locator("#source")).not_to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1024
