"""The window as people get it: ``docent serve`` in a process of its own, the real Assistant, the sample documents."""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import expect

from app.settings.paths import resource
from tests.ui.docent_process import Docent
from tests.ui.steps import ask, until_enrolled

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not resource("samples").is_dir(), reason="the sample documents are not installed"),
]
READING_MS = 120_000  # an upper bound for reading the samples on a busy machine

MOVED = """([from, to]) => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) walk.currentNode.data = walk.currentNode.data.replaceAll(from, to);
  for (const field of document.querySelectorAll("input")) field.value = field.value.replaceAll(from, to);
}"""
"""Shows paths as they would be in a person's own folder."""


@pytest.fixture(scope="module")
def docent(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Docent]:
    running = Docent(tmp_path_factory.mktemp("data"), "--samples")
    yield running
    running.stop()


def test_nothing_is_served_without_the_token(docent: Docent) -> None:
    for path in ("/", "/static/app.js", "/api/documents", "/gradio/gradio_api/file=/etc/passwd"):
        assert httpx.get(docent.address + path).status_code in (401, 403), path
    stranger = {"Host": "docent.example"}
    assert httpx.get(docent.link, headers=stranger).status_code == 403


def test_a_newcomer_asks_the_samples(docent: Docent, open_page: Callable[..., Any], screenshots: Path) -> None:
    watched = open_page(docent.link)
    page = watched.page
    expect(page.locator("#sync")).to_contain_text("Up to date", timeout=READING_MS)
    expect(page.locator("#sync")).to_contain_text(f"{len(list(resource('samples').iterdir()))} ready")
    page.locator(".suggestion", has_text="How long was the light out").click()
    expect(page.locator(".exchange:not(.running) .answer-text")).to_contain_text("nineteen minutes", timeout=READING_MS)
    expect(page.locator(".pill")).to_have_text("nineteen minutes")
    page.locator(".card", has_text="page 2").first.click()
    expect(page.locator(".page-mark.read").first).to_be_in_viewport()
    expect(page.locator(".page-number")).to_have_text("2 of 3")
    page.screenshot(caret="initial", path=screenshots / "samples-light.png")
    page.get_by_label("Find in this document").fill("Evangeline")
    expect(page.locator(".source .toolbar")).to_contain_text("1 of")
    expect(page.locator(".textLayer .found").first).to_be_visible()
    page.get_by_role("button", name="Text", exact=True).click()
    expect(page.locator(".source mark.read")).to_have_text("nineteen minutes")
    expect(page.locator(".source mark.read")).to_be_in_viewport()
    watched.assert_quiet(docent.address)


def test_the_row_of_a_workbook_is_marked(docent: Docent, open_page: Callable[..., Any], screenshots: Path) -> None:
    page = open_page(docent.link).page
    ask(page, "How many visitors came in July?")
    answer = page.locator(".exchange:not(.running) .answer-text")
    expect(answer).to_contain_text("3987", timeout=READING_MS)
    answer.locator(".chip").first.click()
    expect(page.locator(".source tr.quoted")).to_contain_text("July")
    expect(page.locator(".source")).to_contain_text("sheet 1")
    page.screenshot(caret="initial", path=screenshots / "table-light.png")


@pytest.mark.parametrize("width", [1440, 800])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_its_window_and_has_its_picture(
    docent: Docent, open_page: Callable[..., Any], screenshots: Path, scheme: str, width: int
) -> None:
    """Pictures for README and guide: DOCENT_SCREENSHOTS=docs/images pytest tests/ui/test_serve_browser.py -k picture"""
    watched = open_page(docent.link, scheme=scheme, width=width)
    page = watched.page
    name = f"{scheme}{'' if width == 1440 else f'-{width}'}.png"

    def take(place: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.mouse.move(0, 0)
        page.evaluate(MOVED, [str(docent.data), "/home/ada/.local/share/docent"])
        taken = Image.open(BytesIO(page.screenshot()))
        taken.quantize(256, dither=Image.Dither.NONE).save(screenshots / f"{place}-{name}", optimize=True)

    expect(page.locator("#sync").first).to_contain_text(
        f"{len(list(resource('samples').iterdir()))} ready", timeout=READING_MS
    )
    answers = page.locator(".exchange:not(.running) .answer-text")
    ask(page, "How many visitors came in July?")
    expect(answers).to_have_count(1, timeout=READING_MS)
    ask(page, "How long was the light out in the great storm?")
    expect(answers.last).to_contain_text("nineteen minutes", timeout=READING_MS)
    expect(page.locator(".follow-ups .suggestion").first).to_be_visible(timeout=READING_MS)
    take("chat")
    page.locator(".card", has_text="page 2").last.click()
    expect(page.locator(".page-mark.read").first).to_be_in_viewport()
    take("window")
    page.locator(".source").get_by_role("button", name="Close", exact=True).click()
    page.get_by_role("link", name="Library", exact=True).click()
    expect(page.locator(".row-line", has_text="Lens talk")).to_be_visible()
    expect(page.locator("#watch")).to_be_enabled()
    take("library")
    page.get_by_role("link", name="Models", exact=True).click()
    expect(page.locator(".model").first).to_be_visible()
    take("models")
    page.get_by_role("link", name="Settings", exact=True).click()
    expect(page.locator(".setting").first).to_be_visible()
    take("settings")
    page.get_by_role("link", name="Privacy", exact=True).click()
    expect(page.locator(".stored")).to_be_visible()
    take("privacy")
    watched.assert_quiet(docent.address)


def test_a_folder_of_ones_own_is_added_and_asked_alone(
    docent: Docent, open_page: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "bread.txt").write_text("The sourdough bakes for forty minutes at 230 degrees.\n", encoding="utf-8")
    (folder / "empty.txt").write_text("", encoding="utf-8")
    page = open_page(docent.link).page
    page.locator(".composer").get_by_role("button", name="Add").click()
    page.fill("#location", str(folder))
    page.keyboard.press("Enter")
    expect(page.locator("#sync")).to_contain_text("1 problem", timeout=READING_MS)
    page.get_by_role("link", name="Library", exact=True).click()
    expect(page.locator(".row-line", has_text="empty.txt")).to_contain_text("Left out")
    page.get_by_role("button", name="Actions for recipes").click()
    page.get_by_role("menuitem", name="Ask this only").click()
    expect(page.locator(".scope")).to_contain_text("recipes")
    ask(page, "How long does the sourdough bake?")
    expect(page.locator(".exchange:not(.running) .answer-text")).to_contain_text("forty minutes", timeout=READING_MS)
    page.locator(".chip").last.click()
    expect(page.locator(".source mark.read")).to_contain_text("forty minutes")


def test_conversations_and_documents_survive_a_restart(docent: Docent, open_page: Callable[..., Any]) -> None:
    watched = open_page(docent.link)
    page = watched.page
    talks = page.locator(".chat-row")
    expect(talks).not_to_have_count(0)
    count = talks.count()
    docent.stop()
    expect(page.locator(".lost")).to_contain_text("Docent does not answer")
    docent.start()
    page = open_page(docent.link).page
    expect(page.locator(".chat-row")).to_have_count(count)
    expect(page.locator("#sync")).to_contain_text("ready")
    page.locator(".chat-link").last.click()
    expect(page.locator(".chip").first).to_be_visible()


def test_an_open_tab_goes_on_after_a_restart_without_a_person(docent: Docent, open_page: Callable[..., Any]) -> None:
    watched = open_page(docent.link)
    page = watched.page
    until_enrolled(watched)
    expect(page.locator("#sync")).to_contain_text("ready", timeout=READING_MS)
    docent.start_again()
    ask(page, "What are the opening hours in July?")  # in the tab as it stands
    expect(page.locator(".exchange:not(.running) .answer-text")).to_contain_text("09:30", timeout=READING_MS)
    docent.start_again()
    page.reload()  # the server does not know the cookie any more
    expect(page.locator(".exchange .answer-text")).to_contain_text("09:30", timeout=READING_MS)
    other = page.context.browser.new_page()  # it has no key
    other.goto(docent.address)
    expect(other.locator("#said")).to_contain_text("Open it with the link")
    other.close()


def test_samples_that_were_removed_stay_removed(docent: Docent, open_page: Callable[..., Any]) -> None:
    page = open_page(docent.link.replace("/?", "/library?")).page
    expect(page.locator(".row-line", has_text="Lens talk")).to_be_visible(timeout=READING_MS)
    page.get_by_role("button", name="Actions for samples", exact=True).first.click()
    page.get_by_role("menuitem", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator(".row-line", has_text="Lens talk")).to_have_count(0)
    docent.stop()
    docent.start("--samples")
    page = open_page(docent.link.replace("/?", "/library?")).page
    expect(page.locator("#sync").first).to_contain_text("Up to date", timeout=READING_MS)
    expect(page.locator(".row-line", has_text="Lens talk")).to_have_count(0)
