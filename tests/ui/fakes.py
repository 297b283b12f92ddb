"""An assistant that needs no models: a few documents in memory, and conversations as they are really kept."""

import shutil
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.conversations.folders import ConversationFolders
from app.conversations.store import Conversations
from app.errors import UnknownDocument
from app.events import (
    Answered,
    AskEvent,
    ConversationInfo,
    DocumentView,
    Exchange,
    Layout,
    Looked,
    Retrieved,
    Scope,
    Searched,
    Status,
    Work,
)
from app.settings.schema import Settings
from rag.errors import SourceError
from rag.ingest.events import SyncEvent, SyncReport
from rag.ingest.preview import LeftOutBy, Preview
from rag.text.markers import AnswerPart, joined
from rag.text.table_spans import TableSpans
from rag.types import Answer, Citation, Collection, Document, Filter, Passage, Source, TextDelta, ThoughtDelta, Writing

EVERYTHING = Filter()


def a_document(number: int, path: str, text: str = "", **changes: Any) -> Document:
    document = Document(
        id=number,
        source_id=1,
        path=path,
        title=Path(path).name,
        media_type="text/plain",
        status="ok",
        error=None,
        chunks=max(1, len(text) // 800),
        size=len(text),
        mtime_ns=0,
        content_hash=str(number),
        read_at=0.0,
    )
    return replace(document, **changes)


class FakeAssistant:
    """Answers with the first sentence that shares a word with the question. ``gate``, when given, is waited for before
    every word of an answer and before every file of a sync, so that a test decides when things go on."""

    def __init__(self, gate: Callable[[], None] | None = None) -> None:
        self.gate = gate or (lambda: None)
        self.stop = threading.Event()  # of the latest question
        self.known: list[Source] = []
        self.texts: dict[int, str] = {}
        self.rows: dict[int, Document] = {}
        self.folder = Path(tempfile.mkdtemp(prefix="docent-fake-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.settings = Settings(data_dir=self.folder)
        self.store = Conversations(self.folder / "conversations.db")
        self.asked: list[tuple[str, Filter]] = []
        self.models_asked: list[str | None] = []
        self.read_anew: list[str] = []
        self.searches: tuple[str, ...] = ()  # of a model that searches on, for every question
        self.looking: Callable[[], None] = lambda: None  # is called while it searches
        self.thought = ""  # what a model thinks before every answer, a word at a time
        self.writing: Writing | None = None  # how fast a model wrote it
        self.said: str | None = None  # instead of the sentence that is found
        self.goes_on = ""  # what it says after the sentence and its source, as " and more"
        self.answerer = "extractive"
        self.unreachable: tuple[str, ...] = ()  # sources that are not there
        self.error: Exception | None = None  # raised by ask
        self.broken: Exception | None = None  # raised by what reads the library
        self.layouts: dict[int, Layout] = {}
        self.tables: dict[int, tuple[TableSpans, ...]] = {}
        self.model_title: str | None = None  # what a language model calls a conversation
        self.model: Any = None
        self.loaded = False

    def put(self, path: str, text: str, **changes: Any) -> Document:
        """A document that is simply there."""
        number = len(self.rows) + 1
        if not self.known:
            self.known.append(Source(1, "folder", str(Path(path).parent), 0.0))
        self.rows[number] = a_document(number, path, text, **changes)
        self.texts[number] = text
        return self.rows[number]

    def sync(
        self,
        locations: Sequence[str] | None = None,
        on_event: Callable[[SyncEvent], None] | None = None,
        cancel: threading.Event | None = None,
        *,
        anew: bool = False,
    ) -> SyncReport:
        if anew:
            self.read_anew += locations or ()
        for location in locations or ():
            if "blocked" in location:
                raise SourceError("YouTube did not hand out the transcript.", "Try again later.")
            if location not in [source.location for source in self.known]:
                self.known.append(Source(len(self.known) + 1, "folder", location, 0.0))
        files = [
            (source, file)
            for source in self.known
            for file in [Path(source.location), *sorted(Path(source.location).rglob("*"))]
            if file.is_file()
        ]
        tell = on_event or (lambda event: None)
        tell(SyncEvent("scanned", total=len(files)))
        for done, (source, file) in enumerate(files, 1):
            self.gate()
            if cancel is not None and cancel.is_set():
                return SyncReport(cancelled=True)
            if str(file) in [row.path for row in self.rows.values()]:
                continue
            bad = b"\0" in file.read_bytes()
            document = self.put(str(file), "" if bad else file.read_text(encoding="utf-8"), source_id=source.id)
            if bad:
                document = replace(document, status="failed", error="The file is damaged: it ends in the middle.")
                self.rows[document.id] = document
            tell(SyncEvent("document", str(file), document.status, document.error, document.chunks, done, len(files)))
        tell(SyncEvent("done", done=len(files), total=len(files)))
        return SyncReport(tuple(self.rows.values()))

    def ask(
        self,
        question: str,
        *,
        conversation_id: str | None = None,
        filter: Filter = EVERYTHING,
        stop: threading.Event | None = None,
        remember: bool = True,
        after: int | None = None,
        model: str | None = None,
    ) -> Iterator[AskEvent]:
        self.asked.append((question, filter))
        self.models_asked.append(model)
        self.stop = stop or threading.Event()
        self.looking()
        if self.error is not None:
            raise self.error
        completed = f"{question} (in the garden)" if conversation_id and question.startswith("and") else question
        found = self._find(question)
        passages: tuple[Passage, ...] = ()
        citations: tuple[Citation, ...] = ()
        text, numbers = "Your documents do not say.", tuple[int, ...]()
        if found is not None:
            row, start, end = found
            quote = self.texts[row.id][start:end]
            passages = (Passage(1, row, start, end, quote, 1.0, page=1 if row.path.endswith(".pdf") else None),)
            citations = (Citation(1, row.id, row.path, row.title, passages[0].page, None, quote, start, end, 1.0),)
            text, numbers = self.said or quote, (1,)
        yield Retrieved(completed, passages)
        for search in self.searches:
            self.gate()
            yield Searched(search, ())
        for word in self.thought.split(" ") if self.thought else ():
            self.gate()
            yield ThoughtDelta(f"{word} ")
        first, *others = text.split(" ")
        parts = (AnswerPart(first), *(AnswerPart(f" {word}") for word in others))
        parts += (AnswerPart(" ", numbers),) if numbers else ()
        parts += tuple(AnswerPart(f" {word}") for word in self.goes_on.split())
        said: tuple[AnswerPart, ...] = ()
        for part in parts:
            self.gate()
            if stop is not None and stop.is_set():
                break
            said += (part,)
            yield TextDelta((part,), citations if part.numbers else ())
        stopped = said != parts
        given = citations if any(part.numbers for part in said) else ()
        answer = Answer(joined(said), found is not None, given, self.answerer, writing=self.writing)
        searched = completed if completed != question else None
        work = Work({"total": 1.0}, tuple(map(Looked.of, passages)), self.searches, self.thought)
        key = self.store.add(
            conversation_id, question, answer, searched=searched, stopped=stopped, work=work, after=after
        )
        yield Answered(answer, {"total": 1.0}, key, stopped)

    def _find(self, question: str) -> tuple[Document, int, int] | None:
        words = {word for word in question.lower().strip("?").split() if len(word) > 3}
        for number, text in self.texts.items():
            start = 0
            for sentence in text.split("\n"):
                if words & set(sentence.lower().replace(".", "").split()):
                    return self.rows[number], start, start + len(sentence)
                start += len(sentence) + 1
        return None

    def quoted(self, question: str, conversation_id: str | None = None) -> Answer:
        found = self._find(question)
        if found is None:
            return Answer((AnswerPart("Your documents do not say."),), False, (), "extractive")
        row, start, end = found
        quote = self.texts[row.id][start:end]
        cited = Citation(1, row.id, row.path, row.title, None, None, quote, start, end, 1.0)
        return Answer((AnswerPart(quote, (1,)),), True, (cited,), "extractive")

    def title_by_model(self, conversation_id: str) -> bool:
        if self.model_title is None:
            return False
        self.store.rename(conversation_id, self.model_title)
        return True

    def take_over(self, settings: Settings) -> None:
        self.settings = settings

    def preview(
        self,
        locations: Sequence[str] | None = None,
        *,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
    ) -> Preview:
        from pathspec import GitIgnoreSpec

        paths = [row.path for row in self.rows.values()]
        gone = {pattern: [*GitIgnoreSpec.from_lines([pattern]).match_files(paths)] for pattern in exclude or ()}
        left_out = [LeftOutBy(pattern, "library.exclude", tuple(out), len(out)) for pattern, out in gone.items() if out]
        left = tuple(path for path in paths if not any(path in one.paths for one in left_out))
        return Preview(left, (), tuple(path for path in paths if path not in left), tuple(left_out))

    def wipe_library(self) -> None:
        self.known, self.rows, self.texts = [], {}, {}

    def wipe_conversations(self) -> None:
        self.store.wipe()

    def status(self) -> Status:
        counts: dict[str, int] = {}
        return Status(
            tuple(self.known),
            len(self.rows),
            counts,
            "fake",
            "library.db",
            0,
            Path("data"),
            unreachable=self.unreachable,
        )

    def documents(self) -> list[Document]:
        if self.broken is not None:
            raise self.broken
        return list(self.rows.values())

    def remove(self, location: str) -> int:
        gone = {source.id for source in self.known if source.location == location}
        self.known = [source for source in self.known if source.id not in gone]
        before = len(self.rows)
        self.rows = {number: row for number, row in self.rows.items() if row.source_id not in gone}
        return before - len(self.rows)

    def document_view(self, document_id: int) -> DocumentView:
        if document_id not in self.rows:
            raise UnknownDocument("That document is no longer in the library.", "Add it again.")
        row = self.rows[document_id]
        return DocumentView(row, self.texts[document_id], 3 if row.path.endswith(".pdf") else None)

    def page_png(
        self,
        document_id: int,
        page: int,
        quote_span: tuple[int, int] | None = None,
        scale: float = 2.0,
        read_span: tuple[int, int] | None = None,
    ) -> bytes:
        if document_id not in self.rows:
            raise SourceError("That document is no longer in the library.", "Add it again.")
        return b"\x89PNG" + f"{document_id} {page} {quote_span} {scale}".encode()

    def page_text(self, document_id: int, page: int) -> str:
        return self.texts[document_id]

    def document_text(self, document_id: int) -> str:
        return self.texts[document_id]

    def document_tables(self, document_id: int, start: int, end: int) -> tuple[TableSpans, ...]:
        return tuple(self.all_tables(document_id, start, end))

    def all_tables(self, document_id: int, start: int = 0, end: int = sys.maxsize) -> Iterator[TableSpans]:
        return (table for table in self.tables.get(document_id, ()) if table.start < end and table.end > start)

    def document_layout(self, document_id: int) -> Layout:
        return self.layouts.get(document_id, Layout((), ()))

    def document_file(self, document_id: int) -> tuple[Path, str]:
        return Path(self.rows[document_id].path), self.rows[document_id].media_type

    def restricted(
        self, folders: Sequence[str] = (), documents: Sequence[int] = (), collections: Sequence[int] = ()
    ) -> Filter:
        return Filter(frozenset(documents), tuple(folders))

    def collections(self) -> list[Collection]:
        return []

    def language_model(self) -> Any:
        return self.model

    def model_loaded(self) -> bool:
        return self.loaded

    def unload_model(self) -> bool:
        self.loaded = False
        return True

    def warm_up(self) -> None:
        self.loaded = True

    def conversations(self, holding: str = "") -> list[ConversationInfo]:
        return self.store.all(holding)

    def conversation(self, conversation_id: str) -> list[Exchange]:
        return self.store.exchanges(conversation_id)

    def all_exchanges(self, conversation_id: str) -> list[Exchange]:
        return self.store.all_exchanges(conversation_id)

    def show_exchange(self, conversation_id: str, exchange: int) -> None:
        self.store.show(conversation_id, exchange)

    def start_conversation(self, question: str, scope: Scope = Scope(), model: str | None = None) -> str:  # noqa: B008
        return self.store.create(question, scope, model)

    def choose_model(self, conversation_id: str, model: str | None) -> None:
        self.store.choose(conversation_id, model=model)

    def restrict_conversation(self, conversation_id: str, scope: Scope) -> None:
        self.store.restrict(conversation_id, scope)

    @property
    def conversation_folders(self) -> ConversationFolders:
        return ConversationFolders(self.store)

    def rename_conversation(self, conversation_id: str, title: str) -> None:
        self.store.rename(conversation_id, title)

    def pin_conversation(self, conversation_id: str, pinned: bool) -> None:
        self.store.pin(conversation_id, pinned)

    def copy_conversation(self, conversation_id: str, before: int | None = None) -> str:
        return self.store.copy(conversation_id, before)

    def delete_conversation(self, conversation_id: str, *, undo: bool = False) -> None:
        self.store.delete(conversation_id, undo=undo)

    def restore_conversation(self, conversation_id: str) -> None:
        self.store.restore(conversation_id)

    def forget_exchange(self, conversation_id: str, exchange: int) -> None:
        self.store.forget(conversation_id, exchange)

    def mark_exchange(self, conversation_id: str, exchange: int, feedback: int) -> None:
        self.store.mark(conversation_id, exchange, feedback)


class Gate:
    """Lets words and files through one by one, or all of them once it is open."""

    def __init__(self) -> None:
        self._permits = threading.Semaphore(0)
        self._open = threading.Event()
        self.reached = threading.Event()  # somebody came to the gate

    def __call__(self) -> None:
        self.reached.set()
        while not self._open.is_set():
            if self._permits.acquire(timeout=0.05):
                return

    def let(self, count: int) -> None:
        self._permits.release(count)

    def take(self) -> bool:
        """Takes back one that nobody came for; false where none is left."""
        return self._permits.acquire(blocking=False)

    def open(self) -> None:
        self._open.set()
