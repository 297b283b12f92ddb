"""The window by keyboard alone."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.ui.steps import ask, go

pytestmark = pytest.mark.browser
MOST_STOPS = 60
HIDDEN_FOCUS = """() => {
  const one = document.activeElement;
  if (one === document.body) return "";  // the end of the page
  const ring = (box) => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(box);
    return (outlineStyle !== "none" && parseFloat(outlineWidth) >= 1) || (box !== one && boxShadow !== "none");
  };
  const { left, top, right, bottom } = one.getBoundingClientRect();
  const isInView = right > 0 && bottom > 0 && left < innerWidth && top < innerHeight;
  const isSeen = isInView && (ring(one) || ring(one.closest(".search, .composer-box") ?? one));
  return isSeen ? "" : one.outerHTML.slice(0, 120);
}"""


def reach(page: Any, wanted: Any, key: str = "Tab") -> None:
    """Goes there by Tab, or by Shift+Tab; every stop on the way shows that it has the focus.

    Not over an end of the page: Firefox gives the focus to its own buttons there, and its driver does not return.
    """
    for _ in range(MOST_STOPS):
        if wanted.count() and wanted.first.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press(key)
        assert page.evaluate(HIDDEN_FOCUS) == ""
    raise AssertionError(f"{wanted} is not reached by {key}")


def to_pane(page: Any, pane: str) -> None:
    """Goes to a part of the page by F6, past those before it."""
    for _ in range(5):
        page.keyboard.press("F6")
        if page.locator(f"{pane} :focus").count():
            return
    raise AssertionError(f"{pane} is not reached by F6")


def button(page: Any, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def link(page: Any, name: str) -> Any:
    return page.get_by_role("link", name=name, exact=True)


def choose(page: Any, item: str) -> None:
    """Opens the menu that has the focus and chooses in it."""
    page.keyboard.press("Enter")
    wanted = page.get_by_role("menuitem", name=item, exact=True)
    expect(page.get_by_role("menuitem").first).to_be_focused()
    for _ in range(page.get_by_role("menuitem").count()):
        if wanted.evaluate("one => one === document.activeElement"):
            break
        page.keyboard.press("ArrowDown")
    expect(wanted).to_be_focused()
    page.keyboard.press("Enter")


def test_the_library_and_a_source_are_used_by_keyboard(filled: Any) -> None:
    page = filled.page
    page.keyboard.press("Alt+l")
    expect(page.locator(".row-line")).to_have_count(4)
    reach(page, page.locator("#library-filter"))
    page.keyboard.type("observ")
    expect(page.locator(".row-line:not(.source-row)")).to_have_count(1)
    reach(page, button(page, "Size"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Size")).to_have_attribute("aria-sort", "ascending")
    reach(page, page.locator(".source-row"))
    page.keyboard.press("ArrowDown")
    row = page.locator(".row-line", has_text="observatory.md")
    expect(row).to_be_focused()
    page.keyboard.press(" ")
    expect(page.locator(".picked")).to_contain_text("1 chosen")
    page.keyboard.press("Enter")
    expect(page.locator(".source")).to_contain_text("filler line")
    page.keyboard.press("F6")
    expect(page.get_by_role("separator")).to_be_focused()
    page.locator(".source").element_handle().wait_for_element_state("stable")
    width = page.locator(".source").evaluate("one => one.offsetWidth")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("separator")).to_have_attribute("aria-valuenow", str(width + 24))
    reach(page, page.get_by_label("Find in this document"))
    page.keyboard.type("opens at nine")
    expect(page.locator(".source .toolbar")).to_contain_text("1 of 1")
    page.keyboard.press("Shift+Tab")
    reach(page, button(page, "Next"))
    page.keyboard.press("Escape")
    expect(page.locator(".source")).to_have_count(0)
    expect(row).to_be_focused()


def test_a_folder_is_removed_and_another_added_by_keyboard(filled: Any, folder: Path, gate: Any) -> None:
    page = filled.page
    gate.open()
    page.keyboard.press("Alt+l")
    expect(page.locator(".row-line")).to_have_count(4)
    reach(page, button(page, "Actions for garden papers"))
    choose(page, "Remove")
    reach(page, page.locator("dialog").get_by_role("button", name="Remove", exact=True))
    page.keyboard.press("Enter")
    expect(page.locator(".library")).to_contain_text("Nothing here yet")
    reach(page, page.locator(".empty").get_by_role("button", name="Add a folder"))
    page.keyboard.press("Enter")
    expect(page.locator("#location")).to_be_focused()
    page.keyboard.type(str(folder))
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator(".row-line:not(.source-row)")).to_have_count(3)


def test_models_settings_and_privacy_are_used_by_keyboard(filled: Any) -> None:
    page = filled.page
    to_pane(page, ".rail")
    reach(page, link(page, "Models"))
    page.keyboard.press("Enter")
    expect(page.locator(".model").first).to_be_visible()
    expect(page.locator("#model-folder")).to_be_visible()
    reach(page, page.locator("#model-folder"))
    page.keyboard.type("/no/such/model")
    page.keyboard.press("Enter")
    failed = page.get_by_role("alert").filter(has_text="There is no folder or file /no/such/model.")
    expect(failed).to_be_visible()
    reach(page, failed.get_by_role("button", name="Dismiss"), "Shift+Tab")
    page.keyboard.press("Enter")
    expect(failed).to_have_count(0)
    to_pane(page, ".rail")
    reach(page, link(page, "Settings"))
    page.keyboard.press("Enter")
    expect(page.locator("#setting-server-browser")).to_be_visible()
    reach(page, page.get_by_label("Text size"))
    page.keyboard.press("ArrowDown")
    expect(page.locator("html")).to_have_css("font-size", "18.4px")
    reach(page, page.locator("#settings-search"))
    page.keyboard.type("server.browser")
    box = page.locator("#setting-server-browser")
    expect(page.locator(".setting")).to_have_count(1)
    reach(page, box)
    was = box.is_checked()
    page.keyboard.press(" ")
    expect(page.locator(".notice").last).to_contain_text("server.browser is saved")
    expect(box).to_be_checked(checked=not was)
    to_pane(page, "main")
    reach(page, link(page, "Privacy"))
    page.keyboard.press("Enter")
    expect(page.locator(".stored")).to_be_visible()
    reach(page, page.locator("#wipe"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    wipe = page.locator("dialog").get_by_role("button", name="Wipe", exact=True)
    reach(page, page.locator("dialog input").first)
    page.keyboard.press(" ")
    reach(page, page.locator("#sure"))
    page.keyboard.press(" ")
    expect(wipe).to_be_enabled()
    reach(page, wipe)
    page.keyboard.press("Escape")
    expect(page.locator("#wipe")).to_be_focused()


def test_a_message_stays_while_it_has_the_focus(filled: Any) -> None:
    page = filled.page
    page.clock.install()
    page.evaluate("import('/static/parts/notices.js').then(({ notify }) => notify('It is saved.'))")
    notice = page.locator(".notice", has_text="It is saved.")
    notice.get_by_role("button", name="Dismiss").focus()
    page.clock.fast_forward(60_000)
    expect(notice).to_be_visible()
    page.locator("#question").focus()
    page.clock.fast_forward(60_000)
    expect(notice).to_have_count(0)


def test_chats_are_renamed_pinned_deleted_and_brought_back_by_keyboard(filled: Any, fake: Any) -> None:
    page = filled.page
    for name in ("one", "two", "three"):
        fake.store.create(name)
    page.reload()
    titles = page.locator(".chat-link b")
    expect(titles).to_have_count(3)
    page.keyboard.press("F6")
    reach(page, page.locator("#chat-search"))
    reach(page, page.locator(".chat-link").first)
    page.keyboard.press("ArrowDown")
    second = titles.nth(1).inner_text()
    page.keyboard.press("F2")
    page.keyboard.type("Renamed")
    page.keyboard.press("Enter")
    renamed = page.locator(".chat-link", has_text="Renamed")
    expect(renamed).to_be_focused()
    expect(titles.filter(has_text=second)).to_have_count(0)
    page.keyboard.press("Tab")
    choose(page, "Pin")
    expect(titles.first).to_have_text("Renamed")
    renamed.focus()
    page.keyboard.press("Delete")
    expect(renamed).to_have_count(0)
    expect(page.locator(".chat-link").first).to_be_focused()
    expect(page.locator(".notice").last).to_contain_text("Undo")
    page.keyboard.press("Alt+z")
    expect(renamed).to_have_count(1)
    expect(page.locator("#question")).to_be_focused()


def test_an_answer_is_read_judged_and_asked_again_by_keyboard(filled: Any, gate: Any) -> None:
    page = filled.page
    gate.open()
    ask(page, "When was the garden planted?")
    expect(page.locator(".exchange .card")).to_have_count(1)
    reach(page, page.locator(".flow"), "Shift+Tab")
    reach(page, page.locator(".chip"))
    page.keyboard.press("Enter")
    expect(page.locator(".source mark").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".source")).to_have_count(0)
    expect(page.locator(".chip")).to_be_focused()
    reach(page, page.locator(".exchange").get_by_role("button", name="Again"))
    page.keyboard.press("Enter")
    expect(page.locator(".versions")).to_have_text("2 / 2")


def test_the_browsers_keys_for_back_and_forward_stay_its_own(filled: Any, gate: Any) -> None:
    page = filled.page
    gate.open()
    ask(page, "When was the garden planted?")
    page.locator(".exchange:not(.running) .chip").click()
    expect(page.locator(".source mark").first).to_be_visible()
    page.evaluate(
        """window.addEventListener("keydown", (event) => {
            window.isTaken = event.defaultPrevented;
            event.preventDefault();
        })"""
    )
    for keys, is_taken in (("Alt+ArrowLeft", False), ("Alt+ArrowRight", False), ("Alt+ArrowDown", True)):
        page.keyboard.press(keys)
        assert page.evaluate("window.isTaken") is is_taken, keys


def test_ctrl_f_searches_what_is_open(filled: Any, gate: Any) -> None:
    page = filled.page
    gate.open()
    ask(page, "When was the garden planted?")
    page.locator(".exchange:not(.running) .chip").click()
    expect(page.locator(".source mark").first).to_be_visible()
    page.keyboard.press("Control+f")
    expect(page.get_by_label("Find in this document")).to_be_focused()
    page.keyboard.type("tomatoes")
    expect(page.locator(".source .toolbar")).to_contain_text("1 of 1")
    page.keyboard.press("Control+f")
    page.keyboard.type("second day")
    expect(page.get_by_label("Find in this document")).to_have_value("second day")
    page.locator(".source").get_by_role("button", name="Close").click()
    page.keyboard.press("Alt+l")
    expect(page.locator("#library-filter")).to_be_visible()
    page.keyboard.press("Control+f")
    expect(page.locator("#library-filter")).to_be_focused()
    page.keyboard.type("observ")
    expect(page.locator(".row-line:not(.source-row)")).to_have_count(1)


def test_a_menu_closes_when_the_focus_leaves_it(filled: Any) -> None:
    page = filled.page
    page.locator(".scope").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("menu")).to_have_count(0)


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
    expect(page.locator("#palette-list [role=option]")).to_have_count(1)
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
