"""The processes of the pool: killed, stopped and left behind, they cost no file and none stays."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from rag.ingest.children.parse_job import ParseResult
from rag.ingest.children.parse_pool import ParsePool
from tests.rag.ingest.obedient import CHUNKING, kept, parse, pool

pytestmark = pytest.mark.usefixtures("obedient_parser")
ROOT = Path(__file__).parents[3]


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


_PARENT = """
import sys, threading
from rag.ingest.children.parse_job import Chunking
from rag.ingest.children.parse_pool import ParsePool
from rag.types import CounterSpec

chunking = Chunking(CounterSpec("tests.rag.word_counter"))
list(ParsePool(parser_module="obedient_parser").parse_all([(sys.argv[1], 5)], chunking, threading.Event()))
"""


def parent_reading(file: Path, temporary: Path) -> "subprocess.Popen[bytes]":
    """A process that has the file read, whose system's folder for temporary files is ``temporary``."""
    search_path = os.pathsep.join([str(ROOT), str(file.parent / "parsers")])
    environment = os.environ | {"PYTHONPATH": search_path, "TMPDIR": str(temporary)}
    return subprocess.Popen([sys.executable, "-c", _PARENT, str(file)], env=environment)


@pytest.mark.slow
@pytest.mark.parametrize("order", ["sleep", "loop"])
def test_workers_die_with_their_parent_and_their_files_are_swept(tmp_path: Path, order: str) -> None:
    (tmp_path / "a.txt").write_text(order)
    (tmp_path / "b.txt").write_text("text")
    system = tmp_path / "system"
    system.mkdir()
    with parent_reading(tmp_path / "a.txt", system) as parent:
        deadline = time.monotonic() + 20
        while not (tmp_path / "a.txt.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        worker = psutil.Process(int((tmp_path / "a.txt.pid").read_text()))
        parent.kill()
    worker.wait(timeout=20)
    others = system / "parsing-others"
    others.mkdir()
    with parent_reading(tmp_path / "b.txt", system) as again:
        assert again.wait(60) == 0
    assert list(system.iterdir()) == [others]


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
