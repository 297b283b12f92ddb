"""Brings the library in line with folders, files and YouTube addresses.

    sources -> scan -> plan -> parse (child processes) -> chunk -> embed -> library

One process at a time syncs a library in a file, or a source of one on a server. Whatever ends a sync, what was
committed stays and the next one goes on from there. The vectors of large documents are made at the end of the sync, in
batches, and so are all where the embedder has changed, whose stored ones are deleted at once; until then full-text
search alone finds those chunks.
"""

import contextlib
import hashlib
import io
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from rag.errors import RagError, ReadError, SkippedError, SourceError
from rag.ingest.children.parse_job import Chunking, ParseResult
from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.children.prepared import prepare_into
from rag.ingest.events import SyncEvent, SyncReport
from rag.ingest.index_batch import Cancelled, IndexBatch
from rag.ingest.plan import Plan, make_plan
from rag.ingest.preview import Preview, preview
from rag.ingest.settings import SyncSettings
from rag.ingest.sources.ignore import Patterns
from rag.ingest.sources.locations import normal_location
from rag.ingest.sources.renamed_folders import renamed_folders
from rag.ingest.sources.renamed_title import title_after
from rag.ingest.sources.scan import FoundFile, Reach, Scan, scan
from rag.ingest.tally import Tally
from rag.protocols import Embedder, TranscriptClient, Video
from rag.store.protocols import FileState, LibraryStore
from rag.text.context import context_of, document_label
from rag.types import Document, Filter, ParsedDocument, Source

__all__ = ["SyncEvent", "SyncReport", "SyncSettings", "Syncer"]

OnEvent = Callable[[SyncEvent], None]
T = TypeVar("T")

_CHANGED = "The file changed while it was being read; the next sync reads it."
_COMMIT_ROWS = 500  # small changes a transaction


class Syncer:
    """Adds, removes and syncs the sources of one library. Every method takes the library's lock."""

    def __init__(
        self,
        library: LibraryStore,
        embedder: Embedder,
        pool: ParsePool,
        settings: SyncSettings,
        videos: TranscriptClient | None = None,
    ) -> None:
        self._library = library
        self._embedder = embedder
        self._pool = pool
        self._settings = settings
        self._videos = videos

    def add(self, location: str) -> Source:
        """Returns the source for a folder, file or YouTube address, new or known. Reads nothing yet. Raises
        SourceError.
        """
        kind, normal = normal_location(location)
        known = [source for source in self._library.sources() if source.location == normal]
        if known:
            return known[0]
        writer = self._library.writer()
        with self._locked([]), writer.transaction():
            return writer.add_source(kind, normal)

    def preview(self, locations: Sequence[str] | None = None, patterns: Patterns | None = None) -> Preview:
        """Tells what a sync of these locations, or of all known sources, would do, with other ``patterns`` than those
        that are set if there are any. Raises SourceError."""
        known = self._library.sources()
        sources = known
        if locations is not None:
            by_location = {source.location: source for source in known}
            wanted = [normal_location(location) for location in locations]
            sources = [by_location.get(normal, Source(0, kind, normal, 0.0)) for kind, normal in wanted]
        settings = self._settings if patterns is None else replace(self._settings, patterns=patterns)
        return preview(sources, self._library.documents(), settings)

    def remove(self, location: str) -> int:
        """Forgets a source; returns how many documents went with it. Raises SourceError if it is not known."""
        wanted = {location, os.path.abspath(os.path.expanduser(location))}  # noqa: PTH100, PTH111 - as in add
        with contextlib.suppress(SourceError):
            wanted.add(normal_location(location)[1])
        writer = self._library.writer()
        with self._locked():
            for source in self._library.sources():
                if source.location in wanted:
                    with writer.transaction():
                        return writer.remove_source(source)
        raise SourceError(f"{location} is not among the sources.", "`docent status` lists them.")

    def run(
        self,
        sources: Sequence[Source] | None = None,
        on_event: OnEvent = lambda event: None,
        cancel: threading.Event | None = None,
        anew: Filter | None = None,
    ) -> SyncReport:
        """Syncs these sources, or all that the library knows. ``on_event`` is called on this thread.

        Documents that ``anew`` names are read whether they have changed or not.
        Raises LibraryLocked when another process syncs, LibraryError when the library cannot be written.
        """
        with self._locked(sources):
            if anew is not None:
                writer = self._library.writer()
                with writer.transaction():
                    writer.mark_unread(document.id for document in self._library.documents(anew))
            run = _Run(
                self._library,
                self._embedder,
                self._pool,
                self._settings,
                self._videos,
                on_event,
                cancel or threading.Event(),
            )
            return run.sync(self._library.sources() if sources is None else sources)

    def _locked(self, sources: Sequence[Source] | None = None) -> contextlib.AbstractContextManager[None]:
        return self._library.writing(self._settings.lock_timeout_s, sources)


class _Run:
    """One sync."""

    def __init__(
        self,
        library: LibraryStore,
        embedder: Embedder,
        pool: ParsePool,
        settings: SyncSettings,
        videos: TranscriptClient | None,
        on_event: OnEvent,
        cancel: threading.Event,
    ) -> None:
        self._library, self._pool, self._settings, self._videos = library, pool, settings, videos
        self._embedder = embedder
        self._cancel = cancel
        self._tally = Tally(library, on_event)
        self._writer = library.writer()
        self._batch = IndexBatch(library, embedder, settings, on_event, self._tally.finished, cancel)

    def sync(self, sources: Sequence[Source]) -> SyncReport:
        began = time.monotonic()
        try:
            self._adopt_embedder()
            self._files(sources)
            for source in sources:
                if source.kind == "youtube":
                    self._youtube(source)
            self._batch.embed_stored()
        except Cancelled:
            self._cancel.set()
        finally:
            self._batch.close()
        self._writer.checkpoint()
        return self._tally.report(time.monotonic() - began, cancelled=self._cancel.is_set())

    def _adopt_embedder(self) -> None:
        if self._library.embedder_name != self._embedder.name:
            with self._writer.transaction():
                self._writer.change_embedder(self._embedder.name)

    # -- folders and files -----------------------------------------------------------------------------------------

    def _files(self, sources: Sequence[Source]) -> None:
        places = [source for source in sources if source.kind != "youtube"]
        found = scan(places, self._settings.patterns, follow_links=self._settings.follow_links)
        missing = self._leave_unreachable(found)
        known = self._library.documents()
        reached = {source.id for source in sources if source.kind != "youtube"} - missing
        plan = make_plan(found, known, reached, self._settings, self._cancel)
        self._stop_if_cancelled()
        self._tally.found(plan.total, plan.unchanged + len(plan.touched))
        for trouble in [*found.troubles, *found.not_followed]:
            self._tally.trouble(trouble.path, trouble.reason)
        self._apply_small_changes(plan)
        again = self._read({file.path: file for file in plan.to_read}, found.reach)
        for file, reason in self._read({file.path: file for file, _ in again}, found.reach):
            self._tally.given_up(file.path, reason)

    def _leave_unreachable(self, found: Scan) -> set[int]:
        """Notes the sources that are not there. A single file that was deleted from its folder is not among them."""
        missing = set()
        for source in found.unreachable:
            if source.kind == "file" and Path(source.location).parent.is_dir():
                continue
            missing.add(source.id)
            self._tally.unreachable(
                source, "It is not there now (moved, deleted or unplugged); its documents are kept."
            )
        return missing

    def _apply_small_changes(self, plan: Plan) -> None:
        """Applies the changes that need no parsing: one row each."""
        for batch in _batches(plan.touched):
            with self._writer.transaction():
                for document, file in batch:
                    self._writer.touch(document.id, file.size, file.mtime_ns, file.ctime_ns)
        for number, batch in enumerate(_batches(plan.renamed)):
            with self._writer.transaction():
                if number == 0:  # whoever goes on after a kill sees some of the documents in the new folder
                    self._follow_folders([(document.path, file.path) for document, file in plan.renamed])
                for document, file in batch:
                    self._rename(document, file)
            for document, _ in batch:
                self._tally.finished(document.id, "renamed")
        for gone in _batches(plan.gone):
            with self._writer.transaction():
                self._writer.delete(document.id for document in gone)
            for document in gone:
                self._tally.gone(document)
        for file in plan.oversized:
            limit = self._settings.limit_mb(file.path)
            reason = (
                f"The file has {file.size / 1e6:,.0f} MB; the limit is {limit:,.0f} MB (setting library.max_file_mb)."
            )
            self._batch.add_unread(_state(file), "skipped", reason)
        self._batch.flush()

    def _follow_folders(self, moved: Sequence[tuple[str, str]]) -> None:
        """Has collections follow folders to their new names."""
        members = {place for one in self._library.collections() for place in one.locations}
        before = {path for path, _ in moved}
        stayed = [document.path for document in self._library.documents() if document.path not in before]
        for old, new in renamed_folders(members, moved, stayed).items():
            self._writer.move_members(old, new)

    def _rename(self, document: Document, file: FoundFile) -> None:
        title = title_after(document, file)
        self._writer.move(document.id, _state(file, document.content_hash), title)
        label = document_label(file.path, title)
        if label != document_label(document.path, document.title):  # the name is part of what is searched
            chunks = self._library.chunk_range(document.id, 0, document.chunks)
            self._writer.replace_contexts(document.id, [context_of(label, chunk.heading_path) for chunk in chunks])

    def _read(self, files: dict[str, FoundFile], reach: Reach) -> list[tuple[FoundFile, str]]:
        """Reads and stores files; returns those that are to be read again, and why. What is stored of them stays."""
        again = []
        tasks = ((file.path, file.size) for file in files.values())
        chunking = Chunking(self._embedder.counter, self._settings.target_tokens)
        parsing = self._pool.parse_all(tasks, chunking, self._cancel, self._batch.flush, self._tally.reading)
        with contextlib.closing(parsing) as results:
            for result in results:
                if result.changed or result.interrupted:
                    again.append((files[result.path], result.interrupted or _CHANGED))
                elif result.real_path and (reason := reach.reason_against(result.real_path)):
                    self._replaced_by_link(result, reason)
                else:
                    self._store(files[result.path], result)
        self._stop_if_cancelled()
        self._batch.flush()
        return again

    def _replaced_by_link(self, result: ParseResult, reason: str) -> None:
        """Lets go of what was read where a link took the place of a file, or of a folder above it, after the scan."""
        if result.document is not None:
            result.document.close()
        self._tally.given_up(result.path, reason)

    def _store(self, file: FoundFile, result: ParseResult) -> None:
        if result.content_hash:  # the version that was read, which may be newer than the one that was scanned
            file = replace(file, size=result.size, mtime_ns=result.mtime_ns, ctime_ns=result.ctime_ns)
        state = _state(file, result.content_hash)
        if result.document is not None:
            self._batch.add(state, result.document)
        else:
            assert result.error is not None
            self._unread(state, result.error)

    def _unread(self, state: FileState, error: ReadError) -> None:
        self._batch.add_unread(state, "skipped" if isinstance(error, SkippedError) else "failed", str(error))

    # -- YouTube ---------------------------------------------------------------------------------------------------

    def _youtube(self, source: Source) -> None:
        """Syncs the videos of a source one after the other: the site blocks whoever asks for many at a time."""
        if self._videos is None:
            self._tally.unreachable(source)
            return
        try:
            videos = self._videos.videos(source.location)
        except RagError as error:
            self._tally.unreachable(source, str(error))
            return
        known = {document.path: document for document in self._library.documents()}
        listed = {video.url for video in videos}
        gone = [d for d in known.values() if d.source_id == source.id and d.path not in listed]
        wanted = [video for video in videos if video.url not in known or _is_unread(known[video.url])]
        self._tally.found(len(wanted) + len(gone), len(videos) - len(wanted), source.location)
        if gone:
            with self._writer.transaction():
                self._writer.delete(document.id for document in gone)
            for document in gone:
                self._tally.gone(document)
        for video in wanted:
            self._stop_if_cancelled()
            self._transcript(source, video, self._videos)

    def _transcript(self, source: Source, video: Video, client: TranscriptClient) -> None:
        try:
            parsed = client.transcript(video.id)
        except ReadError as error:
            self._unread(FileState(source.id, video.url, 0, 0, ""), error)
        else:
            state = _transcript_state(source, video, parsed)
            count, target = self._embedder.count_tokens, self._settings.target_tokens
            self._batch.add(state, prepare_into(io.BytesIO(), parsed, state.path, count, target))
        self._batch.flush()

    def _stop_if_cancelled(self) -> None:
        if self._cancel.is_set():
            raise Cancelled


def _is_unread(document: Document) -> bool:
    """Whether a transcript is to be fetched: it failed, or is wanted anew."""
    return document.status == "failed" or (document.status == "ok" and not document.content_hash)


def _state(file: FoundFile, content_hash: str = "") -> FileState:
    return FileState(file.source_id, file.path, file.size, file.mtime_ns, content_hash, file.ctime_ns)


def _transcript_state(source: Source, video: Video, parsed: ParsedDocument) -> FileState:
    data = parsed.text.encode("utf-8", "surrogatepass")
    return FileState(source.id, video.url, len(data), 0, hashlib.blake2b(data, digest_size=20).hexdigest())


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(items), _COMMIT_ROWS):
        yield items[first : first + _COMMIT_ROWS]
