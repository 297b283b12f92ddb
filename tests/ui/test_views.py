"""The three panes' HTML from values, read back as a browser would."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import html as parser

from app.events import ConversationInfo, DocumentView
from rag.parsers.builder import DocumentBuilder
from rag.parsers.table import Table
from rag.text.markers import AnswerPart
from rag.types import Filter, Source
from tests.ui.fakes import a_document
from tests.ui.hostile import HOSTILE, assert_harmless
from ui.answering import Progress
from ui.chat_view import SAMPLE_QUESTIONS, ago, conversations_list, live, sample_questions, welcome
from ui.documents_view import ROWS, documents_list, progress, scope_line
from ui.source_view import AROUND, gone, located, source
from ui.state import ListView, SourceView
from ui.syncing import SyncProgress

INBOX = Path("/data/inbox")
FOLDER = Source(1, "folder", "/home/ada/papers", 0.0)


def tree(html: str) -> Any:
    return parser.fragment_fromstring(html, create_parent="div")


def having(html: str, attribute: str, value: str) -> list[Any]:
    """The elements with a class, or with an attribute of that value."""
    return [element for element in tree(html).iter() if value in element.get(attribute, "").split(" ")]


def texts(html: str, css_class: str) -> list[str]:
    return [element.text_content() for element in having(html, "class", css_class)]


def test_the_empty_list_says_what_to_do() -> None:
    assert "Type the path of a folder" in documents_list([], [], ListView(), INBOX, None)
    assert 'data-act="samples"' not in documents_list([], [], ListView(), INBOX, None)
    assert 'data-act="samples"' in documents_list([], [], ListView(), INBOX, Path("/samples"))


def test_troubled_documents_come_first_with_their_reason() -> None:
    rows = [
        a_document(1, "/home/ada/papers/fine.txt", chunks=1),
        a_document(2, "/home/ada/papers/locked.pdf", status="failed", error="A password protects it.", chunks=0),
        a_document(3, "/home/ada/papers/big.txt", status="skipped", error="It is larger than 200 MB.", chunks=0),
    ]
    html = documents_list([FOLDER], rows, ListView(), INBOX, None)
    assert texts(html, "doc-name") == ["big.txt", "locked.pdf", "fine.txt"]
    assert texts(html, "why") == ["It is larger than 200 MB.", "A password protects it."]
    assert texts(html, "doc-detail") == ["Left out", "Not read", "1"]
    assert 'aria-label="1 passage"' in html
    assert texts(html, "trouble-count") == ["2 not read"]


def test_names_from_files_stay_text() -> None:
    row = a_document(1, f"/home/{HOSTILE}", title=HOSTILE, status="failed", error=HOSTILE)
    hostile = Source(1, "folder", f"/home/{HOSTILE}", 0.0)
    assert_harmless(documents_list([hostile], [row], ListView(), INBOX, None))
    assert_harmless(scope_line(Filter(folders=(hostile.location,), document_ids=frozenset({1})), [row]))
    assert_harmless(conversations_list([ConversationInfo(HOSTILE, HOSTILE, 0.0, 1)], None))
    parts = (AnswerPart(HOSTILE),)
    assert_harmless(live(Progress(HOSTILE, None, searched=HOSTILE, parts=parts, message=HOSTILE, done=True)))
    assert_harmless(welcome([HOSTILE], 3, reading=False, offer_samples=False))
    view = SourceView(1, HOSTILE, HOSTILE, quote="x", start=0, end=1, page=1)
    assert_harmless(gone(view, HOSTILE))
    assert_harmless(source(located(view, HOSTILE), DocumentView(row, HOSTILE, None)))


def test_a_long_list_is_cut_and_searched() -> None:
    rows = [a_document(n, f"/home/ada/papers/{n:05}.txt") for n in range(1, ROWS + 51)]
    html = documents_list([FOLDER], rows, ListView(), INBOX, None)
    assert len(texts(html, "doc")) == ROWS
    assert "and 50 more" in html
    found = documents_list([FOLDER], rows, ListView(query="00349"), INBOX, None)
    assert texts(found, "doc-name") == ["00349.txt"]
    assert "No document is called" in documents_list([FOLDER], rows, ListView(query="zebra"), INBOX, None)


def test_only_our_own_copies_can_be_removed_one_by_one() -> None:
    inbox = Source(2, "folder", str(INBOX), 0.0)
    ours = a_document(1, str(INBOX / "note.txt"), source_id=2)
    theirs = a_document(2, "/home/ada/papers/note.txt", source_id=1)
    html = documents_list([FOLDER, inbox], [ours, theirs], ListView(), INBOX, None)
    removable = [button.get("data-location") for button in having(html, "data-act", "remove")]
    assert removable == [FOLDER.location, str(INBOX), str(INBOX / "note.txt")]
    assert texts(html, "group-name") == ["papers", "Added files"]


def test_a_running_sync_shows_how_far_it_is() -> None:
    html = progress(SyncProgress(running=True, stage="document", done=3, total=12, path="/a/b.pdf"))
    assert "Reading 4 of 12" in html and 'aria-valuenow="25"' in html and "b.pdf" in html
    assert 'data-act="cancel"' not in progress(SyncProgress(running=True, cancelling=True))
    assert progress(SyncProgress()) == ""


def test_the_scope_is_named() -> None:
    rows = [a_document(n, f"/p/{n}.txt") for n in (1, 2, 3)]
    assert scope_line(Filter(), rows) == ""
    assert (
        "Asking only 1.txt, 2.txt and 1 more"
        in tree(scope_line(Filter(document_ids=frozenset({1, 2, 3})), rows)).text_content()
    )


def test_sample_questions_fit_the_library() -> None:
    samples = Path("/docent/samples")
    rows = [a_document(1, "/p/log.txt", title="Keeper's log")]
    assert sample_questions(samples, [str(samples)], rows) == list(SAMPLE_QUESTIONS)
    assert sample_questions(samples, ["/p"], rows) == ["What is “Keeper's log” about?"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "just now"), (60, "1 minute ago"), (7200, "2 hours ago"), (3 * 86_400, "3 days ago")]
)
def test_ago(seconds: float, text: str) -> None:
    assert ago(1_000_000.0, 1_000_000.0 + seconds) == text


def view_of(text: str, **changes: Any) -> DocumentView:
    return DocumentView(a_document(1, "/p/log.txt", text, **changes), text, None)


def test_the_quote_is_marked_where_it_stands() -> None:
    text = "one two\n" * 5000 + "the very quote\n" + "three four\n" * 5000
    start = text.index("the very quote")
    view = located(SourceView(1, "log", "/p/log.txt", "the very quote", start, start + 14), text)
    html = source(view, view_of(text))
    assert [mark.text for mark in tree(html).iter("mark")] == ["the very quote"]
    assert len(tree(html).text_content()) < 2 * AROUND + 500
    assert 'data-act="earlier"' in html and 'data-act="later"' in html


def test_a_quote_that_moved_is_found_again() -> None:
    view = located(SourceView(1, "log", "/p", "the quote", 0, 9), "something new before the quote")
    assert (view.start, view.end) == (21, 30)


def test_a_quote_that_is_gone_is_said_to_be() -> None:
    text = "Everything was written anew."
    view = located(SourceView(1, "log", "/p", "the quote", 0, 9), text)
    html = source(view, view_of(text))
    assert "changed since this answer" in html and "<mark" not in html


def test_a_document_that_is_gone_still_shows_the_kept_quote() -> None:
    assert "<blockquote>the quote</blockquote>" in gone(SourceView(1, quote="the quote"), "Gone.")


def test_a_page_is_a_picture_from_this_server_by_id() -> None:
    document = DocumentView(a_document(9, "/p/log.pdf"), "the quote", 3)
    view = located(SourceView(9, "log", "/p/log.pdf", "the quote", 0, 9, page=2), document.text)
    html = source(view, document)
    assert next(tree(html).iter("img")).get("src") == "api/documents/9/page/2.png?start=0&end=9"
    assert [button.get("data-page") for button in having(html, "data-act", "turn")] == ["1", "3"]


def test_a_video_is_a_plain_link_at_the_second() -> None:
    url = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
    view = located(SourceView(1, "talk", url, "said", 0, 4, start_s=75.0), "said")
    html = source(view, view_of("said"))
    link = next(tree(html).iter("a"))
    assert link.get("href") == f"{url}&t=75s" and link.get("rel") == "noopener noreferrer"
    assert "iframe" not in html


def test_a_quote_from_a_table_stands_in_a_table() -> None:
    builder = DocumentBuilder(media_type="text/plain")
    builder.paragraph("Ships <b>by</b> port.")
    builder.table(Table.of_rows([["Port", "2030", "2031"], ["Oslo", "", "84"], ["Bergen", "9", "91"]]))
    builder.paragraph("After it.")
    parsed = builder.build()
    tables = tuple(block.table for block in parsed.blocks if block.table)
    start = parsed.text.index("Oslo")
    end, read = start + len("Oslo |  | 84"), parsed.text.index("84")
    quote = parsed.text[start:end]
    view = located(SourceView(1, "log", "/p/log.txt", quote, start, end, (read, read + 2)), parsed.text)
    document = DocumentView(a_document(1, "/p/log.txt"), parsed.text, None, tables)
    page = tree(source(view, document))
    rows = [[cell.text_content() for cell in row] for row in page.iter("tr")]
    assert rows == [["Port", "2030", "2031"], ["Oslo", "", "84"], ["Bergen", "9", "91"]]
    assert [cell.tag for cell in next(page.iter("tr"))] == ["th"] * 3
    assert [mark.text_content() for mark in page.iter("mark")] == ["Oslo", "84"]
    assert [strong.text for strong in page.iter("strong") if strong.getparent().tag == "mark"] == ["84"]
    assert "Ships <b>by</b> port." in page.text_content() and "After it." in page.text_content()


def test_the_words_that_were_read_are_set_off_within_the_quote() -> None:
    text = "Before. The light was out for nineteen minutes. After."
    start, end = text.index("The light"), text.index(" After")
    read = (text.index("nineteen"), text.index(" minutes"))
    view = located(SourceView(1, "log", "/p/log.txt", text[start:end], start, end, read), text)
    html = source(view, DocumentView(a_document(1, "/p/log.txt"), text, None))
    assert '<mark class="quote">The light was out for <strong>nineteen</strong> minutes.</mark>' in html
    moved = located(view, "New words. " + text)
    assert moved.read == (read[0] + 11, read[1] + 11)
    page = source(replace(view, page=1), DocumentView(a_document(1, "/p/log.pdf"), text, 2))
    assert f"read_start={read[0]}&amp;read_end={read[1]}" in page


def test_a_copy_is_shown_as_one() -> None:
    rows = [
        a_document(1, "/home/ada/papers/b.txt", content_hash="1" * 40),
        a_document(2, "/home/ada/papers/a.txt", content_hash="1" * 40),
        a_document(3, "/home/ada/papers/c.txt", content_hash="2" * 40),
    ]
    html = documents_list([FOLDER], rows, ListView(), INBOX, None)
    assert [mark.get("title") for mark in having(html, "class", "copy-of")] == [
        "The same content as /home/ada/papers/a.txt"
    ]


def test_every_document_and_folder_can_be_read_anew(tmp_path: Path) -> None:
    html = documents_list([FOLDER], [a_document(1, "/home/ada/papers/a.txt")], ListView(), INBOX, None)
    assert [button.get("data-location") for button in having(html, "data-act", "again")] == [
        FOLDER.location,
        "/home/ada/papers/a.txt",
    ]
