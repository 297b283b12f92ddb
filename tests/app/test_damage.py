"""Copies of a data folder with damage that SQLite does not notice: each costs itself, is named, and is mended."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.api.shapes.answer import Conversation
from app.api.shapes.conversation import ConversationList
from app.api.shapes.library import DocumentList
from app.api.shapes.library import Status as StatusShape
from app.assistant import Assistant
from app.doctor import Check, _conversations, _library
from app.events import Answered
from app.repair import repair
from app.settings.schema import ModelSettings, Settings
from tests.app.fakes import LightParts

QUESTION = "What does the blue whale eat?"
BAD_TEXT = "CAST(X'57FF68' AS TEXT)"

LIBRARY: dict[str, str] = {
    "a bad byte in a title": f"UPDATE documents SET title = {BAD_TEXT} WHERE title = 'Towers'",
    "a word for a number": "UPDATE documents SET size = 'many' WHERE title = 'Towers'",
    "an odd date": "UPDATE documents SET read_at = 'yesterday' WHERE title = 'Towers'",
    "a path that is none": "UPDATE documents SET path = X'FFFE00' WHERE title = 'Towers'",
    "a text that cannot be unpacked": (
        "UPDATE texts SET data = X'0102' WHERE document_id IN (SELECT id FROM documents WHERE title = 'Towers')"
    ),
    "bad marks": (
        "UPDATE texts SET marks = '[[0,' WHERE document_id IN (SELECT id FROM documents WHERE title = 'Towers')"
    ),
    "bad headings": (
        "UPDATE chunks SET heading_path = '{}' WHERE document_id IN (SELECT id FROM documents WHERE title = 'Towers')"
    ),
    "a bad byte in a passage": (
        f"UPDATE chunks SET text = {BAD_TEXT} WHERE document_id IN (SELECT id FROM documents WHERE title = 'Towers')"
    ),
    "a short vector": "UPDATE embeddings SET vector = X'0102' WHERE chunk_id = (SELECT max(chunk_id) FROM embeddings)",
    "a vector of no numbers": (
        "UPDATE embeddings SET vector = CAST(replace(hex(zeroblob(64)), '00', 'ÿ') AS BLOB) "
        "WHERE chunk_id = (SELECT max(chunk_id) FROM embeddings)"
    ),
    "an odd counter": "UPDATE meta SET value = 'soon' WHERE key = 'generation'",
    "no counter": "DELETE FROM meta WHERE key = 'generation'",
    "an odd source": f"UPDATE sources SET kind = {BAD_TEXT}, added_at = 'then'",
    "a full-text index that does not fit": (
        "INSERT INTO chunk_fts (rowid, context, text, terms) VALUES (9999, 'no', 'such', 'words')"
    ),
    "a full-text index that is broken": "UPDATE chunk_fts_data SET block = X'00' WHERE id > 10",
}
CONVERSATIONS: dict[str, str] = {
    "a bad byte in a chat's title": f"UPDATE conversations SET title = {BAD_TEXT}",
    "an odd date of a chat": "UPDATE conversations SET updated_at = 1e300",
    "no JSON": "UPDATE exchanges SET answer = '{\"parts\": ['",
    "an odd field": "UPDATE exchanges SET answer = json_set(answer, '$.citations[0].page', 'three')",
    "an unknown field": "UPDATE exchanges SET answer = json_set(answer, '$.colour', 'red')",
    "an odd date of an answer": "UPDATE exchanges SET asked_at = 'noon'",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of documents, and the data folder of an assistant that has read them and answered once."""
    root = tmp_path_factory.mktemp("whole")
    documents = root / "documents"
    documents.mkdir()
    (documents / "whales.txt").write_text("The blue whale is the largest animal. It eats four tonnes of krill a day.\n")
    (documents / "towers.md").write_text("# Towers\n\nThe Eiffel Tower was opened in 1889. It stands in Paris.\n")
    with opened(root / "data") as assistant:
        assistant.sync([str(documents)])
        assert [event for event in assistant.ask(QUESTION) if isinstance(event, Answered)]
    return documents, root / "data"


def opened(data: Path) -> Assistant:
    settings = Settings(data_dir=data, model=ModelSettings(name=None))
    return Assistant(settings, LightParts(settings))


@pytest.fixture
def damaged(whole: tuple[Path, Path], tmp_path: Path) -> Callable[[str, str], Path]:
    """Makes a copy of the data folder with one of its databases changed by an SQL statement."""

    def made(database: str, sql: str) -> Path:
        data = tmp_path / "data"
        data.mkdir()
        for name in ("library.db", "conversations.db"):
            with closing(sqlite3.connect(whole[1] / name)) as source, closing(sqlite3.connect(data / name)) as copy:
                source.backup(copy)
        with closing(sqlite3.connect(data / database)) as connection:
            connection.create_function("index_terms", 1, str)
            connection.execute(sql)
            connection.commit()
        return data

    return made


def answer(assistant: Assistant) -> str:
    (end,) = [event for event in assistant.ask(QUESTION) if isinstance(event, Answered)]
    return end.answer.text


def failures(data: Path) -> list[Check]:
    settings = Settings(data_dir=data, model=ModelSettings(name=None))
    return [check for step in (_library, _conversations) for check in step(settings) if check.status == "fail"]


@pytest.mark.parametrize("kind", LIBRARY)
def test_a_damaged_library_costs_one_row_and_is_mended(kind: str, damaged: Callable[[str, str], Path]) -> None:
    data = damaged("library.db", LIBRARY[kind])
    assert failures(data)
    with opened(data) as assistant:
        StatusShape.of(assistant.status()).plain()
        DocumentList.of(assistant.documents()).plain()
        assert "blue whale" in answer(assistant)
        assert assistant.conversations()
    repair(Settings(data_dir=data), lambda sentence: None)
    with opened(data) as assistant:
        assistant.sync()
        assert {(document.status, document.error) for document in assistant.documents()} == {("ok", None)}
        assert len(assistant.documents()) == 2
        assert "1889" in " ".join(hit.chunk.text for hit in assistant.search("When was the Eiffel Tower opened?"))
    assert failures(data) == []


@pytest.mark.parametrize("kind", ["a bad byte in a title", "a word for a number", "an odd date", "a path that is none"])
def test_a_sync_mends_an_entry_from_its_file(kind: str, damaged: Callable[[str, str], Path]) -> None:
    data = damaged("library.db", LIBRARY[kind])
    with opened(data) as assistant:
        (bad,) = [document for document in assistant.documents() if document.status != "ok"]
        assert "damaged" in str(bad.error)
        assistant.sync()
        assert {document.status for document in assistant.documents()} == {"ok"}
        assert len(assistant.documents()) == 2


@pytest.mark.parametrize("kind", CONVERSATIONS)
def test_a_damaged_chat_is_named_and_the_others_go_on(kind: str, damaged: Callable[[str, str], Path]) -> None:
    data = damaged("conversations.db", CONVERSATIONS[kind])
    assert failures(data)
    with opened(data) as assistant:
        (chat,) = assistant.conversations()
        ConversationList.of([chat]).plain()
        exchanges = assistant.conversation(chat.id)
        json.dumps(Conversation.of(chat.id, exchanges).plain())
        assert exchanges[0].question == QUESTION
        (end,) = [event for event in assistant.ask(QUESTION, conversation_id=chat.id) if isinstance(event, Answered)]
        assert "blue whale" in end.answer.text
        assert len(assistant.conversation(chat.id)) == 2
    repair(Settings(data_dir=data), lambda sentence: None)
    with opened(data) as assistant:
        (chat,) = assistant.conversations()
        assert chat.turns == 2 and chat.updated_at > 0


def test_a_library_that_cannot_be_opened_is_made_anew_and_the_chats_stay(
    damaged: Callable[[str, str], Path],
) -> None:
    data = damaged("library.db", "VACUUM")
    content = bytearray((data / "library.db").read_bytes())
    content[5 * 4096 : 9 * 4096] = b"\xff" * (4 * 4096)
    (data / "library.db").write_bytes(content)
    told: list[str] = []
    repair(Settings(data_dir=data), told.append)
    assert len(list(data.glob("library.damaged-*.db"))) == 1 and told
    with opened(data) as assistant:
        if not assistant.status().sources:
            assert any("add your folders again" in sentence for sentence in told)
        assistant.sync()
        assert len(assistant.conversations()) == 1
    assert failures(data) == []


def test_a_damaged_conversations_file_is_kept_and_what_can_be_read_is_copied(
    damaged: Callable[[str, str], Path],
) -> None:
    data = damaged("conversations.db", "CREATE TABLE filler AS SELECT randomblob(100000) AS x")
    content = bytearray((data / "conversations.db").read_bytes())
    content[-2 * 4096 :] = b"\xff" * (2 * 4096)  # the filler's last pages
    (data / "conversations.db").write_bytes(content)
    told: list[str] = []
    repair(Settings(data_dir=data), told.append)
    with opened(data) as assistant:
        (chat,) = assistant.conversations()
        assert assistant.conversation(chat.id)[0].question == QUESTION
