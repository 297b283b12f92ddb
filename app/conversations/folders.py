"""Folders of conversations. Each conversation lies in one of them or in none; deleting a folder keeps what is in it."""

from collections.abc import Iterable

from app.conversations.store import DAMAGED_TITLE, Conversations, Database
from app.conversations.stored_answers import text_or
from app.errors import ConversationError
from app.events import ConversationFolder

LONGEST_NAME = 100  # characters


class ConversationFolders:
    """Those of one file. ConversationError for a folder or a conversation that does not exist."""

    def __init__(self, store: Conversations) -> None:
        self._store = store

    def all(self) -> list[ConversationFolder]:
        """Ordered by name."""
        with self._store.reading() as db:
            rows = db.execute("SELECT id, name FROM folders").fetchall()
        found = [ConversationFolder(id_, text_or(name, DAMAGED_TITLE)) for id_, name in rows]
        return sorted(found, key=lambda folder: folder.name.casefold())

    def make(self, name: str, conversations: Iterable[str] = ()) -> ConversationFolder:
        """Makes a folder, and puts conversations into it. Its name must be free."""
        with self._store.writing() as db:
            tidy = _free(db, name)
            made = db.execute("INSERT INTO folders (name) VALUES (?) RETURNING id", (tidy,)).fetchone()[0]
            for conversation in conversations:
                _put(db, conversation, made)
        return ConversationFolder(made, tidy)

    def rename(self, folder: int, name: str) -> ConversationFolder:
        with self._store.writing() as db:
            tidy = _free(db, name, folder)
            changed = db.execute("UPDATE folders SET name = ? WHERE id = ?", (tidy, folder)).rowcount
            _require_folder(changed, folder)
        return ConversationFolder(folder, tidy)

    def delete(self, folder: int) -> None:
        """What is in it lies in no folder then."""
        with self._store.writing() as db:
            _require_folder(db.execute("DELETE FROM folders WHERE id = ?", (folder,)).rowcount, folder)

    def put(self, conversation: str, folder: int | None) -> None:
        """Moves a conversation into a folder, or out of all."""
        with self._store.writing() as db:
            if folder is not None:
                _require_folder(db.execute("SELECT 1 FROM folders WHERE id = ?", (folder,)).fetchone(), folder)
            _put(db, conversation, folder)


def _put(db: Database, conversation: str, folder: int | None) -> None:
    changed = db.execute(
        "UPDATE conversations SET folder = ? WHERE id = ? AND deleted_at IS NULL", (folder, conversation)
    ).rowcount
    if not changed:
        raise ConversationError(f'There is no conversation "{conversation}".', "It may have been deleted.")


def _free(db: Database, name: str, own: int | None = None) -> str:
    tidy = " ".join(name.split())
    if not tidy or len(tidy) > LONGEST_NAME:
        raise ConversationError("The name of a folder has 1 to 100 characters.", "Give it another one.")
    for id_, other in db.execute("SELECT id, name FROM folders").fetchall():
        if id_ != own and text_or(other, "").casefold() == tidy.casefold():
            raise ConversationError(f"There is a folder “{tidy}” already.", "Take another name.")
    return tidy


def _require_folder(found: object, folder: int) -> None:
    if not found:
        raise ConversationError(f"There is no folder {folder} of conversations.", "It may have been deleted.")
