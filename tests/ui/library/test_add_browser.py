"""Ways to add documents: the desktop's own dialogs in Docent's own window, the list of this computer's files, and
folders that are dropped."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from app.pages.web_page import WebPage
from tests.ui.steps import add, go

pytestmark = pytest.mark.browser

DROPS = """(names) => {
  const data = new DataTransfer();
  for (const name of names) data.items.add(new File([`The file ${name}.`], name));
  window.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""

UNREADABLE = """() => {
  const entry = (name, file) => ({ name, isFile: true, file });
  const broken = entry("gone.txt", (done, failed) => failed(new DOMException("It is not there.", "NotFoundError")));
  const fine = entry("fine.txt", (done) => done(new File(["Fine."], "fine.txt")));
  let isRead = false;
  const readEntries = (done) => { done(isRead ? [] : [broken, fine]); isRead = true; };
  const folder = { name: "papers", isFile: false, createReader: () => ({ readEntries }) };
  const dropped = new DragEvent("drop", { bubbles: true, cancelable: true });
  const dataTransfer = { types: ["Files"], items: [{ webkitGetAsEntry: () => folder }], files: [] };
  Object.defineProperty(dropped, "dataTransfer", { value: dataTransfer });
  window.dispatchEvent(dropped);
}"""
"""Drops a folder of which one file cannot be read, as where its name leads nowhere."""


@dataclass
class FakeWindow:
    """Docent's own window on a desktop where a person chooses ``paths``; None where it has no dialog."""

    paths: list[str] | None
    asked: list[str] = field(default_factory=list)

    def choose(self, wanted: str) -> list[str] | None:
        self.asked.append(wanted)
        return self.paths


@pytest.fixture
def own(serve: Callable[..., Any], fake: Any, gate: Any, open_page: Callable[..., Any]) -> Any:
    """Opens Docent's own window over a desktop."""
    gate.open()

    def start(window: FakeWindow) -> Any:
        served = serve(fake, window)
        watched = open_page(f"{served.link}&window=own")
        watched.served = served
        return watched

    return start


def _open_dialog(page: Any) -> Any:
    page.locator(".composer").get_by_role("button", name="Add").click()
    expect(page.locator(".folders .path")).to_be_visible()
    return page.locator("dialog")


def _walk_to(page: Any, folder: Path) -> None:
    """Opens a folder in the list, from the person's own one."""
    place = page.locator(".folders .path")
    while page.get_by_role("button", name="Up", exact=True).is_enabled():
        before = place.inner_text()
        page.get_by_role("button", name="Up", exact=True).click()
        expect(place).not_to_have_text(before)
    for name in folder.parts[1:]:
        page.locator(".folders").get_by_role("button", name=name, exact=True).click()
        expect(place).to_contain_text(name)


def test_the_desktops_dialog_adds_folders_and_files_where_they_lie(own: Any, folder: Path, fake: Any) -> None:
    desktop = FakeWindow([str(folder / "garden.txt"), str(folder / "observatory.md")])
    watched = own(desktop)
    page = watched.page
    _open_dialog(page).get_by_role("button", name="Choose files…").click()
    expect(page.locator(".notice")).to_contain_text("2 files were added.")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator("#sync")).to_contain_text("2 ready")
    desktop.paths = [str(folder)]
    _open_dialog(page).get_by_role("button", name="Choose a folder…").click()
    expect(page.locator("#sync")).to_contain_text("1 problem")
    assert desktop.asked == ["files", "folder"]
    assert [source.location for source in fake.known] == [
        str(folder / "garden.txt"), str(folder / "observatory.md"), str(folder)
    ]  # fmt: skip
    assert not watched.served.desk.inbox.exists()  # nothing was copied
    watched.assert_quiet(watched.served.address)


def test_who_chooses_nothing_is_still_in_the_dialog_and_without_one_the_list_is_there(own: Any, fake: Any) -> None:
    desktop = FakeWindow([])
    page = own(desktop).page
    dialog = _open_dialog(page)
    with page.expect_response("**/desktop/choose"):
        dialog.get_by_role("button", name="Choose a folder…").click()
    expect(dialog.get_by_role("button", name="Choose a folder…")).to_be_enabled()
    desktop.paths = None
    dialog.get_by_role("button", name="Choose a folder…").click()
    expect(dialog.get_by_role("button", name="Choose a folder…")).to_have_count(0)
    expect(dialog.locator(".folders")).to_be_visible()
    assert fake.known == []


def test_files_are_chosen_in_the_list_of_this_computers_folders(window: Any, folder: Path, gate: Any) -> None:
    page = window.page
    gate.open()
    (folder / "picture.png").write_bytes(b"no document")
    dialog = _open_dialog(page)
    _walk_to(page, folder)
    expect(dialog.get_by_role("checkbox")).to_have_count(3)
    expect(dialog.locator(".folders")).to_contain_text("4 files")
    expect(page.locator("#add-here")).to_have_text("Add “garden papers”")
    dialog.get_by_role("checkbox", name="garden.txt").check()
    dialog.get_by_role("checkbox", name="observatory.md").press("Space")
    expect(page.locator("#add-here")).to_have_text("Add 2 files")
    page.get_by_role("button", name="Up", exact=True).click()
    expect(page.locator("#add-here")).to_have_text(f"Add “{folder.parent.name}”")
    page.locator(".folders").get_by_role("button", name=folder.name, exact=True).click()
    dialog.get_by_role("checkbox", name="garden.txt").check()
    page.click("#add-here")
    expect(page.locator("#sync")).to_contain_text("1 ready")
    go(page, "Library")
    expect(page.locator(".source-row")).to_contain_text("garden.txt")
    assert not window.served.desk.inbox.exists()
    window.assert_quiet(window.served.address)


@pytest.mark.only_chromium("files are dragged by a protocol of Chromium's")
def test_a_dropped_folder_is_taken_with_the_files_of_its_folders(window: Any, folder: Path, gate: Any) -> None:
    page = window.page
    gate.open()
    (folder / "deeper").mkdir()
    (folder / "deeper" / "bees.txt").write_text("Bees live behind the shed.", encoding="utf-8")
    (folder / ".hidden.txt").write_text("Nobody asked for this.", encoding="utf-8")
    dragging = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for step in ("dragEnter", "dragOver"):
        dragging.send("Input.dispatchDragEvent", {"type": step, "x": 400, "y": 300, "data": data})
    expect(page.locator(".drop")).to_contain_text("Drop files or folders")
    dragging.send("Input.dispatchDragEvent", {"type": "drop", "x": 400, "y": 300, "data": data})
    expect(page.locator(".drop")).to_have_count(0)
    expect(page.locator(".notice")).to_contain_text("4 files were added.")
    kept = sorted(path.name for path in window.served.desk.inbox.iterdir())
    page.locator(".notice").get_by_role("button", name="Ask these only").click()
    expect(page.locator(".scope")).to_contain_text("4 chosen")
    assert kept == ["bees.txt", "broken.docx", "garden.txt", "observatory.md"]


def test_many_files_say_how_far_they_are_and_can_be_stopped(window: Any, gate: Any) -> None:
    page = window.page
    gate.open()
    held: list[Any] = []
    page.route("**/api/uploads/*", lambda route: held.append(route) if len(held) < 2 else route.continue_())
    page.evaluate(DROPS, ["one.txt", "two.txt", "three.txt"])
    taking = page.locator(".taking")
    expect(taking).to_contain_text("Taking file 1 of 3")
    page.evaluate(DROPS, ["four.txt"])  # waits for these
    expect(taking).to_contain_text("Taking file 1 of 4")
    held[0].continue_()
    expect(taking).to_contain_text("Taking file 2 of 4")
    expect(taking.get_by_role("progressbar")).to_have_attribute("value", "1")
    while len(held) < 2:
        page.wait_for_timeout(20)
    taking.get_by_role("button", name="Take no further files").click()
    held[1].fulfill(status=413, json={"error": {"message": "two.txt is larger than 1 MB.", "remedy": "Split it."}})
    expect(page.locator(".notice.bad")).to_contain_text("two.txt is larger than 1 MB. Split it.")
    expect(page.locator(".notice", has_text="1 file was added.")).to_be_visible()
    expect(taking).to_have_count(0)
    assert [path.name for path in window.served.desk.inbox.iterdir()] == ["one.txt"]


def test_files_of_a_dropped_folder_that_cannot_be_read_are_named_and_the_others_taken(window: Any, gate: Any) -> None:
    page = window.page
    gate.open()
    page.evaluate(UNREADABLE)
    expect(page.locator(".notice.bad")).to_contain_text("“gone.txt” cannot be read here. Add their folder")
    expect(page.locator(".notice", has_text="1 file was added.")).to_be_visible()
    page.evaluate(UNREADABLE.replace("[broken, fine]", "[]"))
    expect(page.locator(".notice", has_text="There is no file in it.")).to_be_visible()


def test_what_cannot_be_added_is_said_with_the_remedy(window: Any) -> None:
    add(window.page, "/no/such/folder")
    expect(window.page.locator(".notice.bad")).to_contain_text("There is no folder or file /no/such/folder.")
    expect(window.page.locator(".notice.bad .remedy")).to_be_visible()
    window.page.fill("#location", "https://www.youtube.com/watch?v=blocked0000")
    window.page.keyboard.press("Enter")
    expect(window.page.locator("#sync [role=alert]")).to_contain_text("Try again later.")


def test_a_web_page_is_added_by_its_address(window: Any, gate: Any) -> None:
    page = window.page
    gate.open()
    content = b"<title>Tide mill</title><p>The mill stopped in 1912.</p>"
    window.served.desk.fetch = lambda url: WebPage(url, "Tide mill.html", content)
    add(page, "https://mills.example/tide")
    expect(page.locator(".notice")).to_contain_text("Docent reads Tide mill.html")
    go(page, "Library")
    expect(page.locator(".row-line", has_text="Tide mill.html")).to_contain_text("Ready")


def test_a_folder_is_chosen_in_a_list_of_this_computers_folders(window: Any, folder: Path, gate: Any) -> None:
    page = window.page
    gate.open()
    page.get_by_role("button", name="Add a folder").click()
    expect(page.locator(".folders .path")).to_be_visible()
    page.evaluate("path => fetch(`/api/folders?path=${encodeURIComponent(path)}`)", str(folder.parent))
    while page.get_by_role("button", name="Up", exact=True).is_enabled():
        before = page.locator(".folders .path").inner_text()
        page.get_by_role("button", name="Up", exact=True).click()
        expect(page.locator(".folders .path")).not_to_have_text(before)
    for name in folder.parts[1:]:
        page.locator(".folders li button", has_text=name).filter(has=page.locator(f"text=/^{name}$/")).first.click()
        expect(page.locator(".folders .path")).to_contain_text(name)
    expect(page.locator(".folders")).to_contain_text("3 files")
    page.click("#add-here")
    expect(page.locator("#sync")).to_contain_text("2 ready")


def test_chosen_and_dropped_files_are_kept_in_the_inbox(window: Any, folder: Path, gate: Any) -> None:
    page = window.page
    gate.open()
    page.locator(".composer").get_by_role("button", name="Add").click()
    page.locator("#files").set_input_files(folder / "garden.txt")
    expect(page.locator("#sync")).to_contain_text("1 ready")
    page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(["Bees live behind the shed."], "bees.txt"));
            window.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
    )
    expect(page.locator("#sync")).to_contain_text("2 ready")
    go(page, "Library")
    expect(page.locator(".source-row")).to_contain_text("Added files")
    expect(page.locator(".row-line", has_text="bees.txt").first).to_be_visible()
    kept = sorted(path.name for path in window.served.desk.inbox.iterdir())
    assert kept == ["bees.txt", "garden.txt"]
