"""Documents of every kind laid out to be read, over the real library with the sample documents."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from app.assistant import Assistant
from app.events import Layout
from app.settings.paths import resource
from app.settings.schema import Settings
from rag.types import Block, Place
from tests.app.fakes import LightParts
from tests.ui.steps import ask, go

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not resource("samples").is_dir(), reason="the sample documents are not installed"),
]


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Any]:
    """The samples but for the slow ones."""
    folder = tmp_path / "papers"
    shutil.copytree(resource("samples"), folder)
    settings = Settings.model_validate({"data_dir": tmp_path / "docent", "model": {"name": None}})
    with Assistant(settings, LightParts(settings)) as assistant:
        assistant.sync([str(folder)])
        yield assistant


@pytest.fixture
def page(serve: Callable[[Any], Any], library: Any, open_page: Callable[..., Any]) -> Any:
    shown = open_page(serve(library).link).page
    go(shown, "Library")
    return shown


def _open(page: Any, name: str) -> Any:
    page.locator(".row-line").get_by_role("button", name=name).first.click()
    body = page.locator(".source-body")
    expect(page.locator(".source-title")).to_contain_text(name)
    return body


def test_word_processor_documents_have_headings_lists_and_tables(page: Any, screenshots: Path) -> None:
    body = _open(page, "Restoration contract.docx")
    expect(body.get_by_role("heading", name="1. The work")).to_be_visible()
    expect(body.locator(".item", has_text="Only lime mortar")).to_be_visible()
    expect(body.locator(".doc-margin").first).to_contain_text("Gull Rock Trust")
    page.screenshot(caret="initial", path=screenshots / "docx-light.png")
    page.get_by_role("button", name="Text", exact=True).click()
    expect(body.locator(".document-text")).to_contain_text("1. The work")
    expect(body.get_by_role("heading", name="1. The work")).to_have_count(0)
    expect(_open(page, "Volunteer handbook.odt").get_by_role("heading", name="Your first day")).to_be_visible()
    expect(_open(page, "Birds of Tarn Holm.html").locator("table")).to_be_visible()
    expect(_open(page, "Galley cookbook.epub").locator(".item", has_text="350 g flour")).to_be_visible()


MARKDOWN = """# The **mill**

Read *this*, `the code` and [the plan](https://example.org/a_(b)); snake_case_name stays.

- a point with **bold `code` in it**
- [x] done

> Quoted words.
> They go on.

```python
wheels = 2**4
```

| Part | State |
|---|---|
| **Wheel** | `sold` |
"""


def test_markdown_is_read_without_its_signs_and_found_with_them(
    serve: Callable[[Any], Any], open_page: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "mill.md").write_text(MARKDOWN, encoding="utf-8")
    settings = Settings.model_validate({"data_dir": tmp_path / "docent", "model": {"name": None}})
    with Assistant(settings, LightParts(settings)) as assistant:
        assistant.sync([str(tmp_path / "papers")])
        page = open_page(serve(assistant).link).page
        go(page, "Library")
        body = _open(page, "mill.md").locator(".document-read")
        expect(body.get_by_role("heading", name="The mill", exact=True)).to_be_visible()
        expect(body.locator("p").first).to_have_text("Read this, the code and the plan; snake_case_name stays.")
        expect(body.locator("em")).to_have_text("this")
        expect(body.locator(".item")).to_have_text(["• a point with bold code in it", "☑ done"])
        expect(body.locator("strong code")).to_have_text("code")
        expect(body.locator("q")).to_have_text("Quoted words. They go on.")
        expect(body.locator("pre")).to_have_text("wheels = 2**4")
        expect(body.locator("td strong")).to_have_text("Wheel")
        page.get_by_label("Find in this document").fill("example.org")
        expect(body.locator("mark.current")).to_have_text("example.org")
        page.get_by_label("Find in this document").fill("the code")
        expect(body.locator("code mark.current")).to_have_text("the code")


def test_slides_and_sheets_are_pages(page: Any, screenshots: Path) -> None:
    body = _open(page, "Lens talk.pptx")
    slide = body.get_by_role("region", name="slide 2")
    expect(slide.get_by_role("heading", name="The trouble with a lamp")).to_be_visible()
    expect(slide.locator(".doc-note")).to_contain_text("Let somebody hold the torch")
    page.screenshot(caret="initial", path=screenshots / "pptx-light.png")
    body = _open(page, "Visitors and volunteers.xlsx")
    sheet = body.get_by_role("region", name="sheet 2")
    expect(sheet.get_by_role("heading", name="Volunteers")).to_be_visible()
    expect(sheet.locator("tr", has_text="Torvald Hegge")).to_be_visible()


def test_a_mail_has_its_headers_and_a_transcript_its_times(page: Any, screenshots: Path) -> None:
    body = _open(page, "Storm damage.eml")
    expect(body.locator(".mail-headers dt").first).to_have_text("From")
    expect(body.locator(".mail-headers dd").first).to_contain_text("Ingrid Sallow")
    body = _open(page, "Interview with Nora Dacre.vtt")
    expect(body.locator(".moment .time").nth(3)).to_have_text("1:00")
    page.screenshot(caret="initial", path=screenshots / "transcript-light.png")


def test_a_quote_is_marked_in_the_laid_out_document(window: Any, fake: Any, gate: Any) -> None:
    text = (
        "The garden\n\n" + "Filler.\n\n" * 200 + "- Tomatoes are watered every second day.\n\nIt was planted in 1987."
    )
    item = text.index("- Tomatoes")
    document = fake.put("/papers/garden.docx", text, media_type="application/vnd.openxmlformats")
    blocks = (Block(0, 10, "heading", 1), Block(item, text.index("\n\nIt"), "list"))
    fake.layouts[document.id] = Layout(blocks, ((0, Place()),))
    gate.open()
    ask(window.page, "How often are tomatoes watered?")
    window.page.locator(".exchange:not(.running) .chip").first.click()
    expect(window.page.locator(".item mark.quote")).to_be_in_viewport()
    expect(window.page.get_by_role("heading", name="The garden")).to_have_count(1)


def test_pages_of_a_pdf_have_thumbnails(page: Any) -> None:
    body = _open(page, "A short history of Gull Rock Light.pdf")
    body.get_by_role("button", name="Pages as pictures").click()
    strip = body.get_by_role("navigation", name="Pages as pictures")
    expect(strip.get_by_role("button")).to_have_count(3)
    strip.get_by_role("button", name="page 3").click()
    expect(page.locator(".page-number")).to_have_text("3 of 3")
    expect(strip.locator("img").last).to_have_js_property("complete", True)
    page.wait_for_function("picture => picture.naturalWidth > 0", arg=strip.locator("img").last.element_handle())


def test_a_deleted_file_says_so_and_its_text_can_be_read(page: Any, tmp_path: Path) -> None:
    (tmp_path / "papers" / "Storm damage.eml").unlink()
    body = _open(page, "Storm damage.eml")
    expect(body.locator(".missing")).to_contain_text("not there at the moment")
    expect(body.locator(".mail-headers")).to_be_visible()
    page.get_by_role("button", name="More for this document").click()
    expect(page.get_by_role("menuitem")).to_have_text(["Summarise", "Ask only this in the chat"])


@pytest.mark.parametrize(
    ("locale", "places", "summarise", "title"),
    [
        ("en", ("Library", "Actions for"), "Summarise", "Summary:"),
        ("de", ("Bibliothek", "Aktionen für"), "Zusammenfassen", "Zusammenfassung:"),
    ],
)
def test_a_whole_document_is_summarised_in_a_chat_of_its_own(
    serve: Callable[[Any], Any],
    library: Any,
    open_page: Callable[..., Any],
    locale: str,
    places: tuple[str, str],
    summarise: str,
    title: str,
) -> None:
    page = open_page(serve(library).link, locale=locale).page
    go(page, places[0])
    page.get_by_role("button", name=f"{places[1]} A short history of Gull Rock Light.pdf").click()
    page.get_by_role("menuitem", name=summarise).click()
    answer = page.locator(".exchange:not(.running) .answer-text")
    expect(answer).to_contain_text("1911")  # the storm, in the middle of it
    assert answer.locator(".chip").count() > 4
    expect(page.locator(".chat-row.on")).to_contain_text(f"{title} A short history of Gull Rock Light")
    expect(page.locator(".scope b")).not_to_contain_text("13")
    page.keyboard.press("Alt+n")
    expect(page.locator(".scope b")).to_contain_text("13")


def test_a_document_is_pinned_to_the_chat_and_let_go(page: Any) -> None:
    _open(page, "Volunteer handbook.odt")
    go(page, "Chats")
    page.locator(".source").get_by_role("button", name="More for this document").click()
    page.get_by_role("menuitem", name="Ask only this in the chat").click()
    expect(page.locator(".scope")).to_contain_text("Volunteer handbook.odt")
    page.locator(".source").get_by_role("button", name="More for this document").click()
    page.get_by_role("menuitem", name="Ask everything in the chat again").click()
    expect(page.locator(".scope")).to_contain_text("all")


def test_cells_of_a_large_table_come_when_they_are_drawn(
    serve: Callable[[Any], Any], library: Any, open_page: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "ships"
    folder.mkdir()
    rows = "\n".join(f"Ship {number},{number % 97} masts,harbour of Aebeltoft {number}" for number in range(12_000))
    (folder / "ships.csv").write_text(f"name,masts,harbour\n{rows}\n", encoding="utf-8")
    library.sync([str(folder)])
    page = open_page(serve(library).link).page
    asked: list[str] = []
    page.on(
        "request",
        lambda request: asked.append(request.url.partition("/tables")[2]) if "/tables" in request.url else None,
    )
    go(page, "Library")
    body = _open(page, "ships.csv")
    expect(body.locator("td", has_text="harbour of Aebeltoft 3").first).to_be_visible()
    assert asked[0] == "?cells=false" and all("start=" in one for one in asked[1:])
    body.locator(".doc-group").last.scroll_into_view_if_needed()
    expect(body.locator("td", has_text="harbour of Aebeltoft 11999")).to_be_visible()
    assert 1 < len(asked) < 40, "only what is near the view"
