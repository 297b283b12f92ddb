"""Library and conversations copied between a data folder and a PostgreSQL server, either way."""

import hashlib
import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli.main import app
from app.conversations.folders import ConversationFolders
from app.conversations.server import ServerConversations
from app.conversations.store import Conversations
from app.copying import Everything, copy_all
from app.errors import UsageError
from app.events import Scope
from app.pages.prompts import Prompts
from rag.errors import LibraryError
from rag.store import copying
from rag.store.collections import Collections
from rag.store.copying import compare
from rag.store.opening import open_library
from rag.store.protocols import FileState, LibraryStore
from rag.text.markers import AnswerPart
from rag.text.table_spans import TableRow, TableSpans
from rag.types import Answer, Block, ParsedDocument
from tests.rag.postgres_server import PostgresServer
from tests.rag.store.filling import TEXT, fill, store

ANSWER = Answer((AnswerPart("Because."),), False, (), "extractive")
Places = tuple[str, str]


@pytest.fixture(params=["to the server", "from the server"])
def places(request: pytest.FixtureRequest, tmp_path: Path, postgres: PostgresServer) -> Places:
    folder, url = str(tmp_path / "data"), postgres.made(hashlib.sha256(str(tmp_path).encode()).hexdigest()[:20])
    return (folder, url) if request.param == "to the server" else (url, folder)


def opened(place: str) -> closing[LibraryStore]:
    url = place if "://" in place else None
    return closing(open_library(Path(place) / "library.db", url))


def conversations(place: str) -> Conversations:
    return ServerConversations(place) if "://" in place else Conversations(Path(place) / "conversations.db")


def filled(place: str) -> list[int]:
    """Documents of every kind, a collection, and a conversation with branches."""
    with opened(place) as library:
        gone, *ids = fill(library, *(f"/data/{number}.txt" for number in range(5)))
        writer = library.writer()
        table = TableSpans(("Port", "2030"), 1, (TableRow(0, 11, (0, 4, 0, 7, 4, 1)),))
        with writer.transaction():
            source = library.sources()[0]
            document = ParsedDocument(TEXT, (Block(0, 11, "table", table=table),), "A table", "text/csv", ("Careful.",))
            ids.append(store(library, source, "/data/un\udcffdecodable", document, writer))
            ids.append(writer.put_status(FileState(source.id, "/data/no.pdf", 1, 2, ""), "failed", "It is damaged."))
            writer.delete([gone])
            writer.change_embedder("e")
        waiting = writer.chunks_to_embed(3)
        vectors = np.random.default_rng(1).normal(size=(len(waiting), 8)).astype(np.float16)
        with writer.transaction():  # the others wait for theirs
            writer.put_vectors([id_ for id_, _, _ in waiting], vectors)
        Collections(library).make("Gone")
        Collections(library).delete(Collections(library).named("Gone").id)
        Collections(library).make("Tax", ["/data/1.txt", "/data"])
    with closing(conversations(place)) as chats:
        chat = chats.add(None, "Why?", ANSWER)
        chats.add(chat, "And?", ANSWER)
        chats.add(chat, "Or?", ANSWER, after=0)
        chats.pin(chat, True)
        ConversationFolders(chats).make("Empty")
        ConversationFolders(chats).make("Work", [chat])
        chats.restrict(chat, Scope(("/data",)))
        chats.choose(chat, model="large")
    return ids


def ignore(done: int, total: int) -> None:
    return


def test_a_copy_holds_the_same_and_goes_on_living(places: Places) -> None:
    source, target = places
    ids = filled(source)
    assert copy_all(source, target, ignore) == Everything(6, 0, 1, 0)
    with opened(source) as one, opened(target) as other:
        compare(one, other)
        assert sorted(document.id for document in other.documents()) == sorted(ids)
        assert other.full_text_search("gamma", 3) and len(other.vectors()) in (0, 3)
        made = fill(other, "/data/new.txt")
        assert made[0] > max(ids)  # no id is given twice
        assert Collections(other).make("Later").id > Collections(other).named("Tax").id
        with pytest.raises(LibraryError, match="differs"):
            compare(one, other)
    with closing(conversations(source)) as chats, closing(conversations(target)) as others:
        (info,) = chats.all()
        folders = {one.name: one.id for one in ConversationFolders(others).all()}
        assert others.all() == [replace(info, folder=folders["Work"])]
        assert sorted(folders) == ["Empty", "Work"]
        assert [one.question for one in others.exchanges(info.id)] == ["Or?"]
        assert [one.question for one in others.all_exchanges(info.id)] == ["Why?", "And?", "Or?"]
        others.add(info.id, "Still?", ANSWER)
    with pytest.raises(LibraryError, match="other documents"):
        copy_all(source, target, ignore)


def test_a_copy_that_is_cut_off_is_gone_on_with(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = places
    filled(source)
    monkeypatch.setattr(copying, "_AT_ONCE", 2)

    class CutOff(Exception):
        pass

    def cut(done: int, total: int) -> None:
        if done == 4:
            raise CutOff

    with pytest.raises(CutOff):
        copy_all(source, target, cut)
    assert copy_all(source, target, ignore) == Everything(2, 4, 1, 0)
    assert copy_all(source, target, ignore) == Everything(0, 6, 0, 1)


def test_what_changed_since_the_last_copy_is_copied_again(places: Places) -> None:
    source, target = places
    ids = filled(source)
    copy_all(source, target, ignore)
    with opened(source) as library, library.writer().transaction():
        library.writer().put_status(FileState(library.sources()[0].id, "/data/1.txt", 1, 2, ""), "failed", "Gone bad.")
    assert copy_all(source, target, ignore) == Everything(1, 5, 0, 1)
    with opened(target) as library:
        document = library.document(ids[0])
        assert document is not None and document.error == "Gone bad."


def test_prompts_go_along_between_data_folders(tmp_path: Path) -> None:
    source, target = str(tmp_path / "one"), str(tmp_path / "other")
    filled(source)
    mine, theirs = (Prompts(Path(place) / "prompts.json") for place in (source, target))
    for name in ("Summary", "Short"):
        mine.make(name, f"{name}, please.")
    done = copy_all(source, target, ignore)
    assert (done.prompts, done.prompts_there) == (2, 0)
    assert theirs.all() == mine.all()
    short = next(one for one in theirs.all() if one.name == "Short")
    theirs.change(short.id, text="Two words.")
    mine.make("Third", "What follows?")
    done = copy_all(source, target, ignore)
    assert (done.prompts, done.prompts_there) == (1, 2)
    assert [(one.name, one.text) for one in theirs.all()] == [
        ("Short", "Two words."),
        ("Summary", "Summary, please."),
        ("Third", "What follows?"),
    ]


def test_wrong_places_are_refused(tmp_path: Path) -> None:
    for source, target in (("nowhere", str(tmp_path)), (str(tmp_path), str(tmp_path))):
        with pytest.raises(UsageError):
            copy_all(source, target, ignore)


def test_the_command(places: Places, tmp_path: Path) -> None:
    source, target = places
    filled(source)
    run: Callable[..., object] = CliRunner().invoke
    result = run(app, ["--data-dir", str(tmp_path / "own"), "library", "copy", source, target, "--json"])
    assert json.loads(result.stdout)["documents"] == 6  # type: ignore[attr-defined]
