"""Tells what a sync would do before it does it: which files it would read, and what patterns leave out."""

import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from rag.ingest.plan import make_plan
from rag.ingest.settings import SyncSettings
from rag.ingest.sources.scan import Excluded, scan
from rag.types import Document, Source

MOST_COUNTED = 100_000
"""Files of a folder that are counted at most."""


@dataclass(frozen=True, slots=True)
class LeftOutBy:
    """A pattern, the setting or ``.docentignore`` that holds it, and the files and folders it leaves out.

    ``files`` counts the files, those in the folders too. The pattern is empty for files that no pattern of
    ``library.include`` matches.
    """

    pattern: str
    place: str
    paths: tuple[str, ...]
    files: int


@dataclass(frozen=True, slots=True)
class Preview:
    """``files`` are those that the sources would hold; of these ``to_read`` are new or changed. ``gone`` would leave
    the library. ``left_out`` holds each pattern that leaves something out."""

    files: tuple[str, ...]
    to_read: tuple[str, ...]
    gone: tuple[str, ...]
    left_out: tuple[LeftOutBy, ...]


def preview(sources: Sequence[Source], known: Iterable[Document], settings: SyncSettings) -> Preview:
    """Plans a sync of the sources without reading or changing anything. Raises SourceError for a pattern that cannot be
    understood."""
    places = [source for source in sources if source.kind != "youtube"]
    found = scan(places, settings.patterns, follow_links=settings.follow_links)
    reached = {source.id for source in sources} - {source.id for source in found.unreachable}
    plan = make_plan(found, known, reached, settings, threading.Event())
    return Preview(
        files=tuple(sorted(found.files)),
        to_read=tuple(sorted(file.path for file in plan.to_read)),
        gone=tuple(sorted(document.path for document in plan.gone)),
        left_out=_by_pattern(found.excluded),
    )


def _by_pattern(excluded: Sequence[Excluded]) -> tuple[LeftOutBy, ...]:
    grouped: dict[tuple[str, str], list[Excluded]] = {}
    for one in excluded:
        grouped.setdefault((one.why.place, one.why.pattern), []).append(one)
    return tuple(
        LeftOutBy(
            pattern,
            place,
            tuple(sorted(one.path + os.sep * one.is_folder for one in group)),
            sum(_files_below(one.path) if one.is_folder else 1 for one in group),
        )
        for (place, pattern), group in grouped.items()
    )


def _files_below(folder: str) -> int:
    files = (name for _, _, names in os.walk(folder) for name in names)
    return sum(1 for _ in islice(files, MOST_COUNTED))
