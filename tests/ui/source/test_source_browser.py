"""The source pane as a person handles it: its width, pages of PDFs, code, videos, programs."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from app.assistant import Assistant
from app.events import Layout
from app.settings.schema import Settings
from rag.types import Place
from tests.app.fakes import LightParts
from tests.rag.parsers.pdf.pdf_writer import Line, paragraph, write_pdf, write_raw
from tests.ui.steps import ask, go

pytestmark = pytest.mark.browser
SCROLLED_AWAY_AND_BACK = """async (box, wait) => {
  for (const place of [box.scrollHeight, 0]) {
    box.scrollTop = place;
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}"""


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    folder.mkdir()
    return folder


@pytest.fixture
def opened(
    serve: Callable[[Any], Any], open_page: Callable[..., Any], papers: Path, tmp_path: Path
) -> Iterator[Callable[[str], Any]]:
    """Reads the papers and opens one of them from the library."""
    settings = Settings.model_validate({"data_dir": tmp_path / "docent", "model": {"name": None}})
    with Assistant(settings, LightParts(settings)) as assistant:

        def start(name: str) -> Any:
            assistant.sync([str(papers)])
            page = open_page(serve(assistant).link).page
            go(page, "Library")
            page.locator(".row-line").get_by_role("button", name=name).first.click()
            return page

        yield start


def a_pdf(path: Path, *, turned: int) -> None:
    """Writes a PDF of three pages, of which the one numbered ``turned`` lies on its side."""
    from pypdf import PdfWriter

    write_pdf(path, [paragraph(50, 700, [f"This is page {number}."]) for number in (1, 2, 3)])
    writer = PdfWriter(clone_from=path)
    writer.pages[turned - 1].rotate(90)
    writer.write(path)


def test_its_width_is_dragged_or_set_by_keyboard_and_kept(opened: Callable[[str], Any], papers: Path) -> None:
    (papers / "garden.txt").write_text("Tomatoes like water.", encoding="utf-8")
    page = opened("garden.txt")
    pane, handle = page.locator(".source"), page.locator(".source .handle")
    expect(pane).to_contain_text("Tomatoes like water.")
    pane.element_handle().wait_for_element_state("stable")
    before = pane.bounding_box()["width"]
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, 400)
    page.mouse.down()
    page.mouse.move(box["x"] - 100, 400, steps=4)
    page.mouse.up()
    is_wide = "width => Math.abs(document.querySelector('.source')?.offsetWidth - width) < 12"
    page.wait_for_function(is_wide, arg=before + 100)
    handle.press("ArrowRight")
    page.wait_for_function("width => document.querySelector('.source').offsetWidth < width", arg=before + 88)
    kept = pane.bounding_box()["width"]
    page.reload()
    page.locator(".row-line").get_by_role("button", name="garden.txt").first.click()
    expect(pane).to_contain_text("Tomatoes like water.")
    page.wait_for_function("width => Math.abs(document.querySelector('.source').offsetWidth - width) <= 1", arg=kept)


def test_pages_are_zoomed_and_fitted_and_lie_as_they_are_turned(opened: Callable[[str], Any], papers: Path) -> None:
    a_pdf(papers / "plan.pdf", turned=2)
    page = opened("plan.pdf")
    sheets = page.locator(".pages .page")
    expect(sheets).to_have_count(3)
    expect(sheets.nth(0).locator(".textLayer")).to_contain_text("This is page 1.")
    sheets.nth(0).element_handle().wait_for_element_state("stable")
    upright = sheets.nth(0).bounding_box()
    assert upright["height"] > upright["width"]
    page.get_by_role("button", name="Next page").click()
    expect(page.locator(".page-number")).to_have_text("2 of 3")
    page.wait_for_function("box => box.offsetWidth > box.offsetHeight", arg=sheets.nth(1).element_handle())
    fitted = page.locator(".zoom").inner_text()
    page.get_by_role("button", name="Larger").click()
    expect(page.locator(".zoom")).not_to_have_text(fitted)
    page.wait_for_function("width => document.querySelector('.pages .page').offsetWidth > width", arg=upright["width"])
    page.get_by_role("button", name="Smaller").click()
    page.get_by_role("button", name="Fit", exact=True).click()
    expect(page.locator(".zoom")).to_have_text(fitted)
    expect(page.get_by_role("button", name="Fit", exact=True)).to_have_attribute("aria-pressed", "true")


def test_the_place_that_is_looked_at_stays_when_pages_change_their_size(
    opened: Callable[[str], Any], papers: Path
) -> None:
    write_pdf(papers / "long.pdf", [paragraph(50, 400, [f"The middle of page {number}."]) for number in range(1, 10)])
    page = opened("long.pdf")
    words = page.locator(".textLayer span", has_text="The middle of page 6.")
    field = page.locator(".page-field")
    field.fill("6")
    field.press("Enter")
    expect(words).to_be_in_viewport()
    for name in ("Larger", "Larger", "Pages as pictures", "Fit"):
        page.get_by_role("button", name=name, exact=True).click()
        expect(words).to_be_in_viewport()
        expect(page.locator(".page-number")).to_have_text("6 of 9")
    page.set_viewport_size({"width": 1100, "height": 900})
    expect(words).to_be_in_viewport()
    expect(page.locator(".page-number")).to_have_text("6 of 9")


def test_a_button_that_has_no_further_page_keeps_the_focus_and_the_keys(
    opened: Callable[[str], Any], papers: Path
) -> None:
    a_pdf(papers / "plan.pdf", turned=2)
    page = opened("plan.pdf")
    following = page.get_by_role("button", name="Next page")
    expect(page.locator(".page-number")).to_have_text("1 of 3")
    for number in (2, 3):
        following.press("Enter")
        expect(page.locator(".page-number")).to_have_text(f"{number} of 3")
    expect(following).to_be_disabled()
    expect(following).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".page-number")).to_have_text("3 of 3")
    page.keyboard.press("Escape")
    expect(page.locator(".source")).to_have_count(0)


LIES_ON = """([page, mark]) => {
  const [around, { left, top, right, bottom }] = [page.getBoundingClientRect(), mark.getBoundingClientRect()];
  const at = (one, from, length) => Math.round((100 * (one - from)) / length);
  const across = [left, right].map((one) => at(one, around.left, around.width));
  return [...across, ...[top, bottom].map((one) => at(one, around.top, around.height))];
}"""
"""Where a mark lies on its page: left, right, top and bottom in percent."""


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_words_are_found_where_they_lie_however_a_page_is_turned(
    opened: Callable[[str], Any], papers: Path, rotate: int
) -> None:
    write_pdf(papers / "plan.pdf", [[Line(61, 79, "Sluice and weir", size=20)]], rotate=rotate)
    page = opened("plan.pdf")
    sheet = page.locator(".pages .page")
    page.get_by_label("Find in this document").fill("sluice and weir")
    mark = page.locator(".textLayer mark")
    expect(mark).to_have_text("Sluice and weir")
    for turned in (0, 90, 180, 270):
        wide = (rotate + turned) % 180 != 0
        page.wait_for_function(
            "([box, wide]) => box.offsetWidth > box.offsetHeight === wide", arg=[sheet.element_handle(), wide]
        )
        expect(page.locator(".textLayer")).to_have_attribute("data-main-rotation", str((rotate + turned) % 360))
        expect(mark).to_be_visible()
        left, right, top, bottom = page.evaluate(LIES_ON, [sheet.element_handle(), mark.element_handle()])
        corner = {  # of the page on which the words stand
            0: left < 15 and top < 15,
            90: right > 85 and top < 15,
            180: right > 85 and bottom > 85,
            270: left < 15 and bottom > 85,
        }
        assert corner[(rotate + turned) % 360], (left, right, top, bottom)
        assert (right - left > bottom - top) is not wide
        page.get_by_role("button", name="More for this document").click()
        page.get_by_role("menuitem", name="Turn the pages").click()


def test_pages_that_leave_the_view_while_they_are_drawn_are_drawn_later(
    opened: Callable[[str], Any], papers: Path
) -> None:
    write_pdf(papers / "long.pdf", [paragraph(50, 100, [f"Line {line}." for line in range(50)])] * 9)
    page = opened("long.pdf")
    first = page.locator('.page[data-page="1"] .textLayer')
    expect(first).to_contain_text("Line 49")
    for wait_ms in (20, 40, 60, 80, 100):
        page.locator(".pages").evaluate(SCROLLED_AWAY_AND_BACK, wait_ms)
    expect(first).to_contain_text("Line 49")
    expect(page.locator(".pages .note")).to_have_count(0)


def test_words_are_found_on_the_pages_of_a_pdf_and_each_is_gone_to(opened: Callable[[str], Any], papers: Path) -> None:
    lines = [f"Line {line} of the plan." for line in range(40)]
    lines[3], lines[38] = "The mill race is clean.", "Here the MILL RACE ends; a mill"
    lines[39] = "race is dug anew."  # over the end of a line
    write_pdf(papers / "plan.pdf", [paragraph(50, 60, lines), paragraph(50, 60, lines[:20])])
    page = opened("plan.pdf")
    expect(page.locator('.page[data-page="1"] .textLayer')).to_contain_text("Line 37")
    page.get_by_label("Find in this document").fill("mill race")
    toolbar, current = page.locator(".source .toolbar"), page.locator(".textLayer mark.current")
    expect(toolbar).to_contain_text("1 of 4")
    expect(current).to_have_text("mill race")
    expect(current).to_be_in_viewport()
    expect(page.locator('.page[data-page="1"] mark.found')).to_have_count(4)  # one of them in two lines
    page.get_by_label("Find in this document").press("Enter")
    expect(current).to_have_text("MILL RACE")
    expect(current).to_be_in_viewport()
    page.get_by_label("Find in this document").press("Enter")
    expect(current).to_have_text(["mill", "race"])
    page.get_by_label("Find in this document").press("Enter")
    expect(page.locator('.page[data-page="2"] mark.current')).to_be_in_viewport()
    expect(toolbar).to_contain_text("4 of 4")
    expect(page.locator('.page[data-page="2"] .textLayer')).to_contain_text("The mill race is clean.")
    page.get_by_label("Find in this document").press("Escape")
    expect(page.locator(".textLayer mark")).to_have_count(0)


def test_a_page_is_gone_to_by_what_is_printed_on_it(opened: Callable[[str], Any], papers: Path) -> None:
    contents = [f"BT /F1 10 Tf 72 700 Td (This is sheet {number}.) Tj ET" for number in range(1, 6)]
    labels = "/PageLabels << /Nums [0 << /S /r /St 4 >> 2 << /S /D >>] >>"  # iv, v, 1, 2, 3
    write_raw(papers / "book.pdf", contents, catalog=labels)
    page = opened("book.pdf")
    status, field = page.locator(".page-number"), page.locator(".page-field")
    expect(status).to_have_text("iv (1 of 5)")
    field.fill("2")
    field.press("Enter")
    expect(status).to_have_text("2 (4 of 5)")
    field.fill("V")
    field.press("Enter")
    expect(status).to_have_text("v (2 of 5)")
    field.fill("5")  # printed nowhere: the fifth sheet
    field.press("Enter")
    expect(status).to_have_text("3 (5 of 5)")
    field.fill("77")
    expect(field).to_have_attribute("aria-invalid", "true")
    field.press("Escape")
    expect(field).to_have_value("3")
    field.fill("1")
    field.press("Enter")
    expect(status).to_have_text("1 (3 of 5)")
    page.get_by_role("button", name="Pages as pictures").click()  # the pages become smaller beside them
    expect(page.get_by_role("button", name="page v (sheet 2)")).to_have_text("v")
    shown = "number => document.querySelector(`[data-page='${number}']`).getBoundingClientRect().top < innerHeight / 3"
    page.wait_for_function(shown, arg=3)
    expect(status).to_have_text("1 (3 of 5)")


def test_code_has_its_line_numbers(opened: Callable[[str], Any], papers: Path) -> None:
    (papers / "bees.py").write_text(
        "\n".join(f"hive_{number} = {number}" for number in range(1, 301)), encoding="utf-8"
    )
    page = opened("bees.py")
    lines = page.locator(".document-text.code .line")
    expect(lines).to_have_count(300)
    assert lines.evaluate_all("all => all.map((line) => Number(line.dataset.number))") == list(range(1, 301))
    shown = lines.nth(249).evaluate("line => getComputedStyle(line, '::before').content")
    assert shown in ("attr(data-number)", '"250"')
    page.get_by_label("Find in this document").fill("hive_250 ")
    expect(page.locator("mark.current")).to_be_in_viewport()


def test_a_moment_of_a_video_leads_to_its_second(window: Any, fake: Any) -> None:
    said = "The mill stops.\nThe wheel is sold."
    video = "https://www.youtube.com/watch?v=abcdefghijk"
    one = fake.put(video, said, media_type="text/vtt")
    fake.layouts[one.id] = Layout((), ((0, Place(start_s=5.0)), (16, Place(start_s=65.0))))
    go(window.page, "Library")
    window.page.reload()
    window.page.locator(".row-line .link-row").click()
    times = window.page.locator(".moment a.time")
    expect(times).to_have_text(["0:05", "1:05"])
    expect(times.last).to_have_attribute("href", f"{video}&t=65s")
    expect(times.last).to_have_attribute("rel", "noopener noreferrer")


def test_where_no_desktop_can_open_it_the_path_is_said(
    opened: Callable[[str], Any], papers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    (papers / "garden.txt").write_text("Tomatoes like water.", encoding="utf-8")
    page = opened("garden.txt")
    for action in ("Open in its own program", "Show in its folder"):
        page.get_by_role("button", name="More for this document").click()
        page.get_by_role("menuitem", name=action).click()
        expect(page.locator(".notice.bad").last).to_contain_text("No desktop is running where Docent runs.")
    expect(page.locator(".notice .remedy").first).to_contain_text(str(papers / "garden.txt"))


def test_a_file_is_opened_in_its_own_program_and_its_folder_shown(
    opened: Callable[[str], Any], papers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = tmp_path / "opened.txt"
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text(f"#!/bin/sh\necho \"$1\" >> '{said}'\n", encoding="utf-8")
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", f"{opener.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":0")
    (papers / "garden.txt").write_text("Tomatoes like water.", encoding="utf-8")
    page = opened("garden.txt")
    for count, action in enumerate(("Open in its own program", "Show in its folder"), 1):
        page.get_by_role("button", name="More for this document").click()
        page.get_by_role("menuitem", name=action).click()
        while not said.exists() or len(said.read_text(encoding="utf-8").splitlines()) < count:
            page.wait_for_timeout(20)
    assert said.read_text(encoding="utf-8").splitlines() == [str(papers / "garden.txt"), str(papers)]
    expect(page.locator(".notice.bad")).to_have_count(0)


def test_the_text_of_a_page_is_selected_and_copied(opened: Callable[[str], Any], papers: Path) -> None:
    write_pdf(papers / "plan.pdf", [paragraph(50, 100, ["Tomatoes like water."])])
    page = opened("plan.pdf")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    line = page.locator(".textLayer span", has_text="Tomatoes")
    line.element_handle().wait_for_element_state("stable")
    box = line.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 1, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"], middle, steps=4)
    page.mouse.up()
    page.wait_for_function("() => getSelection().toString().trim() === 'Tomatoes like water.'")
    page.keyboard.press("Control+c")
    page.wait_for_function("navigator.clipboard.readText().then(text => text.trim() === 'Tomatoes like water.')")


def test_the_pane_is_closed_until_a_source_is_opened(filled: Any, gate: Any) -> None:
    gate.open()
    ask(filled.page, "When does the observatory open?")
    expect(filled.page.locator(".exchange .card")).to_have_count(1)
    expect(filled.page.locator(".source")).to_have_count(0)
    filled.page.locator(".exchange:not(.running) .chip").click()
    expect(filled.page.locator(".source")).to_be_visible()
    filled.page.locator(".source").get_by_role("button", name="Close").click()
    expect(filled.page.locator(".source")).to_have_count(0)


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


def test_a_narrow_window_shows_the_source_in_place_of_the_chat(
    filled: Any, gate: Any, open_page: Callable[..., Any], screenshots: Path
) -> None:
    gate.open()
    ask(filled.page, "When was the garden planted?")
    expect(filled.page.locator(".exchange .card")).to_have_count(1)
    page = open_page(filled.page.url, width=800, height=768, scheme="dark", cookies=filled.page.context).page
    page.locator(".exchange:not(.running) .chip").click()
    expect(page.locator(".source mark").first).to_be_visible()
    pane = page.locator(".source").bounding_box()
    assert (round(pane["x"]), round(pane["width"])) == (56, 744)  # no half of the chat beside it
    page.screenshot(caret="initial", path=screenshots / "narrow-source-dark.png")
    page.locator(".source").get_by_role("button", name="Close").click()
    expect(page.locator(".source")).to_have_count(0)
    page.get_by_role("button", name="Chats").click()
    expect(page.locator(".chat-row").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 800
