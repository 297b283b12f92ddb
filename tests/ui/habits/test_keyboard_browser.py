"""The window by keyboard alone, in headless Chromium."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.ui.steps import go

pytestmark = pytest.mark.browser


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
