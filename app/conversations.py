"""Stores conversations in an SQLite file of their own, which several threads and processes may use at once.

Answers are kept as JSON. A citation keeps its quote, so an old answer stays readable after its document is gone. Every
value is checked when it is read: a damaged entry says so in its place, and the others are as they were.
"""

import json
import math
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from app.errors import ConversationError
from app.events import ConversationInfo, Exchange
from files import new_private
from rag.query.titles import shortened
from rag.store.rows import is_text, is_time
from rag.store.schema import is_refusal, text_of
from rag.text.markers import AnswerPart, parts_of
from rag.types import Answer, Citation, Span

_SCHEMA_VERSION = 3  # 3: answers are kept in parts
_SCHEMA = """
CREATE TABLE IF NOT EXISTS conversations (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, updated_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS exchanges (
    id INTEGER PRIMARY KEY,
    conversation_id TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    asked_at REAL NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL,
    searched TEXT, stopped INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS exchanges_of ON exchanges(conversation_id, id);
"""
_SINCE_1 = (
    "ALTER TABLE exchanges ADD COLUMN searched TEXT",
    "ALTER TABLE exchanges ADD COLUMN stopped INTEGER NOT NULL DEFAULT 0",
)
_BUSY_TIMEOUT_S = 10.0
DAMAGED_TITLE = "(damaged title)"
DAMAGED_ANSWER = Answer(
    (AnswerPart("This answer cannot be shown any more: its entry in conversations.db is damaged."),), False, (), "none"
)
_T = TypeVar("_T")


class Conversations:
    """The store. Every method is one transaction; ConversationError names an id that does not exist."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        new_private(path)
        try:
            try:
                self._db = self._opened(str(path), prepare=True)
            except sqlite3.Error as error:
                log = path.with_name(f"{path.name}-wal")
                whole = path.is_file() and path.stat().st_size and not (log.is_file() and log.stat().st_size)
                if not (whole and is_refusal(error)):
                    raise
                # On a full or read-only disk what is there can still be read.
                self._db = self._opened(f"{path.absolute().as_uri()}?mode=ro&immutable=1", prepare=False)
        except sqlite3.Error as error:
            raise ConversationError(
                f"The conversations file {path} cannot be used ({error}).",
                "Check the disk and the file's permissions; if it is damaged, `docent repair` keeps what can be read.",
            ) from error

    def _opened(self, address: str, *, prepare: bool) -> sqlite3.Connection:
        with ExitStack() as undo:
            self._db = undo.enter_context(
                closing(sqlite3.connect(address, uri=not prepare, timeout=_BUSY_TIMEOUT_S, check_same_thread=False))
            )
            self._db.text_factory = text_of
            if prepare:
                self._prepare()
            self._version()
            undo.pop_all()  # it stays open
        return self._db

    def _prepare(self) -> None:
        if self._version() > _SCHEMA_VERSION:
            raise ConversationError(f"{self._path} was written by a newer Docent.", "Update Docent.")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA foreign_keys=ON")
        self._db.execute("BEGIN IMMEDIATE")  # another process may be doing the same
        if self._version() == 1:
            for statement in _SINCE_1:
                self._db.execute(statement)
        for statement in _SCHEMA.split(";"):
            self._db.execute(statement)
        self._db.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
        self._db.commit()

    def _version(self) -> int:
        with closing(self._db.execute("PRAGMA user_version")) as rows:
            version: int = rows.fetchone()[0]
        return version

    def add(
        self,
        conversation_id: str | None,
        question: str,
        answer: Answer,
        *,
        title: str | None = None,
        searched: str | None = None,
        stopped: bool = False,
    ) -> str:
        """Appends one exchange; None starts a conversation, called ``title`` or like the question. Returns its id."""
        now = time.time()
        with self._transaction() as db:
            if conversation_id is None:
                conversation_id = uuid.uuid4().hex[:12]
                called = shortened(title or question)
                db.execute("INSERT INTO conversations VALUES (?, ?, ?)", (conversation_id, called, now))
            else:
                changed = db.execute(
                    "UPDATE conversations SET updated_at = ? WHERE id = ?", (now, conversation_id)
                ).rowcount
                _require(changed, conversation_id)
            db.execute(
                "INSERT INTO exchanges (conversation_id, asked_at, question, answer, searched, stopped)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (conversation_id, now, question, _answer_to_json(answer), searched, stopped),
            )
        return conversation_id

    def all(self) -> list[ConversationInfo]:
        """Lists the conversations, newest first."""
        with self._transaction() as db:
            rows = db.execute(
                "SELECT c.id, c.title, c.updated_at, count(e.id) FROM conversations c"
                " LEFT JOIN exchanges e ON e.conversation_id = c.id"
                " GROUP BY c.id ORDER BY c.updated_at DESC, c.rowid DESC"
            ).fetchall()
        return [
            ConversationInfo(
                str(id_), _text_or(title, DAMAGED_TITLE), updated_at if is_time(updated_at) else 0.0, turns
            )
            for id_, title, updated_at, turns in rows
        ]

    def exchanges(self, conversation_id: str) -> list[Exchange]:
        """Lists the exchanges of a conversation, oldest first."""
        with self._transaction() as db:
            _require(
                db.execute("SELECT 1 FROM conversations WHERE id = ?", (conversation_id,)).fetchone(), conversation_id
            )
            rows = db.execute(
                "SELECT question, answer, asked_at, searched, stopped FROM exchanges"
                " WHERE conversation_id = ? ORDER BY id",
                (conversation_id,),
            ).fetchall()
        return [_exchange(*row) for row in rows]

    def damaged(self) -> list[str]:
        """Names what is damaged in the file, a sentence each. Raises ConversationError where SQLite cannot read it."""
        with self._transaction() as db:
            if (found := db.execute("PRAGMA quick_check(1)").fetchall()) != [("ok",)]:
                raise sqlite3.DatabaseError(f"damaged: {found[0][0]}")
            chats = db.execute("SELECT id, title, updated_at FROM conversations").fetchall()
            rows = db.execute(
                "SELECT conversation_id, question, answer, asked_at, searched, stopped FROM exchanges"
            ).fetchall()
        found = [
            f"The title or date of conversation {id_} is damaged."
            for id_, title, updated_at in chats
            if not (is_text(title) and is_time(updated_at))
        ]
        return found + [f"An answer of conversation {id_} is damaged." for id_, *row in rows if _exchange(*row).damaged]

    def mend(self) -> None:
        """Gives conversations with a damaged title or date one that can be shown; answers stay as they are."""
        with self._transaction() as db:
            for id_, title, updated_at in db.execute("SELECT rowid, title, updated_at FROM conversations").fetchall():
                if not (is_text(title) and is_time(updated_at)):
                    told = (_text_or(title, DAMAGED_TITLE), updated_at if is_time(updated_at) else time.time(), id_)
                    db.execute("UPDATE conversations SET title = ?, updated_at = ? WHERE rowid = ?", told)

    def rename(self, conversation_id: str, title: str) -> None:
        with self._transaction() as db:
            changed = db.execute(
                "UPDATE conversations SET title = ? WHERE id = ?", (shortened(title), conversation_id)
            ).rowcount
            _require(changed, conversation_id)

    def delete(self, conversation_id: str) -> None:
        with self._transaction() as db:
            _require(db.execute("DELETE FROM conversations WHERE id = ?", (conversation_id,)).rowcount, conversation_id)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                with self._db:
                    yield self._db
            except sqlite3.Error as error:
                raise ConversationError(
                    f"The conversations file {self._path} cannot be used ({error}).",
                    "Check that the disk has room and that the file may be written.",
                ) from error


def _require(found: object, conversation_id: str) -> None:
    if not found:
        raise ConversationError(
            f'There is no conversation "{conversation_id}".', "`docent conversations` lists those that exist."
        )


def _answer_to_json(answer: Answer) -> str:
    # ASCII escapes, because a path may hold lone surrogates, which SQLite refuses.
    return json.dumps(asdict(answer))


def _exchange(question: object, answer: object, asked_at: object, searched: object, stopped: object) -> Exchange:
    """Returns an exchange with an answer that says so where its row is damaged."""
    try:
        if not (is_text(question) and is_time(asked_at) and (searched is None or is_text(searched))):
            raise ValueError
        return Exchange(question, _answer_from_json(answer), asked_at, searched, bool(stopped))  # type: ignore[arg-type]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        when = float(asked_at) if is_time(asked_at) else 0.0  # type: ignore[arg-type]
        return Exchange(_text_or(question, "?"), DAMAGED_ANSWER, when, damaged=True)


def _text_or(value: object, instead: str) -> str:
    return str(value) if is_text(value) else instead


def _answer_from_json(text: Any) -> Answer:
    """Raises ValueError, TypeError or KeyError for what is no answer of Docent's."""
    data: dict[str, Any] = json.loads(text)
    if "parts" in data:
        data["parts"] = tuple(_made(AnswerPart, {**part, "numbers": tuple(part["numbers"])}) for part in data["parts"])
    else:  # answers of earlier versions are plain text
        data["parts"] = parts_of(data.pop("text"))
    data["citations"] = tuple(_made(Citation, citation) for citation in data["citations"])
    if data.get("span") is not None:  # answers of earlier versions have none
        data["span"] = _made(Span, data["span"])
    return _made(Answer, data)


def _made(kind: type[_T], fields: dict[str, Any]) -> _T:
    """Makes a dataclass whose fields have the declared types. Raises TypeError or KeyError."""
    declared = get_type_hints(kind)
    for name, value in fields.items():
        hint = declared[name]
        kinds = tuple(get_origin(one) or one for one in (get_args(hint) if isinstance(hint, UnionType) else (hint,)))
        allowed = (*kinds, int) if float in kinds else kinds
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in kinds):
            raise TypeError(name)
        if isinstance(value, float) and not math.isfinite(value):
            raise TypeError(name)
        if isinstance(value, tuple) and kind is AnswerPart and not all(type(number) is int for number in value):
            raise TypeError(name)
    return kind(**fields)
