"""What the Assistant does with the library as a whole: syncs it, watches folders, forgets, tells what it holds.

sync:  locations -> sources -> rag.ingest.sync -> events, report
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.events import Status
from app.library.watch import FolderWatch
from app.locations import absolute, normal
from app.settings.schema import Settings
from docent import cause_of
from rag.types import Document, Filter, Source

if TYPE_CHECKING:
    from app.wiring import Parts
    from rag.ingest.children.parse_pool import ParsePool
    from rag.ingest.events import SyncEvent, SyncReport
    from rag.ingest.preview import Preview
    from rag.ingest.sync import Syncer

_EVERYTHING = Filter()
_LOOK_S = 0.1  # how often a waiting sync looks whether it is still wanted


class LibraryWork:
    """The part of the Assistant that changes the library. Changes take turns, whichever thread makes them."""

    def __init__(self, parts: "Parts") -> None:
        self._parts = parts
        self._syncing = threading.Lock()
        self._watches: list[FolderWatch] = []

    @property
    def settings(self) -> Settings:
        """Those in force."""
        return self._parts.settings

    def sync(
        self,
        locations: Sequence[str] | None = None,
        on_event: "Callable[[SyncEvent], None] | None" = None,
        cancel: threading.Event | None = None,
        *,
        anew: bool = False,
        cluster: str | None = None,
    ) -> "SyncReport":
        """Brings the library in line with folders, files and YouTube URLs, adding those it does not know.

        None means every known source. ``on_event`` is called on this thread as documents are finished. Setting
        ``cancel`` ends the sync soon and keeps what is finished. A sync that another thread has begun is waited for,
        unless it is cancelled meanwhile.
        With ``anew`` every document there is read, changed or not; a document or folder of a known source is then no
        source of its own.
        ``cluster`` is the address of a Ray cluster that parses and embeds; ClusterError where it cannot.
        """
        from rag.ingest.events import SyncReport
        from rag.ingest.sources.locations import normal_location

        for location in locations or ():
            normal_location(location)  # a wrong one is refused before any is added
        if not self._takes_turn(cancel):
            return SyncReport(cancelled=True)
        try:
            report = self._synced(locations, on_event or _ignore, cancel, anew=anew, cluster=cluster)
        finally:
            self._syncing.release()
        self._look_again()
        return report

    def _takes_turn(self, cancel: threading.Event | None) -> bool:
        """Waits until no other thread syncs; false when it was cancelled before."""
        while not self._syncing.acquire(timeout=_LOOK_S):
            if cancel is not None and cancel.is_set():
                return False
        return True

    def _synced(
        self,
        locations: Sequence[str] | None,
        on_event: "Callable[[SyncEvent], None]",
        cancel: threading.Event | None,
        *,
        anew: bool,
        cluster: str | None,
    ) -> "SyncReport":
        with nullcontext() if cluster is None else self._cluster(cluster) as pool:
            return self._synced_by(self._parts.syncer(pool), locations, on_event, cancel, anew=anew)

    def _cluster(self, address: str) -> "AbstractContextManager[ParsePool]":
        from app.syncer import cluster_pool

        return cluster_pool(self.settings, address, self._parts.embedder)

    def _synced_by(
        self,
        syncer: "Syncer",
        locations: Sequence[str] | None,
        on_event: "Callable[[SyncEvent], None]",
        cancel: threading.Event | None,
        *,
        anew: bool,
    ) -> "SyncReport":
        again = self.scope(locations or ()) if anew else None
        known = self._sources_of(locations or ()) if anew else {}
        sources = None
        if locations is not None:
            wanted = [known.get(location) or [syncer.add(location)] for location in locations]
            sources = list({source.id: source for group in wanted for source in group}.values())
        report = syncer.run(sources, on_event, cancel, again)
        if not report.cancelled:
            self._parts.vectors.refresh()
            report = self._with_index_kept(report)
        return report

    def _with_index_kept(self, report: "SyncReport") -> "SyncReport":
        """Writes the index; where the disk refuses, says so and goes on without: it is made anew each time."""
        from rag.ingest.sources.scan import Trouble

        try:
            self._parts.vectors.save()
        except OSError as error:
            path = str(self.settings.folder.vectors)
            trouble = Trouble(path, f"The index cannot be kept ({cause_of(error)}); it is made anew at each start.")
            return replace(report, troubles=(*report.troubles, trouble))
        return report

    def _sources_of(self, locations: Sequence[str]) -> dict[str, list[Source]]:
        """The sources of the documents that lie at or below each location."""
        sources = {source.id: source for source in self._parts.library.sources()}
        found: dict[str, list[Source]] = {}
        for location in locations:
            ids = {document.source_id for document in self.documents([location])}
            ids |= {source.id for source in sources.values() if source.location == normal(location)}
            found[location] = [sources[id_] for id_ in sorted(ids)]
        return found

    def preview(
        self,
        locations: Sequence[str] | None = None,
        *,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
    ) -> "Preview":
        """Tells what a sync would read, and what patterns would leave out. Nothing is read or changed.

        ``include`` and ``exclude`` are tried in place of ``library.include`` and ``library.exclude``. Raises
        SourceError for a pattern that cannot be understood.
        """
        from rag.ingest.sources.ignore import Patterns

        library = self.settings.library
        patterns = Patterns(
            tuple(library.include if include is None else include),
            tuple(library.exclude if exclude is None else exclude),
        )
        return self._parts.syncer().preview(locations, patterns)

    def remove(self, location: str) -> int:
        """Forgets a source, or one document of it. Returns how many documents left the library; files stay.

        A document of a folder that is still there comes back with the next sync of that folder.
        """
        with self._syncing:
            document = self._document_at(location)
            syncer = self._parts.syncer()
            if document is not None and document.path not in {s.location for s in self._parts.library.sources()}:
                removed = self._remove_document(document)
            else:
                removed = syncer.remove(location)
        self._look_again()
        return removed

    def wipe_library(self) -> None:
        """Forgets all sources, documents and collections, and leaves nothing of them in the library's files."""
        library = self._parts.library
        with self._syncing:
            writer = library.writer()
            with library.writing(self.settings.library.wait_s):
                with writer.transaction():
                    for source in library.sources():
                        writer.remove_source(source)
                    writer.delete_collections()
                writer.compact()
            self._parts.vectors.refresh()
            self._parts.vectors.save()
        self._look_again()

    def _document_at(self, location: str) -> Document | None:
        library = self._parts.library
        return library.document_at(location) or library.document_at(absolute(location))

    def _remove_document(self, document: Document) -> int:
        library = self._parts.library
        writer = library.writer()
        with library.writing(self.settings.library.wait_s), writer.transaction():
            writer.delete([document.id])
            writer.forget_member(document.path)
        return 1

    @contextmanager
    def watch(
        self, on_event: "Callable[[SyncEvent], None]", wanted: Callable[[], bool] = lambda: True
    ) -> Iterator[None]:
        """Keeps the known folders, and those added meanwhile, in sync while the context is open and it is ``wanted``,
        which is asked again when sources or settings have changed.

        ``on_event`` is called on another thread.
        """

        def sources() -> Sequence[Source]:
            return self._parts.library.sources() if wanted() else ()

        def sync(stopping: threading.Event) -> None:
            self.sync(None, on_event, stopping)

        watch = FolderWatch(sources, sync)
        self._watches.append(watch)
        try:
            with watch:
                yield
        finally:
            self._watches.remove(watch)

    def _look_again(self) -> None:
        for watch in list(self._watches):
            watch.look_again()

    def status(self) -> Status:
        library = self._parts.library
        counts = library.counts()
        sources = library.sources()
        index = self.settings.folder.vectors
        return Status(
            sources=tuple(sources),
            documents=sum(number for name, number in counts.items() if name != "chunks"),
            counts=counts,
            embedder=library.embedder_name,
            library_path=library.place,
            size_bytes=library.size_bytes() + (index.stat().st_size if index.is_file() else 0),
            data_dir=self.settings.data_dir,
            problems=tuple(library.unread_documents()),
            unreachable=tuple(
                one.location for one in sources if one.kind != "youtube" and not Path(one.location).exists()
            ),
        )

    def documents(self, locations: Sequence[str] | None = None) -> list[Document]:
        """All documents, or those of these folders, files and URLs, whatever their status."""
        return self._parts.library.documents(_EVERYTHING if locations is None else self.scope(locations))

    def is_empty(self) -> bool:
        """Whether there is nothing to search."""
        return self._parts.library.counts()["chunks"] == 0

    def scope(self, locations: Sequence[str]) -> Filter:
        """The filter that restricts a question to these folders, files and URLs; none means everything."""
        return Filter(folders=tuple(normal(location) for location in locations))


def _ignore(event: object) -> None:
    """For callers that want no events."""
