"""Folders of conversations, and what a conversation keeps for its next questions."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.conversations.folders import ConversationFolders
from app.conversations.store import Conversations
from app.errors import ConversationError
from app.events import Scope
from rag.text.markers import AnswerPart
from rag.types import Answer

ANSWER = Answer((AnswerPart("Yes."),), False, (), "x")
SCOPE = Scope(("/papers",), (3, 5), (2,))


def folder_of(store: Conversations, conversation: str) -> int | None:
    return next(info.folder for info in store.all() if info.id == conversation)


def test_folders_are_made_renamed_and_deleted_and_chats_stay(store: Conversations) -> None:
    folders = ConversationFolders(store)
    first, second = store.create("first"), store.create("second")
    work = folders.make("  Work  papers ", [first])
    garden = folders.make("garden")
    assert [one.name for one in folders.all()] == ["garden", "Work papers"]
    assert (folder_of(store, first), folder_of(store, second)) == (work.id, None)
    folders.put(second, garden.id)
    folders.put(first, None)
    assert (folder_of(store, first), folder_of(store, second)) == (None, garden.id)
    assert folders.rename(garden.id, "Garden").name == "Garden"
    folders.delete(garden.id)
    assert folder_of(store, second) is None
    assert len(store.all()) == 2
    assert folders.make("again").id not in (work.id, garden.id)


def test_what_does_not_exist_or_is_taken_is_refused(store: Conversations) -> None:
    folders = ConversationFolders(store)
    chat = store.create("chat")
    made = folders.make("Work")
    with pytest.raises(ConversationError, match="already"):
        folders.make("work")
    with pytest.raises(ConversationError, match="1 to 100"):
        folders.rename(made.id, " ")
    with pytest.raises(ConversationError, match="no folder 77"):
        folders.put(chat, 77)
    with pytest.raises(ConversationError, match="no conversation"):
        folders.make("new", ["nope"])
    assert [one.name for one in folders.all()] == ["Work"]  # nothing of it was made


def test_scope_and_model_are_kept_and_copied(store: Conversations) -> None:
    chat = store.create("chat", SCOPE, "large")
    store.add(chat, "Why?", ANSWER)
    folder = ConversationFolders(store).make("Work", [chat])
    store.copy(chat)
    assert {(one.scope, one.model, one.folder) for one in store.all()} == {(SCOPE, "large", folder.id)}
    store.choose(chat, model=None)
    store.restrict(chat, Scope())
    (info,) = [one for one in store.all() if one.id == chat]
    assert (info.scope, info.model) == (Scope(), None)


@pytest.mark.parametrize("damage", ["{", "[]", '{"folders": "x", "documents": [], "collections": []}', "7"])
def test_a_damaged_scope_asks_everything(tmp_path: Path, damage: str) -> None:
    with closing(Conversations(tmp_path / "conversations.db")) as store:
        store.create("chat", SCOPE)
        with closing(sqlite3.connect(tmp_path / "conversations.db")) as db:
            db.execute("UPDATE conversations SET scope = ?, model = x'ff', folder = 9 WHERE 1", (damage,))
            db.commit()
        (info,) = store.all()
    assert (info.scope, info.model) == (Scope(), None)


def test_a_file_without_folders_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            "CREATE TABLE conversations (id TEXT PRIMARY KEY, title TEXT NOT NULL, updated_at REAL NOT NULL,"
            " pinned INTEGER NOT NULL DEFAULT 0, deleted_at REAL, shown INTEGER);"
            "CREATE TABLE exchanges (id INTEGER PRIMARY KEY,"
            " conversation_id TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE, asked_at REAL NOT NULL,"
            " question TEXT NOT NULL, answer TEXT NOT NULL, searched TEXT, stopped INTEGER NOT NULL DEFAULT 0,"
            " work TEXT, feedback INTEGER NOT NULL DEFAULT 0, parent INTEGER NOT NULL DEFAULT 0);"
            "INSERT INTO conversations (id, title, updated_at, pinned) VALUES ('a', 'old', 1.0, 1);"
            "PRAGMA user_version=5;"
        )
    for _ in range(2):
        with closing(Conversations(path)) as opened:
            (info,) = opened.all()
            assert (info.title, info.pinned, info.folder, info.model, info.scope) == ("old", True, None, None, Scope())
    with closing(Conversations(path)) as opened:
        made = ConversationFolders(opened).make("Work", ["a"])
        assert folder_of(opened, "a") == made.id
