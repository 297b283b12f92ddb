"""Folders of chats, and the model and the scope that a chat remembers, in headless Chromium."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.models.store import ModelStore
from rag.types import Writing
from tests.app.models.tiny_model import write_tiny_model
from tests.ui.steps import ask, go

pytestmark = pytest.mark.browser
DRAGS = pytest.mark.only_chromium("nothing is dragged in Firefox from here")


def begin(page: Page, question: str) -> None:
    page.click("#new-chat")
    ask(page, question)
    expect(page.locator(".chat-row.on")).to_contain_text(question)
    expect(page.locator(".running")).to_have_count(0)


def new_folder(page: Page, name: str) -> None:
    page.click("#new-folder")
    page.fill("#folder-name", name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name=name)).to_be_visible()


@pytest.fixture
def page(filled: Any, gate: Any) -> Any:
    """A page with two chats."""
    gate.open()
    begin(filled.page, "When was the garden planted?")
    begin(filled.page, "Who waters tomatoes?")
    return filled.page


@DRAGS
def test_chats_are_put_into_folders_by_drag_menu_and_keyboard(page: Any, filled: Any) -> None:
    new_folder(page, "Garden")
    garden = page.get_by_role("region", name="Garden")
    expect(garden).to_contain_text("Drag chats here")
    page.locator(".chat-row", has_text="When was").drag_to(garden)
    expect(garden.locator(".chat-row")).to_have_text("When was the garden planted?1 question")
    page.locator(".chat-row", has_text="Who waters").locator(".chat-link").focus()
    page.keyboard.press("m")
    dialog = page.get_by_role("dialog", name="Move “Who waters tomatoes?”")
    dialog.get_by_label("New folder").fill("Water")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Water").locator(".chat-row")).to_have_count(1)
    page.get_by_role("button", name="Actions for Who waters tomatoes?").click()
    page.get_by_role("menuitem", name="Move to a folder…").click()
    dialog.get_by_role("radio", name="Garden").check()
    dialog.get_by_role("button", name="Move", exact=True).click()
    expect(garden.locator(".chat-row")).to_have_count(2)
    page.reload()
    expect(garden.locator(".chat-row")).to_have_count(2)
    page.locator(".chat-row", has_text="When was").locator(".chat-link").focus()
    page.keyboard.press("m")
    page.get_by_role("radio", name="No folder").check()
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Today").locator(".chat-row")).to_have_count(1)
    filled.assert_quiet(filled.served.address)


@DRAGS
def test_a_folder_is_folded_renamed_and_deleted_and_its_chats_stay(page: Any) -> None:
    new_folder(page, "Garden")
    garden = page.get_by_role("region", name="Garden")
    page.locator(".chat-row", has_text="When was").drag_to(garden)
    head = garden.get_by_role("button", name="Garden 1", exact=True)
    head.focus()
    page.keyboard.press("ArrowLeft")
    expect(head).to_have_attribute("aria-expanded", "false")
    expect(garden.locator(".chat-row")).to_have_count(0)
    page.reload()
    expect(head).to_have_attribute("aria-expanded", "false")
    page.fill("#chat-search", "planted")  # a search looks into folded ones
    expect(garden.locator(".chat-row")).to_have_count(1)
    page.fill("#chat-search", "")
    expect(page.locator(".chat-row")).to_have_count(1)
    head.focus()
    page.keyboard.press("F2")
    page.fill("#folder-name", "Plants")
    page.keyboard.press("Enter")
    plants = page.get_by_role("region", name="Plants")
    expect(plants).to_be_visible()
    expect(page.locator("#folder-name")).to_have_count(0)  # the dialog is closed last
    plants.locator(".folder-toggle").press("Delete")
    expect(plants).to_have_count(0)
    expect(page.locator(".chat-row")).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(plants.locator(".chat-row")).to_have_count(1)


def test_a_folders_name_that_is_taken_is_refused(page: Any) -> None:
    new_folder(page, "Garden")
    page.click("#new-folder")
    page.fill("#folder-name", "garden")
    page.keyboard.press("Enter")
    expect(page.locator(".notice.bad")).to_contain_text("There is a folder “garden” already.")
    expect(page.locator("#folder-name")).to_be_visible()


def test_a_chat_remembers_its_model_and_its_scope(page: Any, filled: Any, fake: Any, open_page: Any) -> None:
    store = ModelStore(fake.settings.folder.models, None)
    write_tiny_model(store.root / "second")
    page.reload()
    page.get_by_role("button", name="Model docent-nano").click()
    page.get_by_role("menuitem", name="second").click()
    page.get_by_role("button", name="Asking all").click()
    page.get_by_role("menuitem", name="What to ask").click()
    page.get_by_role("checkbox", name="garden.txt").check()
    page.get_by_role("button", name="Close").last.click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    ask(page, "And the garden?")
    expect(page.locator(".exchange:not(.running)")).to_have_count(2)
    assert fake.models_asked == [None, None, "second"]
    expect(page.locator(".chat-row.on small")).to_have_text("2 questions · garden.txt")
    (only,) = fake.asked[-1][1].document_ids
    assert fake.rows[only].path.endswith("garden.txt")
    page.locator(".chat-row", has_text="When was").click()
    expect(page.get_by_role("button", name="Model docent-nano")).to_be_visible()
    expect(page.get_by_role("button", name="Asking all")).to_be_visible()
    other = open_page(filled.served.link).page  # another browser
    other.locator(".chat-row", has_text="Who waters").click()
    expect(other.get_by_role("button", name="Model second")).to_be_visible()
    expect(other.get_by_role("button", name="Asking garden.txt")).to_be_visible()
    store.remove("second")
    other.reload()
    expect(other.get_by_role("button", name="Model docent-nano")).to_be_visible()
    ask(other, "And now?")
    expect(other.locator(".exchange:not(.running)")).to_have_count(3)
    assert fake.models_asked[-1] is None


def test_a_list_of_chats_read_before_a_choice_does_not_undo_it(page: Any, filled: Any) -> None:
    page.locator(".chat-row", has_text="When was").click()
    held: list[tuple[Any, Any]] = []

    def hold_first(route: Any) -> None:
        if held:
            route.continue_()
        else:
            held.append((route, route.fetch()))

    page.route("**/api/conversations", hold_first)
    page.evaluate("import('/static/state/store.js').then(store => { window.reading = store.loadChats(); })")
    while not held:
        page.wait_for_timeout(20)
    page.get_by_role("button", name="Asking all").click()
    page.get_by_role("menuitem", name="What to ask").click()
    page.get_by_role("checkbox", name="garden.txt").check()
    route, old = held[0]
    page.get_by_role("button", name="Close").last.click()
    route.fulfill(response=old)
    page.evaluate("window.reading")
    chosen = page.evaluate("import('/static/state/store.js').then(store => store.scope.value.documents)")
    assert len(chosen) == 1  # at once: the list that follows the choice would mend it
    expect(page.get_by_role("button", name="Asking garden.txt")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Asking garden.txt")).to_be_visible()


def test_how_fast_a_model_wrote_stands_under_its_answer(filled: Any, gate: Any, fake: Any) -> None:
    page = filled.page
    fake.writing = Writing(48, 23.4)
    gate.open()
    ask(page, "When was the garden planted?")
    expect(page.locator(".made")).to_contain_text("23 tokens/s")
    expect(page.locator(".made")).to_have_attribute("title", "48 tokens written")
    go(page, "Library")


@DRAGS
def test_of_a_thousand_chats_those_in_view_are_drawn_and_all_are_reached(
    window: Any, fake: Any, open_page: Callable[..., Any]
) -> None:
    page = window.page
    for number in range(1_000):
        fake.store.create(f"chat {number:03}")
    fake.conversation_folders.make("Kept", [fake.conversations()[-1].id])
    page.reload()
    rows, focused = page.locator(".chat-row"), page.locator(".chat-link:focus")
    today = page.get_by_role("region", name="Today")
    expect(today.locator(".chat-row").first).to_have_attribute("aria-setsize", "999")
    assert rows.count() < 60
    heights = rows.evaluate_all("all => [...new Set(all.map((one) => one.offsetHeight))]")
    assert heights == [48]
    today.locator(".chat-link").first.focus()
    page.keyboard.press("End")
    expect(focused).to_contain_text("chat 001")
    expect(focused).to_be_in_viewport()
    assert rows.count() < 60
    page.keyboard.press("F2")
    expect(page.get_by_label("Name of the chat")).to_be_focused()
    page.keyboard.type("Renamed")
    page.mouse.move(150, 500)
    page.mouse.wheel(0, -100_000)  # the row that is named stays while others are looked at
    expect(page.locator(".chat-row", has_text="chat 999")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(focused).to_contain_text("Renamed")
    page.keyboard.press("ArrowUp")
    expect(focused).to_contain_text("chat 002")
    expect(focused).to_be_in_viewport()
    page.keyboard.press("Delete")
    expect(focused).to_contain_text("Renamed")
    page.keyboard.press("Alt+z")
    expect(page.locator(".chat-row.on")).to_contain_text("chat 002")
    page.locator(".chat-link", has_text="Renamed").focus()
    page.keyboard.press("Home")
    expect(page.locator(".folder-toggle")).to_be_focused()
    page.locator(".chat-row", has_text="chat 999").drag_to(page.get_by_role("region", name="Kept"))
    expect(page.get_by_role("region", name="Kept").locator(".chat-row")).to_have_count(2)
    page.fill("#chat-search", "chat 777")
    expect(today.locator(".chat-row").first).to_have_attribute("aria-setsize", "1")
    large = open_page(window.served.link).page
    large.evaluate("() => localStorage.setItem('docent.size', '150')")
    large.reload()
    expect(large.locator(".chat-row").first).to_have_css("height", "72px")
