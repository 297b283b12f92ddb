"""Notifications of the desktop: asked for by a click, about long syncs, none while the page is seen."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.ui.steps import add

pytestmark = pytest.mark.browser
# Headless Chromium shows no notifications, so those that are made are written down.
WRITTEN = """
window.made = [];
window.isHidden = false;
window.asked = 0;
window.Notification = class {
  constructor(title, options) { window.made.push([title, options.body]); }
  static permission = "default";
  static requestPermission() {
    window.asked++;
    return Promise.resolve((this.permission = window.answer ?? "granted"));
  }
  close() {}
};
Object.defineProperty(document, "hidden", { get: () => window.isHidden });
"""


@pytest.fixture
def page(window: Any) -> Any:
    window.page.add_init_script(WRITTEN)
    window.page.clock.install()
    window.page.reload()
    expect(window.page.locator("#question")).to_be_visible()
    return window.page


def begin(page: Any, folder: Path) -> None:
    page.clock.resume()
    add(page, str(folder))
    expect(page.locator("#sync progress")).to_be_visible()


def test_a_long_sync_is_told_where_nobody_looks(page: Any, folder: Path, gate: Any) -> None:
    begin(page, folder)
    assert page.evaluate("window.asked") == 0
    page.get_by_role("button", name="Tell me when it is done").click()
    expect(page.locator(".notice").last).to_contain_text("You will be told")
    expect(page.get_by_role("button", name="Tell me when it is done")).to_have_attribute("aria-pressed", "true")
    page.clock.fast_forward(40_000)
    page.evaluate("window.isHidden = true")
    gate.open()
    expect(page.locator("#sync")).to_contain_text("Up to date")
    page.wait_for_function("() => window.made.length === 1")
    assert page.evaluate("window.made") == [["Your documents are read", "1 could not be read."]]


@pytest.mark.parametrize(("seconds", "hidden"), [(40, False), (1, True)])
def test_neither_a_page_that_is_seen_nor_a_short_sync_tells(
    page: Any, folder: Path, gate: Any, seconds: int, hidden: bool
) -> None:
    begin(page, folder)
    page.get_by_role("button", name="Tell me when it is done").click()
    expect(page.locator(".notice").last).to_contain_text("You will be told")
    page.clock.fast_forward(seconds * 1000)
    page.evaluate(f"window.isHidden = {str(hidden).lower()}")
    gate.open()
    expect(page.locator("#sync")).to_contain_text("Up to date")
    assert page.evaluate("window.made") == []


def test_a_browser_that_does_not_allow_it_is_heard(page: Any, folder: Path, gate: Any) -> None:
    begin(page, folder)
    page.evaluate("window.answer = 'denied'")
    page.get_by_role("button", name="Tell me when it is done").click()
    expect(page.locator(".notice.bad").last).to_contain_text("does not let Docent tell you")
    expect(page.get_by_role("button", name="Tell me when it is done")).to_have_attribute("aria-pressed", "false")
    gate.open()
    expect(page.locator("#sync")).to_contain_text("Up to date")
