"""Compares the files on disk with the documents in the library and plans what is to be done about each difference.

A file counts as unchanged when its size and times of change are. Only a file that may be a known one under other times
or another name is hashed. Nothing is written here.
"""

import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rag.ingest.children.parse_worker import UNREAD, content_hash
from rag.ingest.settings import SyncSettings
from rag.ingest.sources.scan import FoundFile, Scan, Trouble
from rag.types import Document


@dataclass(slots=True)
class Plan:
    """``touched`` and ``renamed`` have the content that the library knows; ``oversized`` exceed the limit."""

    unchanged: int = 0
    touched: list[tuple[Document, FoundFile]] = field(default_factory=list)
    renamed: list[tuple[Document, FoundFile]] = field(default_factory=list)
    oversized: list[FoundFile] = field(default_factory=list)
    to_read: list[FoundFile] = field(default_factory=list)
    gone: list[Document] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Counts the documents that an event will report."""
        return len(self.renamed) + len(self.oversized) + len(self.to_read) + len(self.gone)


def make_plan(
    found: Scan,
    known: Iterable[Document],
    scanned_source_ids: set[int],
    settings: SyncSettings,
    cancel: threading.Event,
) -> Plan:
    """Plans a sync.

    ``known`` are all documents of the library, ``scanned_source_ids`` the sources that were reached.
    """
    plan = Plan()
    by_path = {document.path: document for document in known}
    absent = [
        document
        for document in by_path.values()
        if document.source_id in scanned_source_ids
        and document.path not in found.files
        and not _hidden_by(found.troubles, document.path)
    ]
    absent_by_size: dict[int, list[Document]] = defaultdict(list)
    for document in absent:
        if _has_known_content(document):
            absent_by_size[document.size].append(document)
    for file in found.files.values():
        if cancel.is_set():
            break
        _place(plan, file, by_path.get(file.path), absent_by_size[file.size], settings)
    moved = {document.id for document, _ in plan.renamed}
    plan.gone = [document for document in absent if document.id not in moved]
    return plan


def _place(
    plan: Plan, file: FoundFile, document: Document | None, absent: list[Document], settings: SyncSettings
) -> None:
    too_large = file.size > settings.limit_mb(file.path) * 1e6
    if document is not None and _looks_unchanged(document, file, too_large=too_large):
        plan.unchanged += 1
    elif too_large:
        plan.oversized.append(file)
    elif document is not None and document.size == file.size and _same_content(document, file):
        plan.touched.append((document, file))
    elif document is None and (origin := _origin(file, absent)) is not None:
        absent.remove(origin)
        plan.renamed.append((origin, file))
    else:
        plan.to_read.append(file)


def _looks_unchanged(document: Document, file: FoundFile, *, too_large: bool) -> bool:
    """Tells whether size and times say that the library has this version. The time of status change also shows content
    written in place of another of the same size and time."""
    if (document.size, document.mtime_ns) != (file.size, file.mtime_ns):
        return False
    if document.status != "ok" and not document.content_hash:
        return too_large and document.status == "skipped"
    return document.ctime_ns == file.ctime_ns or document.content_hash == UNREAD


def _origin(file: FoundFile, absent: Sequence[Document]) -> Document | None:
    """Returns the vanished document that this file is, if any. The suffix takes part in choosing the parser."""
    suffix = Path(file.path).suffix.lower()
    for document in absent:
        if Path(document.path).suffix.lower() == suffix and _same_content(document, file):
            return document
    return None


def _same_content(document: Document, file: FoundFile) -> bool:
    if not _has_known_content(document):
        return False
    try:
        return content_hash(Path(file.path)) == document.content_hash
    except OSError:
        return False  # the parser will say what is wrong with it


def _has_known_content(document: Document) -> bool:
    return document.content_hash not in ("", UNREAD)


def _hidden_by(troubles: Sequence[Trouble], path: str) -> bool:
    return any(path == trouble.path or path.startswith(trouble.path + os.sep) for trouble in troubles)
