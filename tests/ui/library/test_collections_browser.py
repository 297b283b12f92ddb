"""Collections in the window, over the real library: made, asked, changed and deleted as a person would."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from app.assistant import Assistant
from app.settings.schema import Settings
from tests.app.fakes import LightParts
from tests.ui.steps import ask, go

pytestmark = pytest.mark.browser

PAPERS = {
    "animals/whales.txt": "The blue whale is the largest animal. It eats about four tonnes of krill a day.\n",
    "animals/bees.txt": "A bee visits about two thousand flowers a day.\n",
    "towers.md": "# Towers\n\nThe Eiffel Tower was opened in 1889. It stands in Paris.\n",
}


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    for name, text in PAPERS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def library(tmp_path: Path, papers: Path) -> Iterator[Assistant]:
    settings = Settings.model_validate({"data_dir": tmp_path / "docent", "model": {"name": None}})
    with Assistant(settings, LightParts(settings)) as assistant:
        assistant.sync([str(papers)])
        yield assistant


@pytest.fixture
def window(serve: Callable[[Any], Any], library: Assistant, open_page: Callable[..., Any]) -> Any:
    served = serve(library)
    watched = open_page(served.link)
    watched.served = served
    go(watched.page, "Library")
    return watched


def choose(page: Any, *names: str) -> None:
    for name in names:
        page.get_by_role("checkbox", name=f"Choose {name}").check()


def collect(page: Any, name: str, *names: str) -> None:
    """Makes a collection of rows that are chosen."""
    choose(page, *names)
    page.locator(".picked").get_by_role("button", name="Add to a collection").click()
    page.fill("#collection-name", name)
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_have_count(0)


def act(page: Any, name: str, action: str) -> None:
    page.get_by_role("button", name=f"Actions for {name}", exact=True).first.click()
    page.get_by_role("menuitem", name=action).click()


def test_a_collection_of_chosen_rows_is_asked_alone_and_remembered_by_its_chat(
    window: Any, library: Assistant, screenshots: Path
) -> None:
    page = window.page
    collect(page, "Animals", "whales.txt", "bees.txt")
    expect(page.locator(".notice").last).to_have_text("2 added to “Animals”.")
    expect(page.get_by_role("row", name="Fold Animals", exact=False).first).to_contain_text("2")
    expect(page.locator(".row-line", has_text="whales.txt")).to_have_count(2)  # in its folder and in the collection
    page.screenshot(caret="initial", path=screenshots / "collections-light.png")
    act(page, "Animals", "Ask this only")
    expect(page.locator(".scope")).to_contain_text("Animals")
    ask(page, "When was the Eiffel Tower opened?")
    expect(page.locator(".exchange:not(.running)")).to_have_count(1)
    expect(page.locator(".exchange")).not_to_contain_text("1889")
    page.reload()
    expect(page.locator(".scope")).to_contain_text("Animals")
    page.keyboard.press("Alt+n")
    expect(page.locator(".scope")).to_contain_text("all 3 documents")
    ask(page, "When was the Eiffel Tower opened?")
    expect(page.locator(".exchange:not(.running)")).to_contain_text("1889")
    page.locator(".scope").click()
    page.get_by_role("menuitem", name="What to ask").click()
    page.get_by_role("checkbox", name="Animals", exact=True).check()
    page.keyboard.press("Escape")
    expect(page.locator(".scope")).to_contain_text("Animals")
    ask(page, "How many flowers does a bee visit?")
    expect(page.locator(".exchange:not(.running)").last).to_contain_text("two thousand flowers")
    window.assert_quiet(window.served.address)


def test_a_collection_is_begun_empty_renamed_and_deleted_with_a_way_back(window: Any, library: Assistant) -> None:
    page = window.page
    page.get_by_role("button", name="New collection").click()
    page.fill("#collection-name", "Towers")
    page.keyboard.press("Enter")
    row = page.locator(".row-line", has_text="Towers").first
    expect(row).to_contain_text("nothing in it yet")
    act(page, "towers.md", "Add to a collection")
    page.get_by_role("checkbox", name="Towers", exact=True).check()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(row).not_to_contain_text("nothing in it yet")
    act(page, "Towers", "Rename")
    expect(page.locator("#collection-name")).to_have_value("Towers")
    page.fill("#collection-name", "Monuments")
    page.keyboard.press("Enter")
    expect(page.locator(".row-line", has_text="Monuments")).to_be_visible()
    page.get_by_role("button", name="New collection").click()
    page.fill("#collection-name", "monuments")
    page.keyboard.press("Enter")
    expect(page.locator(".notice.bad")).to_contain_text("There is a collection “monuments” already.")
    page.keyboard.press("Escape")
    act(page, "Monuments", "Delete the collection")
    expect(page.locator(".row-line", has_text="Monuments")).to_have_count(0)
    expect(page.locator(".row-line", has_text="towers.md")).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".row-line", has_text="Monuments")).to_be_visible()
    assert [len(library.documents_in(one.id)) for one in library.collections()] == [1]


def test_documents_and_folders_are_taken_out_and_moved_files_stay(
    window: Any, library: Assistant, papers: Path
) -> None:
    page = window.page
    collect(page, "Reading", "whales.txt", "papers")
    row = page.locator(".row-line", has_text="Reading")
    expect(row).to_contain_text("3")
    page.get_by_role("button", name="Actions for papers", exact=True).first.click()  # the folder in the collection
    page.get_by_role("menuitem", name="Take out of the collection").click()
    expect(row).to_contain_text("1")
    (papers / "animals" / "whales.txt").rename(papers / "whale.txt")
    page.get_by_role("button", name="Read new and changed files").click()
    expect(page.locator(".row-line", has_text="whale.txt")).to_have_count(2)
    act(page, "whale.txt", "Take out of the collection")
    expect(row).to_contain_text("nothing in it yet")
    act(page, "Reading", "Ask this only")
    ask(page, "What does the whale eat?")
    expect(page.locator(".notice.bad")).to_contain_text("Nothing in “Reading” can be searched.")
    expect(page.locator("#question")).to_have_value("What does the whale eat?")


def test_another_page_sees_collections_and_asks_no_deleted_one(
    window: Any, library: Assistant, open_page: Callable[..., Any]
) -> None:
    page = window.page
    collect(page, "Animals", "bees.txt")
    other = open_page(window.served.link).page
    other.keyboard.press("Control+k")
    other.fill("#palette", "animals")
    expect(other.get_by_role("option", name="Animals")).to_be_visible()
    other.keyboard.press("Enter")
    expect(other.locator(".scope")).to_contain_text("Animals")
    act(page, "Animals", "Delete the collection")
    expect(other.locator(".scope")).to_contain_text("all 3 documents")
    ask(other, "When was the Eiffel Tower opened?")
    expect(other.locator(".exchange:not(.running)")).to_contain_text("1889")


def test_the_next_key_may_come_before_the_next_frame(window: Any) -> None:
    page = window.page
    page.evaluate("window.requestAnimationFrame = (draw) => setTimeout(() => draw(performance.now()), 1000)")
    page.locator(".row-line", has_text="towers.md").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".row-line")).to_have_count(5)
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".row-line:focus")).to_contain_text("whales.txt")


def test_rows_are_chosen_folded_and_opened_by_keyboard_in_one_tab_stop(window: Any) -> None:
    page = window.page
    page.locator(".row-line").first.focus()
    expect(page.locator(".row-line:focus")).to_contain_text("papers")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".row-line:focus")).to_contain_text("animals")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".row-line:focus")).to_contain_text("bees.txt")
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name="Choose bees.txt")).to_be_checked()
    page.keyboard.press("End")
    expect(page.locator(".row-line:focus")).to_contain_text("towers.md")
    page.keyboard.press("Enter")
    expect(page.locator(".source-title")).to_contain_text("towers.md")
    page.locator(".row-line", has_text="towers.md").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".row-line")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(page.locator(".row-line")).to_have_count(5)
    stops = page.locator(".rows-body").evaluate(
        "box => [...box.querySelectorAll('*')].filter((one) => one.tabIndex >= 0).length"
    )
    assert stops <= 4  # the row that one is at, with its box, its name and its menu


def test_undo_of_a_deleted_collection_brings_back_what_chats_ask(window: Any, library: Assistant, papers: Path) -> None:
    page = window.page
    collect(page, "Animals", "whales.txt", "bees.txt")
    act(page, "Animals", "Ask this only")
    ask(page, "How much krill does the whale eat?")
    expect(page.locator(".exchange:not(.running)")).to_have_count(1)
    go(page, "Library")
    act(page, "Animals", "Delete the collection")
    go(page, "Chats")
    expect(page.locator(".scope")).to_contain_text("all 3 documents")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".scope")).to_contain_text("Animals")
