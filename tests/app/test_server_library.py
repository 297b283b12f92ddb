"""Docent with its library on a PostgreSQL server: from the setting to the answer, and what goes wrong on the way."""

from pathlib import Path

import pytest

from app.assistant import Assistant
from app.doctor import examine
from app.errors import AppError
from app.events import Answered
from app.repair import repair
from app.settings.schema import LibrarySettings, ModelSettings, Settings, flatten
from rag.errors import LibraryError
from tests.app.fakes import LightParts
from tests.rag.postgres_server import PostgresServer


def settings_of(folder: Path, url: str) -> Settings:
    return Settings(
        data_dir=folder, model=ModelSettings(name=None), library=LibrarySettings.model_validate({"url": url})
    )


def last_of(assistant: Assistant, question: str, conversation: str | None = None) -> Answered:
    *_, last = assistant.ask(question, conversation_id=conversation)
    assert isinstance(last, Answered)
    return last


def test_two_docents_share_documents_collections_and_conversations(tmp_path: Path, postgres: PostgresServer) -> None:
    url = postgres.made("shared")
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "lamp.md").write_text("# Lamps\n\nThe harbour lamp was lit in 1868 by Ada Brook.\n")
    first = settings_of(tmp_path / "first", url)
    second = settings_of(tmp_path / "second", url)
    with Assistant(first, LightParts(first)) as one, Assistant(second, LightParts(second)) as other:
        assert one.sync([str(documents)]).counts["ok"] == 1
        answered = last_of(other, "When was the harbour lamp lit?")
        assert "1868" in answered.answer.text and answered.conversation_id
        assert [info.id for info in one.conversations()] == [answered.conversation_id]
        made = one.make_collection("Lamps", [str(documents)])
        assert other.documents_in(made.id) == {document.id for document in one.documents()}
        (documents / "lamp.md").write_text("# Lamps\n\nThe harbour lamp was lit in 1912 by Ada Brook.\n")
        one.sync()
        assert "1912" in last_of(other, "When was the harbour lamp lit?", answered.conversation_id).answer.text
        status = other.status()
        assert status.library_path.startswith("postgresql://") and status.size_bytes > 0
        assert [check for check in examine(second) if check.status == "fail"] == []
        assert not (tmp_path / "first" / "library.db").exists()
        one.wipe_library()
        one.wipe_conversations()
        assert (other.documents(), other.conversations(), other.collections()) == ([], [], [])


def test_a_server_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, f"postgresql://me:secret@/docs?host={tmp_path}")
    with Assistant(settings, LightParts(settings)) as assistant, pytest.raises(LibraryError, match="No PostgreSQL"):
        assistant.documents()
    found = [check for check in examine(settings) if check.name == "library"]
    assert found[0].status == "fail" and "secret" not in str(found)
    with pytest.raises(AppError, match="looks after"):
        repair(settings, print)


def test_the_password_is_shown_nowhere_and_other_addresses_are_refused(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "postgresql://me:secret@host/docs")
    assert "secret" not in str(flatten(settings)) + repr(settings)
    with pytest.raises(ValueError, match="postgresql://"):
        LibrarySettings.model_validate({"url": "mysql://host/docs"})
