"""The library as a person looks through it: a tree of folders, many rows, copies, what is away or watched."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import expect

from app.errors import UsageError
from app.feed import ConversationsChanged, DocumentsChanged
from rag.types import Source
from tests.ui.steps import go

pytestmark = pytest.mark.browser
NAMES = ".row-line .cell.name"


@pytest.fixture
def library(serve: Callable[[Any], Any], fake: Any, open_page: Callable[..., Any]) -> Callable[[], Any]:
    """Opens the library over what the fake holds by then."""

    def start() -> Any:
        served = serve(fake)
        watched = open_page(served.link)
        watched.served = served
        go(watched.page, "Library")
        return watched

    return start


@pytest.fixture
def tree(fake: Any) -> Any:
    fake.known.append(Source(1, "folder", "/papers", 0.0))
    for path, text in (
        ("z.txt", "a"),
        ("tax/2024/return.txt", "b" * 90),
        ("tax/2023/return.txt", "c" * 50),
        ("a10.txt", "d"),
    ):
        fake.put(f"/papers/{path}", text)
    return fake


def test_documents_stand_below_their_folders_which_stay_folded(library: Callable[[], Any], tree: Any) -> None:
    page = library().page
    rows = page.locator(".row-line")
    expect(rows).to_have_count(8)
    folders = page.locator(".branch-row")
    expect(folders).to_contain_text(["tax 2", "2023 1", "2024 1"])
    expect(page.locator(NAMES)).to_have_text(["return.txt", "return.txt", "a10.txt", "z.txt"])
    page.get_by_role("button", name="Fold tax", exact=True).click()
    expect(rows).to_have_count(4)
    page.reload()
    expect(rows).to_have_count(4)
    page.get_by_role("button", name="Unfold tax", exact=True).click()
    expect(rows).to_have_count(8)


def test_a_list_in_another_order_or_of_what_was_found_names_the_folders(library: Callable[[], Any], tree: Any) -> None:
    page = library().page
    page.get_by_role("button", name="Size", exact=True).click()
    expect(page.locator(".branch-row")).to_have_count(0)
    expect(page.locator(NAMES).nth(2)).to_have_text("return.txt tax/2023")
    expect(page.locator(NAMES).nth(3)).to_have_text("return.txt tax/2024")
    page.get_by_role("columnheader", name="Name").get_by_role("button").click()
    page.fill("#library-filter", "return 2024")
    expect(page.locator(NAMES)).to_have_text(["return.txt tax/2024"])


def test_a_folder_of_the_tree_is_asked_alone_and_walked_by_keyboard(library: Callable[[], Any], tree: Any) -> None:
    page = library().page
    page.locator(".row-line", has_text="2023").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".row-line:focus")).to_contain_text("return.txt")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".row-line:focus")).to_contain_text("2023")
    expect(page.locator(NAMES)).to_have_count(3)
    page.keyboard.press("ArrowRight")
    expect(page.locator(NAMES)).to_have_count(4)
    page.get_by_role("button", name="Actions for 2024").click()
    page.get_by_role("menuitem", name="Ask this only").click()
    expect(page.locator(".scope")).to_contain_text("2024")


def test_a_hundred_thousand_rows_are_drawn_where_they_are_in_view(library: Callable[[], Any], fake: Any) -> None:
    fake.known.append(Source(1, "folder", "/papers", 0.0))
    for number in range(100_000):
        fake.put(f"/papers/{number % 100:02}/paper {number:06}.txt", "x")
    page = library().page
    expect(page.locator(".bar")).to_contain_text("100,000 documents", timeout=60_000)
    assert page.locator(".row-line").count() < 80
    page.locator(".row-line").first.focus()
    page.keyboard.press("End")
    expect(page.locator(".row-line:focus")).to_contain_text("paper 099999.txt")
    assert page.locator(".row-line").count() < 80
    page.fill("#library-filter", "099998")
    expect(page.locator(NAMES)).to_have_text(["paper 099998.txt 98"])


def test_copies_and_folders_that_are_away_are_shown_as_such(library: Callable[[], Any], fake: Any) -> None:
    fake.put("/papers/one.txt", "The same.", content_hash="5a" * 32)
    fake.put("/papers/two.txt", "The same.", content_hash="5a" * 32)
    fake.unreachable = ("/papers",)
    page = library().page
    expect(page.locator(".source-row .bad")).to_have_text("not found")
    expect(page.locator(".source-row .bad")).to_have_attribute("title", "This folder is not there at the moment. "
        "Its documents stay; connect its drive or remove it.")  # fmt: skip
    tag = page.locator(".row-line", has_text="two.txt").locator(".tag")
    expect(tag).to_have_attribute("title", "The same content as /papers/one.txt")
    expect(page.locator(".row-line", has_text="one.txt").locator(".tag")).to_have_count(0)
    go(page, "Chats")
    page.locator("#sync").get_by_role("button", name="1 folder not found").click()
    expect(page.locator(".library")).to_be_visible()


def test_folders_are_watched_or_not_as_one_likes(library: Callable[[], Any], fake: Any) -> None:
    page = library().page
    watch = page.get_by_role("button", name="Watch folders")
    expect(watch).to_have_attribute("aria-pressed", "true")
    watch.click()
    expect(watch).to_have_attribute("aria-pressed", "false")
    assert not fake.settings.server.watch
    assert "watch: false" in fake.settings.folder.config.read_text(encoding="utf-8")
    page.reload()
    expect(watch).to_have_attribute("aria-pressed", "false")
    watch.click()
    expect(watch).to_have_attribute("aria-pressed", "true")
    assert fake.settings.server.watch


def test_a_library_that_cannot_be_read_is_explained(
    serve: Callable[[Any], Any], fake: Any, open_page: Callable[..., Any]
) -> None:
    fake.broken = UsageError("The library is damaged.", "Rename library.db.")
    page = open_page(serve(fake).link).page
    expect(page.locator(".flow [role=alert]")).to_contain_text("The library is damaged.")
    expect(page.locator(".flow [role=alert]")).to_contain_text("Rename library.db.")


def test_removing_asks_first(filled: Any, fake: Any) -> None:
    page = filled.page
    go(page, "Library")
    page.get_by_role("button", name="Actions for garden papers").click()
    page.get_by_role("menuitem", name="Remove").click()
    expect(page.locator("dialog")).to_contain_text("The files stay where they are.")
    page.locator("dialog").get_by_role("button", name="Cancel").click()
    expect(page.locator(".row-line")).to_have_count(4)
    page.get_by_role("button", name="Actions for garden papers").click()
    page.get_by_role("menuitem", name="Remove").click()
    expect(page.locator("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    page.get_by_role("button", name="Actions for garden papers").click()
    page.get_by_role("menuitem", name="Remove").click()
    page.locator("dialog").get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator(".library")).to_contain_text("Nothing here yet")
    assert fake.rows == {}


def test_the_library_is_filtered_and_sorted_as_one_types(filled: Any) -> None:
    page = filled.page
    go(page, "Library")
    page.locator("#library-filter").press_sequentially("obse")
    expect(page.locator(".row-line:not(.source-row)")).to_have_count(1)
    for _ in range(4):
        page.keyboard.press("Backspace")
    expect(page.locator(".row-line:not(.source-row)")).to_have_count(3)
    page.get_by_role("button", name="Size", exact=True).click()
    page.get_by_role("button", name="Size", exact=True).click()
    expect(page.locator(".row-line:not(.source-row)").first).to_contain_text("observatory.md")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("navigator.clipboard.writeText('garden.txt')")
    page.locator("#library-filter").press("Control+v")
    expect(page.locator(".row-line:not(.source-row)")).to_have_count(1)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("Title", ["c.pdf", "b.txt", "a.md"]),
        ("Type", ["a.md", "c.pdf", "b.txt"]),
        ("Pages", ["a.md", "b.txt", "c.pdf"]),
        ("Status", ["b.txt", "a.md", "c.pdf"]),
        ("Passages", ["c.pdf", "a.md", "b.txt"]),
        ("Size", ["b.txt", "c.pdf", "a.md"]),
        ("Read", ["c.pdf", "b.txt", "a.md"]),
    ],
)
def test_each_column_sorts(library: Callable[[], Any], fake: Any, column: str, expected: list[str]) -> None:
    fake.put("/papers/a.md", "", title="Zebra", media_type="text/markdown", chunks=5, size=300, read_at=3e8)
    fake.put("/papers/b.txt", "", title="Yak", chunks=7, size=100, read_at=2e8, status="failed", error="It is damaged.")
    fake.put(
        "/papers/c.pdf",
        "",
        title="Xerus",
        media_type="application/pdf",
        chunks=2,
        size=200,
        read_at=1e8,
        status="skipped",
    )
    fake.rows[3] = replace(fake.rows[3], page_count=4)
    page = library().page
    head = page.get_by_role("columnheader", name=column, exact=True)
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    files = page.locator(".row-line:not(.source-row) .cell.name")
    expect(files).to_contain_text(expected)
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(files.first).to_contain_text(expected[-1])


def test_lists_that_are_read_anew_stay_where_they_were_scrolled_to(library: Callable[[], Any], fake: Any) -> None:
    fake.known.append(Source(1, "folder", "/papers", 0.0))
    for number in range(300):
        fake.put(f"/papers/paper {number:03}.txt", "x")
        fake.store.create(f"chat {number:03}")
    watched = library()
    page = watched.page
    rows = page.locator(".rows-body")
    rows.evaluate("box => { box.scrollTop = 3000; }")
    expect(page.locator(".row-line", has_text="paper 100.txt")).to_be_visible()
    fake.put("/papers/paper 300.txt", "x")
    watched.served.desk.feed.publish(DocumentsChanged())
    expect(page.locator(".bar")).to_contain_text("301 documents")
    assert rows.evaluate("box => box.scrollTop") == 3000
    go(page, "Chats")
    chats, row = page.locator(".list-body"), page.locator(".chat-row", has_text="chat 250")
    expect(page.locator(".chat-row").first).to_have_attribute("aria-setsize", "300")
    chats.evaluate("box => { box.scrollTop = 2000; }")
    expect(row).to_be_visible()
    before = row.bounding_box()
    fake.store.rename(next(one.id for one in fake.conversations() if one.title == "chat 249"), "another name")
    watched.served.desk.feed.publish(ConversationsChanged())
    expect(page.locator(".chat-row", has_text="another name")).to_have_count(1)
    assert row.bounding_box() == before
    fake.store.create("one more above")
    watched.served.desk.feed.publish(ConversationsChanged())
    expect(row).to_have_attribute("aria-setsize", "301")
    assert row.bounding_box() == before
