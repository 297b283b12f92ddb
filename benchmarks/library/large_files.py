"""python -m benchmarks.library.large_files [--only NAME ...] [--cancel-after S ...] [--end-after S] [--no-embedding]
                                           [--json]

Writes large and unusual but honest files, one of each kind, and syncs each beside two small neighbours: what becomes of
it, how long that takes, how much memory this process and its parsers need at most, after how long the neighbours are
read, and how soon further syncs of the same file, into empty libraries, end once they are cancelled (one for each
``--cancel-after``; the slowest counts). With ``--end-after`` the first sync is cancelled, too, where it has not ended
by then: what it has reached is its outcome, and how soon it ends counts. Everything is written to a temporary folder.
Embedding tens of thousands of passages takes most of the time; ``--no-embedding`` leaves it out, so that the rest is
seen.
"""

import argparse
import json
import os
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.library.ingest import PeakMemory
from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.events import SyncEvent, SyncReport
from rag.ingest.sync import Syncer, SyncSettings
from rag.models.embedder import OnnxEmbedder
from rag.protocols import Embedder
from rag.store.library import Library

_MIB = 1 << 20
_SENTENCE = "The keeper of the light wrote the weather, the oil and the ships of the day into the long book. "
_CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
    '<rootfile full-path="a.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    file_mib: float
    status: str
    chunks: int
    seconds: float
    parent_mib: float
    all_mib: float
    neighbours_read: int
    neighbours_after_s: float
    cancelled_after_s: float


class WithoutWork:
    """An embedder in name: it counts tokens like the given one, and its vectors say nothing."""

    name = "without-work"

    def __init__(self, embedder: OnnxEmbedder) -> None:
        self.dimension, self.max_tokens = embedder.dimension, embedder.max_tokens
        self.count_tokens, self.counter = embedder.count_tokens, embedder.counter

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """[n] texts -> [n, dimension] equal rows of length 1."""
        vectors: NDArray[np.float32] = np.full((len(texts), self.dimension), self.dimension**-0.5, dtype=np.float32)
        return vectors

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """One question -> [dimension], length 1."""
        vector: NDArray[np.float32] = self.embed_passages([text])[0]
        return vector


def xlsx_400_000_rows(path: Path) -> None:
    rows = "".join(
        f'<row r="{n}"><c r="A{n}"><v>{n}</v></c><c r="B{n}" t="inlineStr"><is><t>Ship {n}</t></is></c>'
        f'<c r="C{n}"><v>{n * 7 % 900}</v></c></row>'
        for n in range(1, 400_001)
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{kinds}.sheet.main+xml"/>'
            f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kinds}.worksheet+xml"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
            f'Type="{relation}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{relation}"><sheets><sheet name="Ships" sheetId="1" r:id="r1"/>'
            "</sheets></workbook>",
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
            f'Type="{relation}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/worksheets/sheet1.xml", f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'
        )


def epub_60_chapters(path: Path) -> None:
    chapter = "".join(f"<p>{_SENTENCE * 6}</p>" for _ in range(160))  # about 100,000 characters
    names = [f"c{number}.xhtml" for number in range(60)]
    items = "".join(f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in names)
    spine = "".join(f'<itemref idref="{name}"/>' for name in names)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        archive.writestr("META-INF/container.xml", _CONTAINER)
        archive.writestr(
            "a.opf",
            '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata/>'
            f"<manifest>{items}</manifest><spine>{spine}</spine></package>",
        )
        for number, name in enumerate(names):
            archive.writestr(
                name,
                '<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head>'
                f"<body><h1>Chapter {number + 1}</h1>{chapter}</body></html>",
            )


def csv_20_mb(path: Path) -> None:
    columns = [f"Measured value of the instrument number {number}" for number in range(40)]
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(columns) + "\n")
        for row in range(20 * _MIB // 240):
            file.write(",".join(f"{(row * 37 + column) % 90_000}" for column in range(40)) + "\n")


def mail_with_a_header_of_1_mb(path: Path) -> None:
    people = ",\r\n ".join(f"keeper {number} <keeper{number}@light.example>" for number in range(23_000))
    path.write_text(f"From: a@b.example\r\nSubject: Oil\r\nTo: {people}\r\n\r\n{_SENTENCE}\r\n", encoding="utf-8")


def html_with_300_000_attributes(path: Path) -> None:
    attributes = " ".join(f'data-a{number}="{number}"' for number in range(300_000))
    path.write_text(f"<html><body><p {attributes}>{_SENTENCE}</p></body></html>", encoding="utf-8")


def xml_with_300_000_attributes(path: Path) -> None:
    attributes = " ".join(f'a{number}="{number}"' for number in range(300_000))
    path.write_text(f"<log {attributes}><entry>{_SENTENCE}</entry></log>", encoding="utf-8")


def sql_of_24_mb(path: Path) -> None:
    values = ",".join(f"({number},'ship {number}',{number % 97})" for number in range(24 * _MIB // 24))
    path.write_text(f"INSERT INTO ships VALUES {values};\n", encoding="utf-8")


def source_of_8_mb_in_one_line(path: Path) -> None:
    calls = "".join(f"lamp({number},'{number % 97}');" for number in range(8 * _MIB // 20))
    path.write_text(f"function light(){{{calls}}}", encoding="utf-8")


def text_of_8_mb_in_one_line(path: Path) -> None:
    path.write_text(_SENTENCE * (8 * _MIB // len(_SENTENCE)), encoding="utf-8")


FILES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "xlsx": ("ships.xlsx", xlsx_400_000_rows),
    "epub": ("book.epub", epub_60_chapters),
    "csv": ("values.csv", csv_20_mb),
    "mail": ("oil.eml", mail_with_a_header_of_1_mb),
    "html": ("page.html", html_with_300_000_attributes),
    "xml": ("log.xml", xml_with_300_000_attributes),
    "sql": ("ships.sql", sql_of_24_mb),
    "source": ("light.js", source_of_8_mb_in_one_line),
    "line": ("line.txt", text_of_8_mb_in_one_line),
}


class _Wish:
    """Sets ``cancel`` some seconds after it was made (None: never), unless ``over`` comes first."""

    def __init__(self, after_s: float | None) -> None:
        self.cancel = threading.Event()
        self._at: float | None = None
        self._timer = None if after_s is None else threading.Timer(after_s, self._ask)
        if self._timer is not None:
            self._timer.start()

    def _ask(self) -> None:
        self._at = time.perf_counter()
        self.cancel.set()

    def over(self, report: SyncReport) -> float:
        """Returns the seconds from the wish to now; 0 where the sync was done before."""
        now = time.perf_counter()
        if self._timer is not None:
            self._timer.cancel()
        return now - self._at if report.cancelled and self._at is not None else 0.0


def measure(name: str, embedder: Embedder, cancel_after_s: Sequence[float], end_after_s: float | None = None) -> Row:
    file_name, write = FILES[name]
    with tempfile.TemporaryDirectory() as folder:
        documents = Path(folder) / "documents"
        documents.mkdir()
        large = documents / file_name
        write(large)
        for number in (1, 2):
            (documents / f"{number}.txt").write_text(f"Note {number}. {_SENTENCE}", encoding="utf-8")
        cancelled = [
            _cancelled(documents, Path(folder) / f"other {after_s}.db", embedder, after_s) for after_s in cancel_after_s
        ]
        with Library.open(Path(folder) / "library.db") as library:
            syncer = Syncer(library, embedder, ParsePool(), SyncSettings())
            syncer.add(str(documents))
            stored: dict[str, float] = {}
            reached = ""

            def note(event: SyncEvent) -> None:
                nonlocal reached
                if event.kind == "document":
                    stored[event.path] = time.perf_counter() - began
                if event.kind in ("reading", "embedding"):
                    reached = f"{event.kind} {event.done:,} of {event.total:,}"

            began = time.perf_counter()
            with PeakMemory() as memory:
                wish = _Wish(end_after_s)
                report = syncer.run(on_event=note, cancel=wish.cancel)
                cancelled.append(wish.over(report))
            seconds = time.perf_counter() - began
            found = next((each for each in report.documents if Path(each.path) == large), None)
            if found is None or report.cancelled:
                status = f"ended while {reached}"
            else:
                status = found.status if found.error is None else f"{found.status}: {found.error}"
            return Row(
                what=write.__name__.replace("_", " "),
                file_mib=large.stat().st_size / _MIB,
                status=status,
                chunks=0 if found is None else found.chunks,
                seconds=seconds,
                parent_mib=memory.parent_mib,
                all_mib=memory.total_mib,
                neighbours_read=len(set(stored) - {str(large)}),
                neighbours_after_s=max((after for path, after in stored.items() if Path(path) != large), default=0.0),
                cancelled_after_s=max(cancelled, default=0.0),
            )


def _cancelled(documents: Path, library_file: Path, embedder: Embedder, after_s: float) -> float:
    """Returns the seconds from the wish to end a sync to its end; 0 where it was done before."""
    with Library.open(library_file) as library:
        syncer = Syncer(library, embedder, ParsePool(), SyncSettings())
        syncer.add(str(documents))
        wish = _Wish(after_s)
        return wish.over(syncer.run(cancel=wish.cancel))


def _heading() -> str:
    columns = ("", "MiB", "outcome", "chunks", "s", "parent MiB", "all MiB", "neighbours", "cancelled after, s")
    return f"| {' | '.join(columns)} |\n" + "|---" * len(columns) + "|"


def _line(row: Row) -> str:
    return (
        f"| {row.what} | {row.file_mib:.1f} | {row.status} | {row.chunks:,} | {row.seconds:.0f} | "
        f"{row.parent_mib:.0f} | {row.all_mib:.0f} | {row.neighbours_read} of 2 after {row.neighbours_after_s:.1f} s | "
        f"{row.cancelled_after_s:.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=FILES, default=list(FILES))
    parser.add_argument("--cancel-after", type=float, nargs="*", default=[3.0], help="seconds (default: 3)")
    parser.add_argument("--end-after", type=float, help="seconds (default: once it is done)")
    parser.add_argument("--no-embedding", action="store_true")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    arguments = parser.parse_args()
    loaded = OnnxEmbedder.load()
    embedder: Embedder = WithoutWork(loaded) if arguments.no_embedding else loaded
    rows = []
    for name in arguments.only:
        rows.append(measure(name, embedder, arguments.cancel_after, arguments.end_after))
        if not arguments.json:
            print(*([_heading()] if len(rows) == 1 else []), _line(rows[-1]), sep="\n", flush=True)
    if arguments.json:
        print(json.dumps({"cores": os.cpu_count(), "rows": [asdict(row) for row in rows]}))


if __name__ == "__main__":
    main()
