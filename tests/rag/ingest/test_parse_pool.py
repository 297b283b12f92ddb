"""The pool with parsers that misbehave: each costs its own file and nothing else."""

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.errors import SkippedError
from rag.text.table_spans import TableRow, TableSpans
from tests.rag.ingest.obedient import CHUNKING, kept, parse, pool

pytestmark = pytest.mark.usefixtures("obedient_parser")


def test_a_document_comes_through_whole(tmp_path: Path) -> None:
    text = "Gr\u00fc\u00dfe 😀 \0 \r\n end"
    result = parse(pool(), tmp_path, text)[text]
    document = result.document
    assert document is not None and result.error is None
    assert document.text() == text
    assert (document.media_type, document.warnings) == ("text/plain", ("warned",))
    assert json.loads(document.marks) == [[0, 2, 3.5, "ii"]]
    ((prepared,),) = document.chunk_batches()
    chunk = prepared.chunk
    assert (chunk.text, chunk.start, chunk.end, chunk.page, chunk.page_label) == (text, 0, len(text), 2, "ii")
    assert (chunk.start_s, chunk.end_s, document.chunks) == (3.5, 4.5, 1)
    assert document.title in prepared.context
    assert result.size == len(text.encode()) and len(result.content_hash) == 40


def test_the_cells_of_a_table_come_through(tmp_path: Path) -> None:
    document = parse(pool(), tmp_path, "table")["table"].document
    assert document is not None
    ((start, end, data),) = document.tables()
    rows = (TableRow(0, 5, (0, 2, 0, 3, 2, 1)),)
    made = TableSpans.from_json(json.loads(data))
    assert made == TableSpans(("A", "half \ufffd"), 1, rows, records=True, caption="C")
    assert (start, end) == (0, 5)


def test_a_long_document_comes_in_pieces(tmp_path: Path) -> None:
    text = "\n".join(f"Line {number} of a long file." for number in range(60_000))
    document = parse(pool(), tmp_path, text)[text].document
    assert document is not None
    parts = list(document.text_parts())
    assert sum(map(len, parts)) == document.text_bytes and document.text() == text
    batches = list(document.chunk_batches())
    assert max(map(len, batches)) <= 64
    chunks = [prepared.chunk for batch in batches for prepared in batch]
    assert len(chunks) == document.chunks and [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    assert all(chunk.text == text[chunk.start : chunk.end] for chunk in chunks)


@pytest.mark.parametrize("bad", ["crash", "exit", "defect", "deep", "broken", "skip", "bomb"])
def test_a_bad_file_fails_alone(tmp_path: Path, bad: str) -> None:
    results = parse(pool(workers=1), tmp_path, "one", bad, "two")
    assert results["one"].document is not None and results["two"].document is not None
    error = results[bad].error
    assert error is not None and results[bad].document is None
    assert isinstance(error, SkippedError) == (bad == "skip")
    expected = {
        "crash": "crashed",
        "exit": "crashed",
        "defect": "not as its format says",
        "deep": "nested too deeply",
        "broken": "It is damaged. Repair it.",
        "skip": "Not for us.",
        "bomb": "too much memory",
    }
    assert expected[bad] in str(error)
    assert (
        results[bad].content_hash == "unread" if bad == "skip" else len(results[bad].content_hash) == 40
    )  # so that the same bytes are not tried again at every sync


def test_a_file_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    results = parse(pool(workers=1, timeout_s=1.0), tmp_path, "loop", "two")
    assert "too long" in str(results["loop"].error)
    assert results["two"].document is not None


def test_waiting_is_not_the_files_fault(tmp_path: Path) -> None:
    results = parse(pool(workers=1, timeout_s=0.3), tmp_path, "sleep", "two")
    assert "did not answer" in results["sleep"].interrupted
    assert results["sleep"].error is None and results["sleep"].content_hash == ""
    assert results["two"].document is not None


def test_a_file_that_takes_too_much_memory_is_stopped(tmp_path: Path) -> None:
    results = parse(pool(workers=1, memory_mb=200), tmp_path, "eat", "two")
    assert "too much memory" in str(results["eat"].error)
    assert results["two"].document is not None


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    result = parse(pool(), tmp_path, "grow")["grow"]
    assert result.changed and result.document is None and result.error is None


def test_half_a_character_becomes_a_whole_one(tmp_path: Path) -> None:
    document = parse(pool(), tmp_path, "surrogate")["surrogate"].document
    assert document is not None and document.text() == "half \N{REPLACEMENT CHARACTER} gone"


def test_a_worker_serves_many_files(tmp_path: Path) -> None:
    results = parse(pool(workers=2), tmp_path, *(f"text {i}" for i in range(60)))
    pids = {result.document.title for result in results.values() if result.document}
    assert len(pids) <= 2


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    paths = [str(tmp_path / "gone.txt"), str(tmp_path)]
    results = {r.path: r for r in pool().parse_all([(path, 0) for path in paths], CHUNKING, threading.Event())}
    for path in paths:
        assert "could not be opened" in str(results[path].error) and results[path].content_hash == ""


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="such names cannot be made here")
@pytest.mark.parametrize("name", ["new\nline.txt", "\udcff\udcfe.txt", "-rf.txt"])
def test_any_name_reaches_the_worker(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("hello")
    (result,) = kept(pool().parse_all([(str(tmp_path / name), 5)], CHUNKING, threading.Event()))
    assert result.path == str(tmp_path / name)
    assert result.document is not None and result.document.text() == "hello"


@pytest.mark.slow
def test_what_one_file_left_behind_does_not_count_against_the_next(tmp_path: Path) -> None:
    results = parse(pool(workers=1, memory_mb=400), tmp_path, "hoard 1", "hoard 2", "hoard 3", "hoard 4")
    assert all(result.document is not None for result in results.values())
    assert len({result.document.title for result in results.values() if result.document}) == 4


@pytest.mark.slow
def test_a_reply_at_the_limit_harms_no_other_file(tmp_path: Path) -> None:
    orders = [f"burn {0.3 + number / 100}" for number in range(20)]
    quick = [f"quick {number}" for number in range(20)]
    mixed = [order for pair in zip(orders, quick, strict=True) for order in pair]
    results = parse(pool(workers=1, timeout_s=0.3), tmp_path, *mixed)
    assert all(results[order].document is not None for order in quick)
    late = [result for order in orders if (result := results[order]).document is None]
    assert late and all("too long" in str(result.error) for result in late)


def test_no_more_is_drawn_than_has_room(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    drawn = 0

    def files() -> Iterator[tuple[str, int]]:
        nonlocal drawn
        for _ in range(50):
            drawn += 1
            path = tmp_path / f"{drawn}.txt"
            path.write_text("a")
            yield str(path), 40 << 20

    results = pool(workers=2, in_flight_mb=100).parse_all(files(), CHUNKING, threading.Event())
    for taken, _ in enumerate(kept(results), start=1):
        assert drawn <= taken + 3


def test_a_file_that_takes_long_says_how_far_it_is(tmp_path: Path) -> None:
    path, told = tmp_path / "slow.txt", list[tuple[str, int, int]]()
    path.write_text("tell", encoding="utf-8")
    parsing = pool(workers=1).parse_all(
        [(str(path), 4)], CHUNKING, threading.Event(), on_progress=lambda *so_far: told.append(so_far)
    )
    (result,) = kept(parsing)
    assert result.document is not None
    assert result.document.text() == "tell"  # what is told is no part of the document
    assert told[-1] == (str(path), 3, 4)
    assert told == sorted(told)
