"""The source pane in headless Firefox, over a real library: a PDF with the quote marked, its pages, its text."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.assistant import Assistant
from app.settings.paths import resource
from app.settings.schema import Settings
from tests.app.fakes import LightParts
from tests.ui.firefox.driver import FirefoxPage, Visit

pytestmark = [
    pytest.mark.firefox,
    pytest.mark.skipif(not resource("samples").is_dir(), reason="the sample documents are not installed"),
]
SEEN = """(css) => {
  const { top, bottom, height } = document.querySelector(css)?.getBoundingClientRect() ?? {};
  return height > 0 && top >= 0 && bottom <= innerHeight;
}"""

MIDDLE = """(text) => {
  const one = [...document.querySelectorAll(".textLayer span")].find((other) => other.textContent.includes(text));
  const { left, right, top, bottom } = one.getBoundingClientRect();
  return [left, (top + bottom) / 2, right].map(Math.round).join(" ");
}"""


@pytest.fixture
def page(visit: Visit, serve: Callable[[Any], Any], tmp_path: Path) -> Iterator[FirefoxPage]:
    folder = tmp_path / "papers"
    folder.mkdir()
    for name in ("A short history of Gull Rock Light.pdf", "Visitor guide.md"):
        shutil.copy(resource("samples") / name, folder)
    settings = Settings.model_validate({"data_dir": tmp_path / "docent", "model": {"name": None}})
    with Assistant(settings, LightParts(settings)) as assistant:
        assistant.sync([str(folder)])
        made = visit.page()
        made.open(serve(assistant).link)
        made.sees(".scope", "all 2 documents")
        yield made


def test_an_answer_of_the_real_library_opens_the_page_with_the_quote_marked(page: FirefoxPage) -> None:
    page.click("#question")
    page.type("When was the light made automatic?")
    page.press("Enter")
    page.sees(".exchange:not(.running) .answer-text", "12 September 1983")
    page.click(".chip")
    page.sees('.page[data-page="3"] .textLayer', "Thomas Dacre")
    page.wait("() => document.querySelector('.source canvas')?.width > 100")
    page.wait(SEEN, ".page-mark")
    page.click(".source button", "Text")
    page.sees(".source mark.quote", "The light was made automatic on 12 September 1983")
    page.wait(SEEN, ".source mark.quote")


def test_pages_of_a_pdf_are_turned_enlarged_searched_and_their_text_selected(page: FirefoxPage) -> None:
    page.click('.rail a[href="/library"]')
    page.click(".row-line button.link-row", "history")
    page.sees('.page[data-page="1"] .textLayer', "Gull Rock")
    page.middle(".textLayer span", "Gull Rock")  # lies still
    left, y, right = map(int, page.run(MIDDLE, "Gull Rock").split())
    page.drag(left, y, right, y)
    page.wait("() => getSelection().toString().includes('Gull Rock')")
    fitted = page.run("() => document.querySelector('.zoom').textContent")
    page.click('.source [aria-label="Larger"]')
    page.wait("(fitted) => document.querySelector('.zoom').textContent !== fitted", fitted)
    page.click(".source button", "Fit")
    page.sees(".zoom", fitted)
    page.click('.source [aria-label="Next page"]')
    page.sees(".page-number", "of 3")
    page.write('.source [aria-label="Find in this document"]', "Evangeline")
    page.sees(".textLayer .found", "Evangeline")
    page.click('.source [aria-label="Pages as pictures"]')
    page.counts(".thumbnails button", 3)


def test_a_laid_out_document_has_headings_and_lists(page: FirefoxPage) -> None:
    page.click('.rail a[href="/library"]')
    page.click(".row-line button.link-row", "guide")
    page.sees(".source", "Visitor guide to the Gull Rock Lighthouse Museum")
    page.press("Escape")
    page.counts(".source", 0)


def test_pages_that_are_turned_quickly_are_drawn_all_the_same(page: FirefoxPage) -> None:
    page.click('.rail a[href="/library"]')
    page.click(".row-line button.link-row", "history")
    page.sees('.page[data-page="1"] .textLayer', "Gull Rock")
    for turned in ("Next page", "Page before", "Next page", "Page before"):
        page.click('.source [aria-label="Larger"]')
        page.click(".source button", "Fit")
        page.click(f'.source [aria-label="{turned}"]')
    page.sees('.page[data-page="1"] .textLayer', "Gull Rock")
    page.sees('.page[data-page="2"] .textLayer', "great")
    page.counts(".pages .note", 0)
