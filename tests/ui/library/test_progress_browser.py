"""How far a large file is, and how many pages documents have, in headless Chromium."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from rag.ingest.events import SyncEvent
from tests.ui.steps import add, go

pytestmark = pytest.mark.browser


def test_the_library_says_how_far_a_large_file_is(window: Any, folder: Path, gate: Any) -> None:
    page, syncing = window.page, window.served.desk.syncing
    add(page, str(folder))
    assert gate.reached.wait(60)
    go(page, "Library")
    expect(page.locator("#sync progress")).to_be_visible(timeout=60_000)  # the news have come
    begun = datetime.now()
    page.clock.set_fixed_time(begun)
    syncing.note(SyncEvent("reading", "/data/large.pdf", done=10, total=400))
    expect(page.locator("#sync")).to_contain_text("Reading large.pdf")
    expect(page.locator(".sync-within")).to_have_count(0)  # most files are read before it could be read
    page.clock.set_fixed_time(begun + timedelta(minutes=1))
    syncing.note(SyncEvent("reading", "/data/large.pdf", done=100, total=400))
    expect(page.locator(".sync-within")).to_have_text("This file: 25 % read · about 3 min left")
    expect(page.get_by_role("progressbar", name="large.pdf")).to_have_attribute("value", "0.25")
    syncing.note(SyncEvent("document", "/data/large.pdf", "ok", done=1, total=3))
    expect(page.locator(".sync-within")).to_have_count(0)
    gate.open()


def test_documents_are_sorted_by_their_pages(filled: Any, fake: Any) -> None:
    page = filled.page
    fake.put("/x/short.pdf", "One.", page_count=2)
    fake.put("/x/long.pdf", "Many.", page_count=1200)
    page.reload()
    go(page, "Library")
    names = page.locator(".row-line .cell.name")
    page.get_by_role("columnheader", name="Pages").get_by_role("button").click()
    page.get_by_role("columnheader", name="Pages").get_by_role("button").click()
    expect(page.get_by_role("columnheader", name="Pages")).to_have_attribute("aria-sort", "descending")
    expect(names.first).to_have_text("long.pdf")
    expect(page.locator(".row-line", has_text="long.pdf").locator(".cell.page-count")).to_have_text("1,200")
    expect(page.locator(".row-line", has_text="garden.txt").locator(".cell.page-count")).to_have_text("")
