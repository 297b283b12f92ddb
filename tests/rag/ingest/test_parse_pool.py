"""The pool with parsers that misbehave: each costs its own file and nothing else."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil
import pytest

from rag.errors import SkippedError
from rag.ingest.children.parse_job import Chunking, ParseLimits, ParseResult
from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.children.prepared import PreparedDocument
from rag.text.table_spans import TableRow, TableSpans
from tests.rag.word_counter import SPEC

CHUNKING = Chunking(SPEC)
TAKEN: list[PreparedDocument] = []
ROOT = Path(__file__).parents[3]

# A parser that does what the file says. The folder it lies in is put on sys.path, which children inherit.
_PARSER = """
import os, sys, time
from pathlib import Path
from rag.errors import ReadError, SkippedError
from rag.parsers import progress
from rag.text.table_spans import TableRow, TableSpans
from rag.types import Block, ParsedDocument

def parse(path: Path) -> ParsedDocument:
    order = path.read_bytes().decode("utf-8")
    print("noise on stdout")
    os.write(1, b"more noise")
    if order.startswith("hoard"):
        sys.hoard = getattr(sys, "hoard", []) + [bytearray(os.urandom(1 << 20)) * 200]
    if order.startswith("burn"):
        began = time.process_time()
        while time.process_time() - began < float(order.split()[1]):
            pass
    if order == "once" and path.with_name(path.name + ".pid").exists():
        return ParsedDocument(order, (), "Title", "text/plain")
    if order in ("loop", "sleep", "once", "nap"):
        path.with_name(path.name + ".tmp").write_text(str(os.getpid()))
        path.with_name(path.name + ".tmp").rename(path.with_name(path.name + ".pid"))
    if order == "loop":
        while True:
            pass
    if order in ("sleep", "once"):
        time.sleep(600)
    if order == "nap":
        time.sleep(1)
    if order == "tell":
        for page in range(4):
            progress.tell(page, 4)
            time.sleep(0.6)
    if order == "eat":
        hoard = []
        while True:
            hoard.append(bytearray(os.urandom(1 << 20)) * 8)
    if order == "bomb":
        bytearray(1 << 45)
    if order == "crash":
        os.abort()
    if order == "exit":
        sys.exit(3)
    if order == "defect":
        raise ZeroDivisionError("a defect")
    if order == "deep":
        return parse(path) if sys.getrecursionlimit() else None
    if order == "broken":
        raise ReadError("It is damaged.", "Repair it.")
    if order == "skip":
        raise SkippedError("Not for us.")
    if order == "grow":
        with path.open("a") as file:
            file.write("more")
    if order == "surrogate":
        order = "half \\ud83d gone"
    block = Block(0, len(order), "paragraph", 0, 2, 3.5, 4.5, page_label="ii")
    if order == "table":
        rows = (TableRow(0, 5, (0, 2, 0, 3, 2, 1)),)
        block = Block(0, 5, "table", table=TableSpans(("A", "half \\ud83d"), 1, rows, records=True, caption="C"))
    return ParsedDocument(order, (block,), str(os.getpid()), "text/plain", ("warned",))
"""


@pytest.fixture(autouse=True)
def parser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / "parsers"
    folder.mkdir()
    (folder / "obedient_parser.py").write_text(_PARSER, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    yield
    while TAKEN:
        TAKEN.pop().close()


def kept(results: Iterable[ParseResult]) -> Iterator[ParseResult]:
    """The results, whose documents are closed when the test ends."""
    for result in results:
        if result.document is not None:
            TAKEN.append(result.document)
        yield result


def pool(**limits: float) -> ParsePool:
    return ParsePool(ParseLimits(**limits), parser_module="obedient_parser")  # type: ignore[arg-type]


def parse(pool: ParsePool, folder: Path, *orders: str) -> dict[str, ParseResult]:
    files = []
    for number, order in enumerate(orders):
        path = folder / f"{number}.txt"
        path.write_bytes(order.encode("utf-8"))
        files.append((str(path), path.stat().st_size))
    results = {result.path: result for result in kept(pool.parse_all(files, CHUNKING, threading.Event()))}
    assert len(results) == len(orders)
    return {order: results[path] for order, (path, _) in zip(orders, files, strict=True)}


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


def begin(pool: ParsePool, folder: Path, *orders: str) -> tuple[threading.Thread, dict[str, ParseResult]]:
    """Parses on another thread; the results come into the dictionary."""
    results: dict[str, ParseResult] = {}
    thread = threading.Thread(target=lambda: results.update(parse(pool, folder, *orders)))
    thread.start()
    return thread, results


def worker_of(path: Path, other_than: int = 0) -> psutil.Process:
    """The process that reads a file which says so."""
    said = path.with_name(path.name + ".pid")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if said.exists() and (pid := int(said.read_text())) != other_than:
            return psutil.Process(pid)
        time.sleep(0.01)
    raise AssertionError("nobody reads it")


def test_a_killed_worker_costs_no_file(tmp_path: Path) -> None:
    thread, results = begin(pool(workers=1), tmp_path, "one", "once", "two")
    worker_of(tmp_path / "1.txt").kill()
    thread.join()
    assert all(result.document is not None for result in results.values())


def test_a_file_whose_worker_is_always_killed_is_left_for_the_next_time(tmp_path: Path) -> None:
    thread, results = begin(pool(workers=1), tmp_path, "sleep", "two")
    killed = 0
    for _ in range(3):
        worker = worker_of(tmp_path / "0.txt", other_than=killed)
        killed = worker.pid
        worker.terminate()
    thread.join()
    assert "from outside" in results["sleep"].interrupted
    assert results["sleep"].error is None and results["sleep"].content_hash == ""
    assert results["two"].document is not None


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_is_the_parents_matter(tmp_path: Path) -> None:
    thread, results = begin(pool(workers=1), tmp_path, "nap")
    worker_of(tmp_path / "0.txt").send_signal(signal.SIGINT)
    thread.join()
    assert results["nap"].document is not None
    assert results["nap"].document.title == (tmp_path / "0.txt.pid").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_stopped_worker_is_waited_for(tmp_path: Path) -> None:
    thread, results = begin(pool(workers=1, timeout_s=0.3), tmp_path, "nap")
    worker = worker_of(tmp_path / "0.txt")
    worker.suspend()
    time.sleep(2.5)  # longer than a file is waited for
    worker.resume()
    thread.join()
    assert results["nap"].document is not None


def test_a_worker_that_died_between_two_files_gets_none(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(name)
    files = [(str(tmp_path / f"{name}.txt"), 40 << 20) for name in ("a", "b")]
    results = kept(pool(workers=1, in_flight_mb=50).parse_all(files, CHUNKING, threading.Event()))
    first = next(results)
    assert first.document is not None
    worker = psutil.Process(int(first.document.title))
    worker.kill()
    second = next(results)
    assert second.document is not None and second.document.title != str(worker.pid)


@pytest.mark.slow
def test_a_reply_at_the_limit_harms_no_other_file(tmp_path: Path) -> None:
    orders = [f"burn {0.3 + number / 100}" for number in range(20)]
    quick = [f"quick {number}" for number in range(20)]
    mixed = [order for pair in zip(orders, quick, strict=True) for order in pair]
    results = parse(pool(workers=1, timeout_s=0.3), tmp_path, *mixed)
    assert all(results[order].document is not None for order in quick)
    late = [result for order in orders if (result := results[order]).document is None]
    assert late and all("too long" in str(result.error) for result in late)


_PARENT = """
import sys, threading
from rag.ingest.children.parse_job import Chunking
from rag.ingest.children.parse_pool import ParsePool
from rag.types import CounterSpec

chunking = Chunking(CounterSpec("tests.rag.word_counter"))
list(ParsePool(parser_module="obedient_parser").parse_all([(sys.argv[1], 5)], chunking, threading.Event()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("order", ["sleep", "loop"])
def test_workers_die_with_their_parent(tmp_path: Path, order: str) -> None:
    (tmp_path / "a.txt").write_text(order)
    search_path = os.pathsep.join([str(ROOT), str(tmp_path / "parsers")])
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(tmp_path / "a.txt")], env=os.environ | {"PYTHONPATH": search_path}
    ) as parent:
        deadline = time.monotonic() + 20
        while not (tmp_path / "a.txt.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        worker = psutil.Process(int((tmp_path / "a.txt.pid").read_text()))
        parent.kill()
    worker.wait(timeout=20)


def test_cancelling_ends_what_is_being_read(tmp_path: Path) -> None:
    (tmp_path / "sleep.txt").write_text("sleep")
    (tmp_path / "quick.txt").write_text("quick")
    cancel = threading.Event()
    results = []
    files = [(str(tmp_path / f"{name}.txt"), 5) for name in ("quick", "sleep")]
    for result in kept(pool(workers=2).parse_all(files, CHUNKING, cancel)):
        results.append(result.path)
        cancel.set()
    assert results == [str(tmp_path / "quick.txt")]
    assert no_children()


def test_leaving_early_leaves_no_process(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.txt").write_text("text")
    results = pool(workers=2).parse_all(
        [(str(tmp_path / f"{n}.txt"), 4) for n in range(20)], CHUNKING, threading.Event()
    )
    next(kept(results))
    results.close()
    assert no_children()


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


def no_children() -> bool:
    """No process that parses is left; the processes of other tests are not waited for."""
    parsing = [child for child in psutil.Process().children() if is_worker(child)]
    _, alive = psutil.wait_procs(parsing, timeout=10)
    return not alive


def is_worker(process: psutil.Process) -> bool:
    try:
        return "rag.ingest.children.parse_worker" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


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
