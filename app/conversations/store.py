"""Stores conversations in an SQLite file of their own, which several threads and processes may use at once.

Answers are kept as JSON. A citation keeps its quote, so an old answer stays readable after its document is gone. Every
value is checked when it is read: a damaged entry says so in its place, and the others are as they were.
"""

import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator, Sequence, Set
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

from app.conversations.branches import Parents, branch_to, end_of, parents_of, shown_branch, versions_of
from app.conversations.excerpts import excerpt, holds
from app.conversations.stored_answers import EXCHANGE_COLUMNS, answer_to_json, exchange_of, text_or
from app.conversations.stored_scopes import scope_of, scope_to_json
from app.conversations.tables import SCHEMA_VERSION, upgrade
from app.errors import ConversationError
from app.events import ConversationInfo, Exchange, Scope, Work
from files import new_private
from rag.query.titles import shortened
from rag.store.rows import is_text, is_time
from rag.store.schema import is_refusal, text_of
from rag.types import Answer

_BUSY_TIMEOUT_S = 10.0
DAMAGED_TITLE = "(damaged title)"
COPIED = "asked_at, question, answer, searched, stopped, work, feedback"
THERE = "WHERE id = ? AND deleted_at IS NULL"
_EVERYTHING = Scope()
_UNDO_S = 24 * 3600.0  # how long a deleted conversation can be brought back


class Database(Protocol):
    """What SQL is run on, with ``?`` for parameters: sqlite3's connection, or what stands for one."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Any: ...


class Conversations:
    """The store. Every method is one transaction, into which no other process writes; ConversationError names an id
    that does not exist."""

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
        if self._version() > SCHEMA_VERSION:
            raise ConversationError(f"{self._path} was written by a newer Docent.", "Update Docent.")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA foreign_keys=ON")
        self._db.execute("BEGIN IMMEDIATE")  # another process may be doing the same
        upgrade(self._db, self._version())
        self._db.execute("DELETE FROM conversations WHERE deleted_at < ?", (time.time() - _UNDO_S,))
        self._db.commit()

    def _version(self) -> int:
        with closing(self._db.execute("PRAGMA user_version")) as rows:
            version: int = rows.fetchone()[0]
        return version

    def create(self, title: str, scope: Scope = _EVERYTHING, model: str | None = None) -> str:
        """Starts a conversation that holds no exchange yet. Returns its id."""
        with self.writing() as db:
            id_ = _created(db, title)
            db.execute("UPDATE conversations SET scope = ?, model = ? WHERE id = ?", (scope_to_json(scope), model, id_))
        return id_

    def add(
        self,
        conversation_id: str | None,
        question: str,
        answer: Answer,
        *,
        title: str | None = None,
        searched: str | None = None,
        stopped: bool = False,
        work: Work | None = None,
        after: int | None = None,
        known: int = 0,
    ) -> str:
        """Adds one exchange; None starts a conversation. The first exchange gives it its title: ``title``, or the
        question. It follows the exchange ``after`` (0: it begins the conversation), or else the newest one that follows
        ``known``, the last that was there when it was asked (0: none). Its branch is shown from then on. Returns the
        conversation's id."""
        now = time.time()
        with self.writing() as db:
            if conversation_id is None:
                conversation_id = _created(db, title or question)
            parents, shown = self.tree(db, conversation_id)
            if after is None or (after and after not in parents):  # it may have been deleted meanwhile
                asked_after = known if known in parents else next(reversed(shown_branch(parents, shown)), 0)
                after = end_of(parents, asked_after) if asked_after else 0
            (added,) = db.execute(
                "INSERT INTO exchanges (conversation_id, asked_at, question, answer, searched, stopped, work, parent)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                (
                    conversation_id,
                    now,
                    question,
                    answer_to_json(answer),
                    searched,
                    stopped,
                    None if work is None else json.dumps(asdict(work)),
                    after,
                ),
            ).fetchone()
            db.execute(f"UPDATE conversations SET updated_at = ?, shown = ? {THERE}", (now, added, conversation_id))
        return conversation_id

    def tree(self, db: Database, conversation_id: str) -> tuple[dict[int, int], object]:
        """The parents of a conversation's exchanges, and the exchange to which it is shown."""
        found = db.execute(f"SELECT shown FROM conversations {THERE}", (conversation_id,)).fetchone()
        _require(found, conversation_id)
        rows = db.execute("SELECT id, parent FROM exchanges WHERE conversation_id = ?", (conversation_id,)).fetchall()
        return parents_of(rows), found[0]

    def all(self, holding: str = "") -> list[ConversationInfo]:
        """Lists the conversations, newest first; with ``holding`` those in whose title, questions or answers its words
        stand, whatever their case, and where."""
        words = holding.casefold().split()
        with self.reading() as db:
            rows = db.execute(
                "SELECT c.id, c.title, c.updated_at, count(e.id), c.pinned, c.folder, c.model, c.scope,"
                " count(DISTINCT e.parent) FROM conversations c"
                " LEFT JOIN exchanges e ON e.conversation_id = c.id WHERE c.deleted_at IS NULL"
                " GROUP BY c.id ORDER BY c.updated_at DESC, c.rowid DESC"
            ).fetchall()
            shown = {id_: len(shown_branch(*self.tree(db, id_))) for id_, _, _, turns, *_, at in rows if at < turns}
            texts = self._texts(db) if words else {}
        found = [
            ConversationInfo(
                str(id_),
                text_or(title, DAMAGED_TITLE),
                updated_at if is_time(updated_at) else 0.0,
                shown.get(id_, turns),
                pinned == 1,
                folder if isinstance(folder, int) else None,
                model if is_text(model) else None,
                scope_of(scope),
            )
            for id_, title, updated_at, turns, pinned, folder, model, scope, _ in rows
        ]
        if not words:
            return found
        held = [info for info in found if holds(f"{info.title}\n{texts.get(info.id, '')}", words)]
        return [
            info if holds(info.title, words) else replace(info, excerpt=excerpt(texts.get(info.id, ""), words))
            for info in held
        ]

    def _texts(self, db: Database) -> dict[str, str]:
        """Returns all questions and answers of each conversation, of every branch."""
        texts: dict[str, str] = {}
        for conversation, *row in db.execute(f"SELECT conversation_id, {EXCHANGE_COLUMNS} FROM exchanges"):
            exchange = exchange_of(*row)
            answer = "".join(part.text for part in exchange.answer.parts)
            texts[conversation] = f"{texts.get(conversation, '')}\n{exchange.question}\n{answer}"
        return texts

    def exchanges(self, conversation_id: str, until: int | None = None) -> list[Exchange]:
        """Lists the exchanges of the branch that is shown, oldest first; or those up to ``until``, on whichever branch
        that is (0: none)."""
        with self.reading() as db:
            parents, shown = self.tree(db, conversation_id)
            if until is not None:
                _require_exchange(until == 0 or until in parents, until)
            branch = shown_branch(parents, shown) if until is None else branch_to(parents, until)
            return self._read(db, conversation_id, parents, frozenset(branch))

    def all_exchanges(self, conversation_id: str) -> list[Exchange]:
        """Lists the exchanges of every branch, in the order in which they were asked."""
        with self.reading() as db:
            parents, _ = self.tree(db, conversation_id)
            return self._read(db, conversation_id, parents, parents.keys())

    def _read(self, db: Database, conversation_id: str, parents: Parents, wanted: Set[int]) -> list[Exchange]:
        rows = db.execute(
            f"SELECT {EXCHANGE_COLUMNS} FROM exchanges WHERE conversation_id = ? ORDER BY id", (conversation_id,)
        ).fetchall()
        read = [exchange_of(*row) for row in rows if row[-1] in wanted]
        return [replace(one, parent=parents[one.id], versions=versions_of(parents, one.id)) for one in read]

    def show(self, conversation_id: str, exchange: int) -> None:
        """Shows the branch on which an exchange lies, to its newest end."""
        with self.writing() as db:
            parents, _ = self.tree(db, conversation_id)
            _require_exchange(exchange in parents, exchange)
            end = end_of(parents, exchange)
            db.execute("UPDATE conversations SET shown = ? WHERE id = ?", (end, conversation_id))

    def rename(self, conversation_id: str, title: str) -> None:
        self._change(conversation_id, "title", shortened(title))

    def pin(self, conversation_id: str, pinned: bool) -> None:
        """Keeps a conversation at the head of the list, or lets it go."""
        self._change(conversation_id, "pinned", pinned)

    def choose(self, conversation_id: str, *, model: str | None) -> None:
        """Keeps which model answers further questions; None for the one that is set up."""
        self._change(conversation_id, "model", model)

    def restrict(self, conversation_id: str, scope: Scope) -> None:
        """Keeps what further questions ask."""
        self._change(conversation_id, "scope", scope_to_json(scope))

    def delete(self, conversation_id: str, *, undo: bool = False) -> None:
        """Deletes a conversation for good, or with ``undo`` takes it out of the list: ``restore`` brings it back within
        a day; then it is gone as well."""
        if undo:
            self._change(conversation_id, "deleted_at", time.time())
            return
        with self.writing() as db:
            _require(db.execute("DELETE FROM conversations WHERE id = ?", (conversation_id,)).rowcount, conversation_id)

    def restore(self, conversation_id: str) -> None:
        """Brings a deleted conversation back."""
        with self.writing() as db:
            changed = db.execute("UPDATE conversations SET deleted_at = NULL WHERE id = ?", (conversation_id,)).rowcount
            _require(changed, conversation_id)

    def copy(self, conversation_id: str, before: int | None = None) -> str:
        """Makes another conversation with the exchanges of the branch that is shown, those with ids below ``before`` if
        that is given. Returns its id."""
        made = uuid.uuid4().hex[:12]
        with self.writing() as db:
            parents, shown = self.tree(db, conversation_id)
            db.execute(
                "INSERT INTO conversations (id, title, updated_at, folder, model, scope)"
                " SELECT ?, title, ?, folder, model, scope FROM conversations WHERE id = ?",
                (made, time.time(), conversation_id),
            )
            last = 0
            for exchange in shown_branch(parents, shown):
                if before is not None and exchange >= before:
                    break
                (last,) = db.execute(
                    f"INSERT INTO exchanges (conversation_id, parent, {COPIED}) SELECT ?, ?, {COPIED} FROM exchanges"
                    " WHERE id = ? RETURNING id",
                    (made, last, exchange),
                ).fetchone()
        return made

    def forget(self, conversation_id: str, exchange: int) -> None:
        """Deletes one exchange, by its id; what stands after it stays, and so do its other versions."""
        with self.writing() as db:
            parents, shown = self.tree(db, conversation_id)
            _require_exchange(exchange in parents, exchange)
            before = parents[exchange]
            if exchange == shown:
                left = {id_: parent for id_, parent in parents.items() if id_ != exchange}
                end = end_of(left, before) if before else None
                db.execute("UPDATE conversations SET shown = ? WHERE id = ?", (end, conversation_id))
            db.execute(
                "UPDATE exchanges SET parent = ? WHERE conversation_id = ? AND parent = ?",
                (before, conversation_id, exchange),
            )
            db.execute("DELETE FROM exchanges WHERE id = ?", (exchange,))

    def mark(self, conversation_id: str, exchange: int, feedback: int) -> None:
        """Keeps what the person thinks of an answer: 1 good, -1 bad, 0 nothing."""
        with self.writing() as db:
            found = db.execute(
                "UPDATE exchanges SET feedback = ? WHERE conversation_id = ? AND id = ?",
                (feedback, conversation_id, exchange),
            )
            _require(found.rowcount, conversation_id)

    def _change(self, conversation_id: str, column: str, value: object) -> None:
        with self.writing() as db:
            changed = db.execute(f"UPDATE conversations SET {column} = ? {THERE}", (value, conversation_id)).rowcount
            _require(changed, conversation_id)

    def wipe(self) -> None:
        """Deletes all conversations for good: the file is written anew, so that nothing of them is left in it."""
        with self.writing() as db:
            db.execute("DELETE FROM exchanges")
            db.execute("DELETE FROM conversations")
            db.execute("DELETE FROM folders")
        self._compact()

    def _compact(self) -> None:
        with self._using() as db:
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def check_file(self, db: Database) -> None:
        """Raises ConversationError where SQLite cannot read the file."""
        if (found := db.execute("PRAGMA quick_check(1)").fetchall()) != [("ok",)]:
            raise sqlite3.DatabaseError(f"damaged: {found[0][0]}")

    def reading(self) -> AbstractContextManager[Database]:
        """One state of the file, whatever another process writes meanwhile. For the modules of this file alone."""
        return self._using("BEGIN")

    def writing(self) -> AbstractContextManager[Database]:
        """Nobody else writes between what is read in it and what is written."""
        return self._using("BEGIN IMMEDIATE")

    @contextmanager
    def _using(self, begin: str = "") -> Iterator[Database]:
        with self._lock:
            try:
                with self._db:
                    if begin:
                        self._db.execute(begin)
                    yield self._db
            except sqlite3.Error as error:
                raise ConversationError(
                    f"The conversations file {self._path} cannot be used ({error}).",
                    "Check that the disk has room and that the file may be written.",
                ) from error


def _created(db: Database, title: str) -> str:
    conversation_id = uuid.uuid4().hex[:12]
    db.execute(
        "INSERT INTO conversations (id, title, updated_at) VALUES (?, ?, ?)",
        (conversation_id, shortened(title), time.time()),
    )
    return conversation_id


def _require(found: object, conversation_id: str) -> None:
    if not found:
        raise ConversationError(
            f'There is no conversation "{conversation_id}".', "`docent conversations` lists those that exist."
        )


def _require_exchange(found: object, exchange: int) -> None:
    if not found:
        raise ConversationError(f"There is no exchange {exchange} in this conversation.", "It may have been deleted.")
