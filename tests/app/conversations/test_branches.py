"""Versions of an exchange as branches of one conversation: kept, shown, followed, copied, exported, mended."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.conversations.branches import branch_to, end_of, parents_of, shown_branch, versions_of
from app.conversations.check import damaged, mend
from app.conversations.store import Conversations
from app.conversations.transcript import as_markdown
from app.errors import ConversationError
from rag.text.markers import AnswerPart
from rag.types import Answer


def said(text: str) -> Answer:
    return Answer((AnswerPart(text),), True, (), "extractive")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Conversations]:
    opened = Conversations(tmp_path / "conversations.db")
    yield opened
    opened.close()


@pytest.fixture
def chat(store: Conversations) -> str:
    """Two questions; the first was asked in another form, and something after that."""
    made = store.add(None, "one", said("1"))
    first = store.exchanges(made)[0].id
    store.add(made, "two", said("2"), known=first)
    store.add(made, "one, again", said("1b"), after=0)
    store.add(made, "three", said("3"), known=store.exchanges(made)[-1].id)
    return made


def questions(store: Conversations, chat: str) -> list[str]:
    return [exchange.question for exchange in store.exchanges(chat)]


# 1 - 2 - 5 and 1 - 4 begin with 1; 3 - 6 stands beside them.
TREE = {1: 0, 2: 1, 3: 0, 4: 1, 5: 2, 6: 3}


def test_branches_of_a_tree() -> None:
    assert branch_to(TREE, 5) == [1, 2, 5] and branch_to(TREE, 0) == []
    assert [end_of(TREE, one) for one in TREE] == [5, 5, 6, 4, 5, 6]
    assert versions_of(TREE, 3) == (1, 3) and versions_of(TREE, 2) == (2, 4) and versions_of(TREE, 6) == (6,)
    assert shown_branch(TREE, 4) == [1, 4] and shown_branch(TREE, None) == [3, 6] and shown_branch({}, 4) == []
    assert shown_branch(TREE, 99) == shown_branch(TREE, "x") == [3, 6]


def test_an_exchange_whose_place_is_lost_follows_the_one_before() -> None:
    assert parents_of([(4, 3), (2, 0), (7, "x"), (9, 9), (5, 4)]) == {2: 0, 4: 2, 5: 4, 7: 5, 9: 7}


def test_the_newest_version_is_shown_and_the_others_are_kept(store: Conversations, chat: str) -> None:
    assert questions(store, chat) == ["one, again", "three"]
    first, last = store.exchanges(chat)
    assert first.versions == (1, first.id) and last.versions == (last.id,) and last.parent == first.id
    assert [one.question for one in store.all_exchanges(chat)] == ["one", "two", "one, again", "three"]
    assert [one.turns for one in store.all()] == [2]


def test_a_version_is_shown_again_with_what_followed_it(store: Conversations, chat: str, tmp_path: Path) -> None:
    store.show(chat, 1)
    assert questions(store, chat) == ["one", "two"]
    store.add(chat, "four", said("4"), known=2)
    assert questions(store, chat) == ["one", "two", "four"]
    again = Conversations(tmp_path / "conversations.db")  # another process sees the same
    assert questions(again, chat) == ["one", "two", "four"]
    again.close()
    store.show(chat, 3)
    assert questions(store, chat) == ["one, again", "three"]
    for unknown in (99, 0, -1):
        with pytest.raises(ConversationError, match="exchange"):
            store.show(chat, unknown)


def test_what_was_asked_meanwhile_in_two_places_makes_no_branch(store: Conversations) -> None:
    made = store.add(None, "one", said("1"))
    store.add(made, "two", said("2"), known=1)
    store.add(made, "three", said("3"), known=1)  # asked before "two" was answered
    assert questions(store, made) == ["one", "two", "three"]
    store.add(made, "instead", said("x"), after=1)
    store.show(made, 2)  # while a question is being answered on the other branch
    store.add(made, "and then", said("y"), known=4)
    assert questions(store, made) == ["one", "instead", "and then"]


def test_search_finds_what_stands_on_branches_that_are_not_shown(store: Conversations, chat: str) -> None:
    assert [one.id for one in store.all("two")] == [chat]


def test_a_copy_holds_the_branch_that_is_shown(store: Conversations, chat: str) -> None:
    store.show(chat, 1)
    copy = store.copy(chat)
    assert questions(store, copy) == ["one", "two"] == [one.question for one in store.all_exchanges(copy)]
    assert [len(one.versions) for one in store.exchanges(copy)] == [1, 1]
    assert questions(store, store.copy(chat, before=2)) == ["one"]


def test_deleting_an_exchange_leaves_what_follows_and_its_versions(store: Conversations, chat: str) -> None:
    store.forget(chat, 3)  # "one, again"
    assert questions(store, chat) == ["three"]
    assert store.exchanges(chat)[0].versions == (1, 4)
    store.forget(chat, 4)
    assert questions(store, chat) == ["one", "two"]
    store.forget(chat, 2)
    assert questions(store, chat) == ["one"]
    with pytest.raises(ConversationError, match="no exchange 2"):
        store.forget(chat, 2)


def test_an_export_holds_all_versions(store: Conversations, chat: str) -> None:
    text = as_markdown("Chat", store.exchanges(chat), store.all_exchanges(chat))
    shown, others = text.split("# Other versions")
    assert "## one, again\n\n1b" in shown and "## three" in shown and "two" not in shown
    assert "## one\n\n*At the beginning.*\n\n1" in others and "## two\n\n*After “one”.*\n\n2" in others


def test_a_file_without_branches_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            "CREATE TABLE conversations (id TEXT PRIMARY KEY, title TEXT NOT NULL, updated_at REAL NOT NULL,"
            " pinned INTEGER NOT NULL DEFAULT 0, deleted_at REAL);"
            "CREATE TABLE exchanges (id INTEGER PRIMARY KEY, conversation_id TEXT NOT NULL, asked_at REAL NOT NULL,"
            " question TEXT NOT NULL, answer TEXT NOT NULL, searched TEXT, stopped INTEGER NOT NULL DEFAULT 0,"
            " work TEXT, feedback INTEGER NOT NULL DEFAULT 0); PRAGMA user_version=4;"
            "INSERT INTO conversations (id, title, updated_at) VALUES ('a', 'a', 1.0), ('b', 'b', 2.0);"
        )
        answer = json.dumps({"text": "x", "found": False, "citations": [], "answerer": "x"})
        for id_, (chat, question) in enumerate([("a", "1"), ("b", "2"), ("a", "3"), ("b", "4"), ("a", "5")], 1):
            db.execute(
                "INSERT INTO exchanges (id, conversation_id, asked_at, question, answer) VALUES (?, ?, 1.0, ?, ?)",
                (id_, chat, question, answer),
            )
        db.commit()
    for _ in range(2):
        with closing(Conversations(path)) as opened:
            assert questions(opened, "a") == ["1", "3", "5"] and questions(opened, "b") == ["2", "4"]
            assert [one.parent for one in opened.exchanges("a")] == [0, 1, 3]
            assert damaged(opened) == []


def test_a_lost_place_is_named_and_mended(store: Conversations, chat: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "conversations.db")) as db:
        db.execute("UPDATE exchanges SET parent = 77 WHERE question = 'three'")
        db.commit()
    assert damaged(store) == [f"The order of the answers of conversation {chat} is damaged."]
    assert questions(store, chat) == ["one, again", "three"]
    mend(store)
    assert damaged(store) == [] and questions(store, chat) == ["one, again", "three"]
