"""A library, a folder and a sync to try things with: real parsers in child processes, a fake embedder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.ingest.children.parse_job import ParseLimits
from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.sync import Syncer, SyncEvent, SyncReport, SyncSettings
from rag.types import Document, Filter
from tests.rag.conftest import OpenLibrary
from tests.rag.fakes import FakeEmbedder


class Workbench:
    """A library, a folder to sync, and the embedder, which counts."""

    def __init__(self, root: Path, open_library: OpenLibrary) -> None:
        self.folder = root / "documents"
        self.folder.mkdir()
        self.library = open_library(root / "data")
        self.embedder = FakeEmbedder()
        self.settings = SyncSettings(target_tokens=40)
        self.events: list[SyncEvent] = []

    def syncer(self, **parts: object) -> Syncer:
        pool = ParsePool(ParseLimits(workers=2))
        arguments = {"library": self.library, "embedder": self.embedder, "pool": pool, "settings": self.settings}
        return Syncer(**(arguments | parts))  # type: ignore[arg-type]

    def sync(self, *locations: Path, anew: Filter | None = None, **parts: object) -> SyncReport:
        syncer = self.syncer(**parts)
        for location in locations or (self.folder,):
            syncer.add(str(location))
        self.events = []
        report = syncer.run(None, self.events.append, anew=anew)
        self.library.check()
        return report

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def documents(self) -> dict[str, Document]:
        return {os.path.relpath(d.path, self.folder): d for d in self.library.documents()}

    def finds(self, question: str) -> list[str]:
        hits = self.library.chunks([id_ for id_, _ in self.library.full_text_search(question, 5)])
        return [Path(document.path).name for _, document in hits.values()]


@pytest.fixture
def bench(tmp_path: Path, open_library: OpenLibrary) -> Iterator[Workbench]:
    bench = Workbench(tmp_path, open_library)
    yield bench
    bench.library.close()


def counts(report: SyncReport) -> dict[str, int]:
    return {key: count for key, count in report.counts.items() if count and key != "chunks"}


def obedient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> ParsePool:
    """A pool whose parser is ``body``, which has ``path``, ``text`` and ``document(text)``."""
    (tmp_path / "obedient.py").write_text(
        "import os, sys, time\nfrom rag.errors import *\nfrom rag.types import Block, ParsedDocument\n"
        "def document(text):\n    return ParsedDocument(text, (Block(0, len(text)),), 'T', 'text/plain')\n"
        f"def parse(path):\n    text = path.read_text()\n    {body}\n    return document(text)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return ParsePool(ParseLimits(workers=2, timeout_s=2.0), parser_module="obedient")
