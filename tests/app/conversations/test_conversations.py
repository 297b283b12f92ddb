"""conversations.db: exchanges survive a restart, whatever characters they hold."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.conversations.check import damaged, mend
from app.conversations.store import Conversations
from app.errors import ConversationError
from rag.query.titles import shortened
from rag.text.markers import AnswerPart
from rag.types import Answer, Citation, Span
from tests.app.conftest import OpenConversations

CITATION = Citation(1, 7, "/docs/caf\udce9.pdf", "Café", 3, None, "the “quote”\n", 10, 22, 0.5)
ANSWER = Answer((AnswerPart("Because. ", (1,)),), True, (CITATION,), "extractive", Span(7, 14, 19, "quote"), 0.75)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Conversations]:
    opened = Conversations(tmp_path / "conversations.db")
    yield opened
    opened.close()


def test_an_exchange_comes_back_whole_after_reopening(open_store: OpenConversations, tmp_path: Path) -> None:
    first = open_store(tmp_path)
    conversation = first.add(None, "Why ☃?", ANSWER)
    first.add(conversation, "And then?", Answer((AnswerPart("No."),), False, (), "extractive"))
    first.close()
    again = open_store(tmp_path)
    exchanges = again.exchanges(conversation)
    again.close()
    assert [exchange.question for exchange in exchanges] == ["Why ☃?", "And then?"]
    assert exchanges[0].answer == ANSWER
    assert exchanges[0].asked_at <= exchanges[1].asked_at


def test_an_answer_of_an_earlier_version_can_be_read(file: Conversations, tmp_path: Path) -> None:
    conversation = file.add(None, "Why?", ANSWER)
    with sqlite3.connect(tmp_path / "conversations.db") as db:
        (text,) = db.execute("SELECT answer FROM exchanges").fetchone()
        data = json.loads(text)
        del data["span"], data["confidence"]
        db.execute("UPDATE exchanges SET answer = ?", (json.dumps(data),))
    db.close()
    (exchange,) = file.exchanges(conversation)
    assert exchange.answer == replace(ANSWER, span=None, confidence=None)


def test_how_a_question_was_completed_and_that_it_was_stopped_is_kept(store: Conversations) -> None:
    conversation = store.add(None, "And in 1912?", ANSWER, searched="What happened in 1912?")
    store.add(conversation, "Why?", replace(ANSWER, parts=(AnswerPart("Beca"),)), stopped=True)
    first, second = store.exchanges(conversation)
    assert (first.searched, first.stopped) == ("What happened in 1912?", False)
    assert (second.searched, second.stopped) == (None, True)


def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.db") as db:
        db.executescript(
            "CREATE TABLE conversations (id TEXT PRIMARY KEY, title TEXT NOT NULL, updated_at REAL NOT NULL);"
            "CREATE TABLE exchanges (id INTEGER PRIMARY KEY, conversation_id TEXT NOT NULL, asked_at REAL NOT NULL,"
            " question TEXT NOT NULL, answer TEXT NOT NULL); PRAGMA user_version=1;"
        )
        answer = json.dumps({"text": "No [1]. Yes. [?]", "found": False, "citations": [], "answerer": "x"})
        db.execute("INSERT INTO conversations VALUES ('c', 'old', 1.0)")
        db.execute("INSERT INTO exchanges VALUES (1, 'c', 1.0, 'Why?', ?)", (answer,))
    db.close()
    for _ in range(2):
        opened = Conversations(tmp_path / "old.db")
        (exchange,) = opened.exchanges("c")
        opened.close()
        assert (exchange.question, exchange.searched, exchange.stopped) == ("Why?", None, False)
        assert exchange.answer.text == "No [1]. Yes. [?]"
        assert exchange.answer.parts == (AnswerPart("No ", (1,)), AnswerPart(". Yes.", supported=False))


def test_list_is_newest_first_and_counts_turns(store: Conversations) -> None:
    older = store.add(None, "first question", ANSWER)
    newer = store.add(None, "second question", ANSWER)
    assert [info.id for info in store.all()] == [newer, older]
    store.add(older, "follow-up", ANSWER)
    listed = store.all()
    assert [(info.id, info.turns, info.title) for info in listed] == [
        (older, 2, "first question"),
        (newer, 1, "second question"),
    ]


def test_a_search_tells_where_the_words_stand(store: Conversations) -> None:
    long = "It was built of granite by the trust, " + "which had little money in those years, " * 6
    said = Answer(
        (AnswerPart(f"Nothing here.\n{long}and the Lantern came from Bergen in the spring of 1880."),), True, (), "x"
    )
    store.add(None, "Where does it come from?", said)
    store.add(None, "the bergen line", ANSWER)
    found = {info.title: info.excerpt for info in store.all("BERGEN lantern")}
    assert found == {
        "Where does it come from?": "…in those years, and the Lantern came from Bergen in the spring of 1880."
    }
    assert [info.excerpt for info in store.all("bergen line")] == [None]  # its title says it
    assert [info.excerpt for info in store.all()] == [None, None]


def test_rename_and_delete(store: Conversations) -> None:
    kept, gone = store.add(None, "kept", ANSWER), store.add(None, "gone", ANSWER)
    store.rename(kept, "  a new\n title ")
    store.delete(gone)
    assert [(info.id, info.title) for info in store.all()] == [(kept, "a new title")]
    with pytest.raises(ConversationError):
        store.exchanges(gone)


def test_an_unknown_id_is_named(store: Conversations) -> None:
    for call in (
        lambda: store.exchanges("nope"),
        lambda: store.rename("nope", "x"),
        lambda: store.delete("nope"),
        lambda: store.add("nope", "q", ANSWER),
    ):
        with pytest.raises(ConversationError, match='"nope"'):
            call()
    assert store.all() == []


def test_title_is_one_line_cut_at_a_word() -> None:
    assert shortened("What\n is  this?") == "What is this?"
    assert shortened("") == "Untitled"
    long = shortened("word " * 40)
    assert len(long) <= 61
    assert long.endswith("word…")
    assert len(shortened("x" * 200)) <= 61


def test_two_processes_worth_of_connections_and_many_threads(open_store: OpenConversations, tmp_path: Path) -> None:
    one, other = open_store(tmp_path), open_store(tmp_path)

    def write(store: Conversations) -> None:
        for _ in range(10):
            store.add(None, "q", ANSWER)

    threads = [threading.Thread(target=write, args=(store,)) for store in (one, one, other, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(one.all()) == len(other.all()) == 40
    one.close()
    other.close()


def test_answers_of_two_processes_follow_one_another(open_store: OpenConversations, tmp_path: Path) -> None:
    one, other = open_store(tmp_path), open_store(tmp_path)
    chat = one.add(None, "q", ANSWER)

    def write(store: Conversations) -> None:
        for _ in range(20):
            store.add(chat, "q", ANSWER)

    threads = [threading.Thread(target=write, args=(store,)) for store in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(one.exchanges(chat)) == 41  # none is a version of another
    one.close()
    other.close()


def test_a_damaged_file_is_kept_and_named(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(ConversationError, match=str(path)):
        Conversations(path)
    assert path.read_bytes().startswith(b"this is not")


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(ConversationError, match="newer"):
        Conversations(path)


def test_what_is_pinned_deleted_marked_and_copied(store: Conversations) -> None:
    chat = store.add(None, "with a \0 in it, 100 % sure?", ANSWER)
    store.add(chat, "second", ANSWER, stopped=True)
    first, second = store.exchanges(chat)
    store.pin(chat, True)
    store.mark(chat, first.id, -1)
    store.add(chat, "another second", ANSWER, after=first.id)
    store.show(chat, second.id)
    copied = store.copy(chat)
    assert [one.question for one in store.exchanges(copied)][1:] == ["second"]
    assert {info.id: (info.pinned, info.turns) for info in store.all()} == {chat: (True, 2), copied: (False, 2)}
    assert [one.feedback for one in store.exchanges(copied)] == [-1, 0]
    assert [info.id for info in store.all("ANOTHER")] == [chat]
    store.forget(chat, first.id)
    assert [one.question for one in store.exchanges(chat)] == ["second"]
    store.delete(chat, undo=True)
    assert [info.id for info in store.all()] == [copied]
    store.restore(chat)
    assert (len(store.all()), damaged(store)) == (2, [])
    mend(store)
    store.wipe()
    assert store.all() == []
