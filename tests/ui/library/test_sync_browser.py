"""Documents that are being read, as a person sees and steers it: progress, cancel, pause."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.ui.steps import add

pytestmark = pytest.mark.browser


def test_a_folder_is_read_with_progress_and_its_files_have_statuses(
    window: Any, folder: Path, gate: Any, screenshots: Path
) -> None:
    page = window.page
    expect(page.locator(".hello")).to_contain_text("Add a folder")
    page.screenshot(caret="initial", path=screenshots / "empty-light.png")
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
    page.screenshot(caret="initial", path=screenshots / "library-light.png")
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
