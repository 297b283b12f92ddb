"""The tables of conversations.db, and how those of an earlier Docent become them."""

import sqlite3

# 3: answers in parts; 4: pins, undone deletion, how an answer came about; 5: branches; 6: folders, model and scope
SCHEMA_VERSION = 6
_SCHEMA = """
CREATE TABLE IF NOT EXISTS folders (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS conversations (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, updated_at REAL NOT NULL,
    pinned INTEGER NOT NULL DEFAULT 0, deleted_at REAL, shown INTEGER,
    folder INTEGER REFERENCES folders(id) ON DELETE SET NULL, model TEXT, scope TEXT);
CREATE TABLE IF NOT EXISTS exchanges (
    id INTEGER PRIMARY KEY,
    conversation_id TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    asked_at REAL NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL,
    searched TEXT, stopped INTEGER NOT NULL DEFAULT 0, work TEXT, feedback INTEGER NOT NULL DEFAULT 0,
    parent INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS exchanges_of ON exchanges(conversation_id, id);
"""
_SINCE_1 = (
    "ALTER TABLE exchanges ADD COLUMN searched TEXT",
    "ALTER TABLE exchanges ADD COLUMN stopped INTEGER NOT NULL DEFAULT 0",
)
_SINCE_3 = (
    "ALTER TABLE conversations ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE conversations ADD COLUMN deleted_at REAL",
    "ALTER TABLE exchanges ADD COLUMN work TEXT",
    "ALTER TABLE exchanges ADD COLUMN feedback INTEGER NOT NULL DEFAULT 0",
)
_SINCE_4 = (
    "ALTER TABLE conversations ADD COLUMN shown INTEGER",
    "ALTER TABLE exchanges ADD COLUMN parent INTEGER NOT NULL DEFAULT 0",
    "UPDATE exchanges SET parent = coalesce((SELECT max(e.id) FROM exchanges e"
    " WHERE e.conversation_id = exchanges.conversation_id AND e.id < exchanges.id), 0)",
)
_SINCE_5 = (
    "CREATE TABLE folders (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL)",
    "ALTER TABLE conversations ADD COLUMN folder INTEGER REFERENCES folders(id) ON DELETE SET NULL",
    "ALTER TABLE conversations ADD COLUMN model TEXT",
    "ALTER TABLE conversations ADD COLUMN scope TEXT",
)


def upgrade(db: sqlite3.Connection, found: int) -> None:
    """Brings a file of version ``found`` (0: a new one) up to date, in the transaction that is open."""
    for version, statements in ((1, _SINCE_1), (3, _SINCE_3), (4, _SINCE_4), (5, _SINCE_5)):
        if 0 < found <= version:
            for statement in statements:
                db.execute(statement)
    for statement in _SCHEMA.split(";"):
        db.execute(statement)
    db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
