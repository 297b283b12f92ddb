"""Finds and mends what is damaged in the file of conversations."""

import time

from app.conversations.branches import parents_of
from app.conversations.store import DAMAGED_TITLE, Conversations, Database
from app.conversations.stored_answers import EXCHANGE_COLUMNS, exchange_of, text_or
from rag.store.rows import is_text, is_time


def damaged(store: Conversations) -> list[str]:
    """Names what is damaged in the file, a sentence each. Raises ConversationError where SQLite cannot read it."""
    with store.reading() as db:
        store.check_file(db)
        chats = db.execute("SELECT id, title, updated_at FROM conversations").fetchall()
        rows = db.execute(f"SELECT conversation_id, {EXCHANGE_COLUMNS} FROM exchanges").fetchall()
        lost = [id_ for id_, _, _ in chats if _lost_parents(db, id_)]
    found = [
        f"The title or date of conversation {id_} is damaged."
        for id_, title, updated_at in chats
        if not (is_text(title) and is_time(updated_at))
    ]
    found += [f"The order of the answers of conversation {id_} is damaged." for id_ in lost]
    return found + [f"An answer of conversation {id_} is damaged." for id_, *row in rows if exchange_of(*row).damaged]


def _lost_parents(db: Database, conversation_id: str) -> dict[int, int]:
    """The exchanges that name no parent that is there, with the one that they are shown after."""
    rows = db.execute("SELECT id, parent FROM exchanges WHERE conversation_id = ?", (conversation_id,)).fetchall()
    stored = dict(rows)
    return {id_: parent for id_, parent in parents_of(rows).items() if stored[id_] != parent}


def mend(store: Conversations) -> None:
    """Gives conversations with a damaged title or date one that can be shown, and answers whose place is lost the
    one after the answer before; what they say stays as it is."""
    with store.writing() as db:
        for (id_,) in db.execute("SELECT id FROM conversations").fetchall():
            for exchange, parent in _lost_parents(db, id_).items():
                db.execute("UPDATE exchanges SET parent = ? WHERE id = ?", (parent, exchange))
        for id_, title, updated_at in db.execute("SELECT rowid, title, updated_at FROM conversations").fetchall():
            if not (is_text(title) and is_time(updated_at)):
                told = (text_or(title, DAMAGED_TITLE), updated_at if is_time(updated_at) else time.time(), id_)
                db.execute("UPDATE conversations SET title = ?, updated_at = ? WHERE rowid = ?", told)
