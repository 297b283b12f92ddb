"""Copies conversations from one store into another."""

from collections.abc import Sequence
from typing import Any

from app.conversations.store import COPIED, THERE, Conversations, Database

_FOLDER = "(SELECT name FROM folders WHERE folders.id = folder)"
_HEAD = f"id, title, updated_at, pinned, shown, model, scope, {_FOLDER}"


def copy_conversations(source: Conversations, target: Conversations) -> tuple[int, int]:
    """Copies folders, and the conversations that are not in the target, each whole or not at all. Returns how many
    conversations were copied and how many were there."""
    with target.reading() as db:
        known = {id_ for (id_,) in db.execute("SELECT id FROM conversations").fetchall()}
    with source.reading() as db:
        folders = [name for (name,) in db.execute("SELECT name FROM folders ORDER BY id").fetchall()]
    with target.writing() as db:
        for name in folders:
            _folder(db, name)
    infos = source.all()
    missing = [info for info in reversed(infos) if info.id not in known]
    for info in missing:
        with source.reading() as db:
            sql = f"SELECT {_HEAD} FROM conversations {THERE}"
            head = db.execute(sql, (info.id,)).fetchone()
            sql = f"SELECT id, parent, {COPIED} FROM exchanges WHERE conversation_id = ? ORDER BY id"
            exchanges = db.execute(sql, (info.id,)).fetchall()
        if head is not None:  # it may have been deleted meanwhile
            _add(target, head, exchanges)
    return len(missing), len(infos) - len(missing)


def _add(target: Conversations, head: Sequence[Any], exchanges: Sequence[Sequence[Any]]) -> None:
    """Adds a conversation with its exchanges, which get ids of their own."""
    id_, title, updated_at, pinned, shown, model, scope, folder = head
    ids: dict[object, int] = {0: 0}
    with target.writing() as db:
        db.execute(
            "INSERT INTO conversations (id, title, updated_at, pinned, model, scope, folder)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (id_, title, updated_at, pinned, model, scope, None if folder is None else _folder(db, folder)),
        )
        for exchange, parent, *values in exchanges:
            places = ", ".join("?" * (len(values) + 2))
            (ids[exchange],) = db.execute(
                f"INSERT INTO exchanges (conversation_id, parent, {COPIED}) VALUES ({places}) RETURNING id",
                (id_, ids.get(parent, 0), *values),
            ).fetchone()
        db.execute("UPDATE conversations SET shown = ? WHERE id = ?", (ids.get(shown), id_))


def _folder(db: Database, name: str) -> int:
    """The id of the folder of this name, new or as it was."""
    found = db.execute("SELECT id FROM folders WHERE name = ?", (name,)).fetchone()
    found = found or db.execute("INSERT INTO folders (name) VALUES (?) RETURNING id", (name,)).fetchone()
    return int(found[0])
