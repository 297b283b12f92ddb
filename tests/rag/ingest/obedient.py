"""A pool whose parser does what the file says; the fixture ``obedient_parser`` puts that where children find it."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from rag.ingest.children.parse_job import Chunking, ParseLimits, ParseResult
from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.children.prepared import PreparedDocument
from tests.rag.word_counter import SPEC

CHUNKING = Chunking(SPEC)
TAKEN: list[PreparedDocument] = []

# A parser that does what the file says. The folder it lies in is put on sys.path, which children inherit.
PARSER = """
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
