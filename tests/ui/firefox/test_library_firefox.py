"""The library in headless Firefox: rows by keyboard, folders and files that are added, what could not be read."""

from pathlib import Path
from typing import Any

import pytest

from tests.ui.conftest import GARDEN
from tests.ui.firefox.driver import FirefoxPage

pytestmark = pytest.mark.firefox


@pytest.fixture
def library(page: FirefoxPage) -> FirefoxPage:
    page.click('.rail a[href="/library"]')
    page.counts(".row-line", 3)
    return page


def add_documents(page: FirefoxPage) -> None:
    """Opens the dialog of what is added, by the palette."""
    page.press("Control+k")
    page.focuses("#palette")
    page.type("add documents")
    page.counts("#palette-list li", 1)
    page.press("Enter")
    page.focuses("#location")


def test_rows_are_chosen_and_dialogs_closed_by_keyboard(library: FirefoxPage, served: Any) -> None:
    page = library
    page.run("() => { document.querySelector('.row-line').focus(); }")
    page.focuses(".row-line")
    page.press("End")
    page.wait("() => document.activeElement.textContent.includes('mill.txt')")
    page.press("Space")
    page.sees(".picked", "1 chosen")
    page.click("#new-collection")
    page.focuses("#collection-name")
    page.press("Escape")
    page.counts("dialog", 0)
    page.click("#library-filter")
    page.type("garden")
    page.counts(".row-line", 2)
    for _ in "garden":
        page.press("Backspace")
    page.counts(".row-line", 3)
    page.assert_quiet(served.address)


def test_a_folder_is_added_read_and_removed(library: FirefoxPage, folder: Path, gate: Any) -> None:
    page = library
    add_documents(page)
    page.type(str(folder))
    page.press("Enter")
    gate.let(3)
    page.sees(".row-line", "observatory.md")
    page.click(".link-button", "1 problem")
    page.sees(".row-line", "The file is damaged: it ends in the middle.")
    page.wait("() => ![...document.querySelectorAll('.row-line')].some((one) => one.textContent.includes('mill.txt'))")
    page.write("#library-filter", "broken")
    page.counts(".row-line", 2)
    page.click('[aria-label="Actions for garden papers"]')
    page.click("[role=menuitem]", "Remove")
    page.sees("dialog", "Remove from Docent?")
    page.click("dialog .danger")
    page.counts("dialog", 0)
    page.sees(".notice", "was removed")


def test_chosen_and_dropped_files_are_kept(library: FirefoxPage, served: Any, folder: Path, gate: Any) -> None:
    page = library
    gate.open()
    add_documents(page)
    page.counts("#files", 1)
    page.choose_files("#files", folder / "garden.txt")
    page.sees(".source-row", "Added files")
    page.run(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(["Bees live behind the shed."], "bees.txt"));
            window.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
    )
    page.sees(".row-line", "bees.txt")
    assert sorted(path.name for path in served.desk.inbox.iterdir()) == ["bees.txt", "garden.txt"]


def test_a_collection_is_made_and_asked_alone(library: FirefoxPage, served: Any) -> None:
    page = library
    page.run("() => { document.querySelector('.source-row').focus(); }")
    page.focuses(".source-row")
    page.press("ArrowDown")
    page.focuses(".row-line:not(.source-row)")
    page.press("Space")
    page.sees(".picked", "1 chosen")
    page.click(".picked button", "Ask these only")
    page.sees(".scope", "garden.txt")


def test_what_documents_say_runs_nothing(library: FirefoxPage, served: Any, folder: Path, gate: Any) -> None:
    page = library
    gate.open()
    (folder / "hostile.txt").write_text(GARDEN, encoding="utf-8")
    served.desk.add(str(folder))
    page.click(".row-line button.link-row", "hostile.txt")
    page.sees(".source", "<script>alert(1)</script>")
    page.assert_quiet(served.address)
