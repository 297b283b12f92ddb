"""The window as people get it: ``docent serve`` in a process of its own, the real Assistant, the sample documents."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from app.settings.paths import resource

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not resource("samples").is_dir(), reason="the sample documents are not installed"),
]
READING_MS = 120_000  # an upper bound for reading the samples on a busy machine


class Docent:
    """A running ``docent serve``; ``restart`` ends it and starts another on the same data."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self._command = [
            sys.executable, "-m", "ui.main", "--data-dir", str(data), "serve", "--json", "--no-browser", "--port", "0"
        ]  # fmt: skip
        self.link = ""
        self.start(*arguments)

    def start(self, *arguments: str) -> None:
        root = Path(__file__).resolve().parents[2]
        environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [*self._command, *arguments], cwd=root, env=environment, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.link = json.loads(self._process.stdout.readline())["url"]

    @property
    def address(self) -> str:
        return self.link.partition("/?")[0]

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture(scope="module")
def docent(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Docent]:
    running = Docent(tmp_path_factory.mktemp("data"), "--samples")
    yield running
    running.stop()


def ask(page: Any, question: str) -> None:
    page.fill("#question textarea", question)
    page.keyboard.press("Enter")


def test_nothing_is_served_without_the_token(docent: Docent) -> None:
    for path in ("/", "/config", "/api/documents", "/gradio_api/file=/etc/passwd"):
        assert httpx.get(docent.address + path).status_code in (401, 403), path
    stranger = {"Host": "docent.example"}
    assert httpx.get(docent.link, headers=stranger).status_code == 403


def test_a_newcomer_asks_the_samples(docent: Docent, open_page: Callable[..., Any], screenshots: Path) -> None:
    watched = open_page(docent.link)
    page = watched.page
    expect(page.locator("#progress")).to_contain_text("Up to date", timeout=READING_MS)
    expect(page.locator("#documents .dot.ok")).to_have_count(len(list(resource("samples").iterdir())))
    page.locator(".sample", has_text="How long was the light out").click()
    expect(page.locator("#history .answer-text")).to_contain_text("nineteen minutes", timeout=READING_MS)
    page.locator("#history .card", has_text="page 2").first.click()
    picture = page.locator("#source img")
    expect(picture).to_be_visible()
    page.wait_for_function("document.querySelector('#source img').naturalWidth > 500")
    page.screenshot(path=screenshots / "samples-light.png")
    page.get_by_role("tab", name="Text").click()
    expect(page.locator("#source mark")).to_contain_text("nineteen minutes")
    expect(page.locator("#source mark")).to_be_in_viewport()
    watched.assert_quiet(docent.address)


def test_a_folder_of_ones_own_is_added_and_asked_alone(
    docent: Docent, open_page: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "bread.txt").write_text("The sourdough bakes for forty minutes at 230 degrees.\n", encoding="utf-8")
    (folder / "empty.txt").write_text("", encoding="utf-8")
    page = open_page(docent.link).page
    page.fill("#location input, #location textarea", str(folder))
    page.click("#add")
    row = page.locator("#documents .doc", has_text="bread")
    expect(row.locator(".dot.ok")).to_be_visible(timeout=READING_MS)
    expect(page.locator("#documents .doc", has_text="empty").locator(".dot.skipped")).to_be_visible()
    page.get_by_role("checkbox", name="Ask only recipes").click()
    expect(page.locator("#scope")).to_contain_text("Asking only recipes")
    page.keyboard.press("Control+k")
    expect(page.locator("#history .welcome")).to_be_visible()
    ask(page, "How long does the sourdough bake?")
    expect(page.locator("#history .answer-text").last).to_contain_text("forty minutes", timeout=READING_MS)
    page.locator("#history .chip").last.click()
    expect(page.locator("#source mark")).to_contain_text("forty minutes")


def test_conversations_and_documents_survive_a_restart(docent: Docent, open_page: Callable[..., Any]) -> None:
    page = open_page(docent.link).page
    talks = page.locator("#chats li")
    expect(talks).not_to_have_count(0)
    count = talks.count()
    page.context.close()
    docent.stop()
    docent.start()
    page = open_page(docent.link).page
    expect(page.locator("#chats li")).to_have_count(count)
    expect(page.locator("#documents .dot.ok").first).to_be_visible()
    page.locator("#chats .chat-open").last.click()
    expect(page.locator("#history .chip").first).to_be_visible()
