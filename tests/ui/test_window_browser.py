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
    page.fill("#question", question)
    page.keyboard.press("Enter")


def add(page: Page, location: str) -> None:
    page.locator(".composer").get_by_role("button", name="Add").click()
    page.fill("#location", location)
    page.keyboard.press("Enter")


def go(page: Page, place: str) -> None:
    page.get_by_role("link", name=place, exact=True).click()


@pytest.fixture
def window(serve: Callable[[Any], Any], fake: Any, open_page: Callable[..., Any]) -> Any:
    """An empty library in an open page."""
    served = serve(fake)
    watched = open_page(served.link)
    watched.served = served
    return watched


@pytest.fixture
def filled(window: Any, folder: Path, gate: Any) -> Any:
    """The folder is in the library."""
    add(window.page, str(folder))
    gate.let(3)
    expect(window.page.locator("#sync")).to_contain_text("Up to date")
    expect(window.page.locator("#sync")).to_contain_text("2 ready")
    return window


def test_a_folder_is_read_with_progress_and_its_files_have_statuses(
    window: Any, folder: Path, gate: Any, screenshots: Path
) -> None:
    page = window.page
    expect(page.locator(".hello")).to_contain_text("Add a folder")
    page.screenshot(path=screenshots / "empty-light.png")
    add(page, str(folder))
    gate.let(1)
    expect(page.get_by_role("progressbar", name="Reading documents")).to_be_visible()
    expect(page.locator("#sync")).to_contain_text("2 of 3")
    gate.let(2)
    expect(page.locator("#sync")).to_contain_text("1 could not be read")
    page.get_by_role("button", name="1 problem").click()
    expect(page.locator(".row-line.problem")).to_have_count(1)
    expect(page.locator(".row-line.problem")).to_contain_text("broken.docx")
    expect(page.locator(".row-line.problem")).to_contain_text("The file is damaged: it ends in the middle.")
    page.get_by_role("button", name="All", exact=True).click()
    expect(page.locator(".row-line:not(.source-row)")).to_have_count(3)
    page.screenshot(path=screenshots / "library-light.png")
    window.assert_quiet(window.served.address)


def test_a_sync_can_be_cancelled(window: Any, folder: Path, gate: Any) -> None:
    add(window.page, str(folder))
    gate.let(1)
    window.page.locator("#sync").get_by_role("button", name="Cancel").click()
    expect(window.page.locator("#sync")).to_contain_text("Stopping…")
    gate.open()
    expect(window.page.locator("#sync")).to_contain_text("Stopped. What was finished is kept.")
    expect(window.page.locator("#sync")).to_contain_text("1 problem")


def test_what_cannot_be_added_is_said_with_the_remedy(window: Any) -> None:
    add(window.page, "/no/such/folder")
    expect(window.page.locator(".notice.bad")).to_contain_text("There is no folder or file /no/such/folder.")
    expect(window.page.locator(".notice.bad .remedy")).to_be_visible()
    window.page.fill("#location", "https://www.youtube.com/watch?v=blocked0000")
    window.page.keyboard.press("Enter")
    expect(window.page.locator("#sync [role=alert]")).to_contain_text("Try again later.")


def test_a_folder_is_chosen_in_a_list_of_this_computers_folders(window: Any, folder: Path, gate: Any) -> None:
    page = window.page
    gate.open()
    page.get_by_role("button", name="Add a folder").click()
    expect(page.locator(".folders .path")).to_be_visible()
    page.evaluate("path => fetch(`/api/folders?path=${encodeURIComponent(path)}`)", str(folder.parent))
    while page.get_by_role("button", name="Up", exact=True).is_enabled():
        before = page.locator(".folders .path").inner_text()
        page.get_by_role("button", name="Up", exact=True).click()
        expect(page.locator(".folders .path")).not_to_have_text(before)
    for name in folder.parts[1:]:
        page.locator(".folders li button", has_text=name).filter(has=page.locator(f"text=/^{name}$/")).first.click()
        expect(page.locator(".folders .path")).to_contain_text(name)
    expect(page.locator(".folders")).to_contain_text("3 files")
    page.click("#add-here")
    expect(page.locator("#sync")).to_contain_text("2 ready")


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
    page.screenshot(path=screenshots / "answer-light.png")
    filled.assert_quiet(filled.served.address)


def test_the_quote_is_scrolled_into_view(filled: Any, gate: Any) -> None:
    gate.open()
    ask(filled.page, "When does the observatory open?")
    filled.page.locator(".chip").click()
    expect(filled.page.locator(".source mark")).to_be_in_viewport()
    assert filled.page.locator(".document-text").evaluate("box => box.scrollTop") > 0


def test_words_are_found_in_a_document(filled: Any, gate: Any) -> None:
    page = filled.page
    gate.open()
    ask(page, "When does the observatory open?")
    page.locator(".chip").click()
    page.get_by_label("Find in this document").fill("FILLER")
    expect(page.locator(".source .toolbar")).to_contain_text("1 of 600")
    page.get_by_label("Find in this document").press("Enter")
    expect(page.locator(".source .toolbar")).to_contain_text("2 of 600")
    expect(page.locator("mark.current")).to_be_in_viewport()


def test_what_documents_say_is_text_and_loads_nothing(filled: Any, gate: Any, screenshots: Path) -> None:
    page = filled.page
    gate.open()
    ask(page, "When do visitors come?")
    expect(page.locator(".answer-text")).to_contain_text("<script>alert(1)</script> <img src=x")
    expect(page.locator(".answer-text")).to_contain_text("{{7*7}} ${alert(4)}")
    page.locator(".chip").click()
    expect(page.locator(".source mark").first).to_contain_text("[here](javascript:alert(3))")
    ask(page, "<img src=x onerror=alert(5)> garden")
    expect(page.locator(".question").last).to_have_text("<img src=x onerror=alert(5)> garden")
    expect(page.locator(".exchange")).to_have_count(2)
    assert page.locator("main img, .source img, .list img, main .flow a").count() == 0
    assert page.locator("body script").count() == 0
    page.screenshot(path=screenshots / "hostile-light.png")
    filled.assert_quiet(filled.served.address)


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


def test_marks_that_turn_text_around_are_shown(filled: Any, gate: Any) -> None:
    gate.open()
    ask(filled.page, "garden \u202egnp.exe")
    filled.page.keyboard.press("Alt+n")
    expect(filled.page.locator(".chat-row").first).to_contain_text("⟨U+202E⟩")


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


def test_a_library_that_cannot_be_read_is_explained(
    serve: Callable[[Any], Any], fake: Any, open_page: Callable[..., Any]
) -> None:
    fake.broken = UsageError("The library is damaged.", "Rename library.db.")
    page = open_page(serve(fake).link).page
    expect(page.locator(".flow [role=alert]")).to_contain_text("The library is damaged.")
    expect(page.locator(".flow [role=alert]")).to_contain_text("Rename library.db.")


def test_an_answer_can_be_stopped_with_escape(filled: Any, gate: Any, fake: Any) -> None:
    page = filled.page
    ask(page, "When was the garden planted?")
    gate.let(3)
    expect(page.locator(".running .answer-text")).to_have_text("The garden was")
    page.keyboard.press("Escape")
    assert fake.stop.wait(20)
    gate.let(1)
    expect(page.locator("#stop")).to_have_count(0)
    expect(page.locator(".answer-text")).to_have_text("The garden was")
    expect(page.locator(".exchange .note")).to_have_text("Stopped here.")


def test_a_question_asked_during_an_answer_waits_and_both_can_be_stopped(filled: Any, gate: Any) -> None:
    page = filled.page
    ask(page, "When was the garden planted?")
    gate.let(2)
    expect(page.locator(".running .answer-text").first).to_have_text("The garden")
    ask(page, "Who planted the garden?")
    expect(page.locator(".running")).to_have_count(2)
    expect(page.locator(".running").last).to_contain_text("Waiting for the answer before")
    page.locator("#stop").click()
    gate.open()
    expect(page.locator(".running")).to_have_count(0)
    expect(page.locator("#stop")).to_have_count(0)
    expect(page.locator(".exchange")).to_have_count(1)
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
    expect(second.locator(".answer-text")).to_contain_text("opens at nine")
    expect(first.locator(".answer-text")).to_contain_text("by Ada Quill.")
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
    page.fill("#chat-search", "")
    expect(page.locator(".chat-row")).to_have_count(2)
    page.locator(".chat-link", has_text="garden").press("F2")
    page.keyboard.type("Garden")
    page.keyboard.press("Enter")
    expect(page.locator(".chat-link b", has_text="Garden")).to_have_text("Garden")
    for choice in ("Pin", "Duplicate"):
        page.get_by_role("button", name="Actions for Garden").first.click()
        page.get_by_role("menuitem", name=choice, exact=True).click()
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


def test_a_question_is_asked_again_or_changed_in_a_copy(filled: Any, gate: Any, fake: Any) -> None:
    page = filled.page
    gate.open()
    ask(page, "When was the garden planted?")
    expect(page.locator(".exchange .card")).to_have_count(1)
    page.get_by_role("button", name="Again").click()
    expect(page.locator(".exchange .card")).to_have_count(1)
    for _ in range(200):  # until it was asked again
        if len(fake.asked) == 2:
            break
        page.wait_for_timeout(100)
    assert len(fake.asked) == 2
    expect(page.locator(".exchange:not(.running) .card")).to_have_count(1)
    page.get_by_role("button", name="Edit").click()
    page.locator(".edit textarea").fill("When does the observatory open?")
    page.keyboard.press("Enter")
    expect(page.locator(".answer-text")).to_contain_text("opens at nine")
    expect(page.locator(".chat-row")).to_have_count(2)


def test_what_one_thinks_of_an_answer_is_kept(filled: Any, gate: Any) -> None:
    page = filled.page
    gate.open()
    ask(page, "When was the garden planted?")
    page.get_by_role("button", name="Good answer").click()
    expect(page.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(page.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")


def test_a_question_can_be_restricted(filled: Any, gate: Any, fake: Any, folder: Path) -> None:
    page = filled.page
    gate.open()
    page.locator(".scope").click()
    page.get_by_role("menuitem", name="What to ask").click()
    page.get_by_role("checkbox", name="observatory.md").check()
    page.keyboard.press("Escape")
    expect(page.locator(".scope")).to_contain_text("1 chosen")
    ask(page, "When was the garden planted?")
    expect(page.locator(".exchange:not(.running)")).to_have_count(1)
    chosen = next(row.id for row in fake.rows.values() if row.title == "observatory.md")
    assert fake.asked[-1][1].document_ids == {chosen}
    page.keyboard.press("Alt+n")
    expect(page.locator(".scope")).to_contain_text("1 chosen")
    page.locator(".scope").click()
    page.get_by_role("menuitem", name="Ask everything").click()
    expect(page.locator(".scope")).to_contain_text("all 2 documents")


def test_removing_asks_first(filled: Any, fake: Any) -> None:
    page = filled.page
    go(page, "Library")
    page.get_by_role("button", name="Actions for garden papers").click()
    page.get_by_role("menuitem", name="Remove").click()
    expect(page.locator("dialog")).to_contain_text("The files stay where they are.")
    page.locator("dialog").get_by_role("button", name="Cancel").click()
    expect(page.locator(".row-line")).to_have_count(4)
    page.get_by_role("button", name="Actions for garden papers").click()
    page.get_by_role("menuitem", name="Remove").click()
    page.locator("dialog").get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator(".library")).to_contain_text("Nothing here yet")
    assert fake.rows == {}


def test_chosen_and_dropped_files_are_kept_in_the_inbox(window: Any, folder: Path, gate: Any) -> None:
    page = window.page
    gate.open()
    page.locator(".composer").get_by_role("button", name="Add").click()
    page.locator("#files").set_input_files(folder / "garden.txt")
    expect(page.locator("#sync")).to_contain_text("1 ready")
    page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(["Bees live behind the shed."], "bees.txt"));
            window.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
    )
    expect(page.locator("#sync")).to_contain_text("2 ready")
    go(page, "Library")
    expect(page.locator(".source-row")).to_contain_text("Added files")
    expect(page.locator(".row-line", has_text="bees.txt").first).to_be_visible()
    kept = sorted(path.name for path in window.served.desk.inbox.iterdir())
    assert kept == ["bees.txt", "garden.txt"]


def test_the_library_is_filtered_and_sorted_as_one_types(filled: Any) -> None:
    page = filled.page
    go(page, "Library")
    page.locator("#library-filter").press_sequentially("obse")
    expect(page.locator(".row-line:not(.source-row)")).to_have_count(1)
    for _ in range(4):
        page.keyboard.press("Backspace")
    expect(page.locator(".row-line:not(.source-row)")).to_have_count(3)
    page.get_by_role("button", name="Size", exact=True).click()
    page.get_by_role("button", name="Size", exact=True).click()
    expect(page.locator(".row-line:not(.source-row)").first).to_contain_text("observatory.md")


def test_the_keyboard_reaches_everything(filled: Any, gate: Any) -> None:
    page = filled.page
    gate.open()
    page.locator("#question").blur()
    page.keyboard.press("/")
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.type("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    expect(page.locator("#question")).to_have_value("one\ntwo")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_focused()
    page.keyboard.type("observ")
    page.keyboard.press("Enter")
    expect(page.locator(".source")).to_contain_text("observatory.md")
    page.keyboard.press("Escape")
    expect(page.locator(".source")).to_have_count(0)
    page.locator("#question").blur()
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_contain_text("Find a chat, a document or an action")


def test_dark_follows_the_system_and_can_be_chosen(
    serve: Callable[[Any], Any], fake: Any, open_page: Callable[..., Any], screenshots: Path
) -> None:
    served = serve(fake)
    page = open_page(served.link, scheme="dark").page
    brightness = "parseInt(getComputedStyle(document.body).backgroundColor.split('(')[1])"
    assert page.evaluate(brightness) < 60
    page.screenshot(path=screenshots / "empty-dark.png")
    go(page, "Settings")
    page.get_by_label("Colours").select_option("light")
    assert page.evaluate(brightness) > 200
    page.reload()
    expect(page.get_by_label("Colours")).to_have_value("light")
    assert page.evaluate(brightness) > 200


def test_the_page_speaks_german(serve: Callable[[Any], Any], fake: Any, open_page: Callable[..., Any]) -> None:
    page = open_page(serve(fake).link).page
    go(page, "Settings")
    page.get_by_label("Language").select_option("de")
    expect(page.get_by_role("heading", name="Einstellungen")).to_be_visible()
    go(page, "Gespräche")
    expect(page.get_by_role("button", name="Fragen", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "de"


def test_a_narrow_window_shows_the_source_over_the_chat(
    filled: Any, gate: Any, open_page: Callable[..., Any], screenshots: Path
) -> None:
    gate.open()
    ask(filled.page, "When was the garden planted?")
    expect(filled.page.locator(".exchange .card")).to_have_count(1)
    page = open_page(filled.page.url, width=800, height=768, scheme="dark", cookies=filled.page.context).page
    page.locator(".chip").click()
    expect(page.locator(".source mark").first).to_be_visible()
    page.screenshot(path=screenshots / "narrow-source-dark.png")
    page.locator(".source").get_by_role("button", name="Close").click()
    expect(page.locator(".source")).to_have_count(0)
    page.get_by_role("button", name="Chats").click()
    expect(page.locator(".chat-row").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 800
