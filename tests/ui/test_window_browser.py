"""The window in headless Chromium over a fake assistant whose words and files come when the test lets them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from app.errors import UsageError
from app.pages.web_page import WebPage
from tests.ui.steps import add, ask, go

pytestmark = pytest.mark.browser


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


def test_a_sync_is_paused_and_goes_on(window: Any, folder: Path, gate: Any) -> None:
    sync = window.page.locator("#sync")
    add(window.page, str(folder))
    gate.let(1)
    expect(sync).to_contain_text("2 of 3")
    sync.get_by_role("button", name="Pause reading").click()
    expect(sync).to_contain_text("Stopping…")
    gate.let(1)
    expect(sync).to_contain_text("Paused. The rest waits.")
    window.page.reload()
    expect(sync).to_contain_text("Paused. The rest waits.")
    gate.open()
    sync.get_by_role("button", name="Continue").click()
    expect(sync).to_contain_text("Up to date")
    expect(sync).to_contain_text("2 ready")
    expect(sync).not_to_contain_text("Paused")


def test_what_cannot_be_added_is_said_with_the_remedy(window: Any) -> None:
    add(window.page, "/no/such/folder")
    expect(window.page.locator(".notice.bad")).to_contain_text("There is no folder or file /no/such/folder.")
    expect(window.page.locator(".notice.bad .remedy")).to_be_visible()
    window.page.fill("#location", "https://www.youtube.com/watch?v=blocked0000")
    window.page.keyboard.press("Enter")
    expect(window.page.locator("#sync [role=alert]")).to_contain_text("Try again later.")


def test_a_web_page_is_added_by_its_address(window: Any, gate: Any) -> None:
    page = window.page
    gate.open()
    content = b"<title>Tide mill</title><p>The mill stopped in 1912.</p>"
    window.served.desk.fetch = lambda url: WebPage(url, "Tide mill.html", content)
    add(page, "https://mills.example/tide")
    expect(page.locator(".notice")).to_contain_text("Docent reads Tide mill.html")
    go(page, "Library")
    expect(page.locator(".row-line", has_text="Tide mill.html")).to_contain_text("Ready")


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


def test_the_quote_is_scrolled_into_view(filled: Any, gate: Any) -> None:
    gate.open()
    ask(filled.page, "When does the observatory open?")
    filled.page.locator(".exchange:not(.running) .chip").click()
    expect(filled.page.locator(".source mark")).to_be_in_viewport()
    assert filled.page.locator(".document-text").evaluate("box => box.scrollTop") > 0


def test_words_are_found_in_a_document(filled: Any, gate: Any) -> None:
    page = filled.page
    gate.open()
    ask(page, "When does the observatory open?")
    page.locator(".exchange:not(.running) .chip").click()
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
    page.locator(".exchange:not(.running) .chip").click()
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


def test_a_library_that_cannot_be_read_is_explained(
    serve: Callable[[Any], Any], fake: Any, open_page: Callable[..., Any]
) -> None:
    fake.broken = UsageError("The library is damaged.", "Rename library.db.")
    page = open_page(serve(fake).link).page
    expect(page.locator(".flow [role=alert]")).to_contain_text("The library is damaged.")
    expect(page.locator(".flow [role=alert]")).to_contain_text("Rename library.db.")


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
    expect(page.locator("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
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


def test_other_keys_are_chosen_and_kept(filled: Any) -> None:
    page = filled.page
    go(page, "Library")
    page.keyboard.press("?")
    change = page.get_by_role("button", name="Change the keys: New chat")
    change.click()
    page.get_by_role("button", name="Press the new keys").press("Control+k")
    expect(page.locator(".notice.bad")).to_contain_text("Ctrl+K does something else already.")
    expect(page.locator("#palette")).to_have_count(0)
    change.click()
    page.get_by_role("button", name="Press the new keys").press("Enter")
    expect(page.locator(".notice.bad").last).to_contain_text("Enter cannot be chosen.")
    change.click()
    page.get_by_role("button", name="Press the new keys").press("Escape")
    expect(page.locator("dialog")).to_be_visible()
    change.click()
    page.get_by_role("button", name="Press the new keys").press("Alt+Shift+M")
    expect(page.locator("dl.keys")).to_contain_text("AltShiftM")
    page.keyboard.press("Escape")
    page.reload()
    expect(page.locator(".library")).to_be_visible()
    page.keyboard.press("Alt+n")
    expect(page.locator(".library")).to_be_visible()
    page.keyboard.press("Alt+Shift+M")
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.press("Alt+l")
    page.keyboard.press("?")
    page.get_by_role("button", name="As they were").click()
    expect(page.locator("dl.keys")).to_contain_text("AltN")
    filled.assert_quiet(filled.served.address)


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


def test_what_went_wrong_is_said_in_german(
    serve: Callable[[Any], Any], fake: Any, open_page: Callable[..., Any], tmp_path: Path
) -> None:
    error = "The PDF holds no text: scanned pages, pictures only. Open it in a viewer and save it again."
    fake.put(str(tmp_path / "scan.pdf"), "", status="failed", error=error)
    fake.error = UsageError("The question is empty.", "Type one.")
    page = open_page(serve(fake).link, locale="de").page
    page.locator(".composer").get_by_role("button", name="Hinzufügen").click()
    page.fill("#location", "/nowhere: 1. a")
    page.keyboard.press("Enter")
    expect(page.locator(".notice.bad")).to_contain_text("Es gibt keinen Ordner und keine Datei /nowhere: 1. a.")
    expect(page.locator(".notice.bad .remedy")).to_contain_text("Prüfen Sie den Pfad")
    page.keyboard.press("Escape")
    ask(page, "Wann?")
    expect(page.locator(".running [role=alert]")).to_contain_text("Die Frage ist leer.")
    go(page, "Bibliothek")
    expect(page.locator(".row-line .why")).to_have_text(
        "Das PDF enthält keinen Text: eingescannte Seiten, nur Bilder. "
        "Öffnen Sie es in einem Betrachter und speichern Sie es neu."
    )


def test_a_narrow_window_shows_the_source_over_the_chat(
    filled: Any, gate: Any, open_page: Callable[..., Any], screenshots: Path
) -> None:
    gate.open()
    ask(filled.page, "When was the garden planted?")
    expect(filled.page.locator(".exchange .card")).to_have_count(1)
    page = open_page(filled.page.url, width=800, height=768, scheme="dark", cookies=filled.page.context).page
    page.locator(".exchange:not(.running) .chip").click()
    expect(page.locator(".source mark").first).to_be_visible()
    page.screenshot(path=screenshots / "narrow-source-dark.png")
    page.locator(".source").get_by_role("button", name="Close").click()
    expect(page.locator(".source")).to_have_count(0)
    page.get_by_role("button", name="Chats").click()
    expect(page.locator(".chat-row").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 800


def test_further_searches_are_shown_and_thoughts_folded(window: Any, gate: Any) -> None:
    page, assistant = window.page, window.served.assistant
    assistant.put("/papers/garden.txt", "The garden was planted in 1987.")
    assistant.searches, assistant.thought = ("garden plan", "planting year"), "The plan says it. I quote it."
    ask(page, "When was the garden planted?")
    gate.let(1)
    expect(page.locator(".searched")).to_have_text(["Searched for “garden plan”"])
    gate.let(3)
    expect(page.locator(".doing")).to_contain_text("Thinking…")
    expect(page.locator(".thought p")).to_be_hidden()
    page.locator(".thought summary").click()
    expect(page.locator(".thought p")).to_contain_text("The plan")
    gate.open()
    answered = page.locator(".exchange:not(.running)")
    expect(answered.locator(".answer-text")).to_contain_text("planted in 1987")
    expect(answered.locator(".searched")).to_have_count(2)
    expect(answered.locator(".thought p")).to_be_hidden()
    answered.locator(".thought summary").click()
    expect(answered.locator(".thought p")).to_have_text("The plan says it. I quote it.")
    expect(answered.locator(".answer-text")).not_to_contain_text("I quote it")
    page.reload()
    expect(page.locator(".thought summary")).to_have_text("Thoughts (not checked)")
    window.assert_quiet(window.served.address)
