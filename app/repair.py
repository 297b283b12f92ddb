"""Mends a data folder, for ``docent repair``: what is damaged is named, and what can be made again is made again.

Rows that only a file can mend are marked and their files read by the sync that follows. A library that SQLite cannot
read is kept beside and a new one made of its folders and files. Conversations are never thrown away: of a file that
SQLite cannot read, what can be read is copied, and the file is kept.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from app.conversations.check import damaged, mend
from app.conversations.store import Conversations
from app.errors import AppError, ConversationError
from app.settings.schema import Settings
from docent import cause_of
from rag.errors import CollectionError, LibraryError, LibraryLocked

_TABLES = ("conversations", "exchanges")
Tell = Callable[[str], None]


def repair(settings: Settings, tell: Tell) -> None:
    """Mends everything but the documents' texts, which the next sync reads; ``tell`` gets a sentence for each thing.

    Raises LibraryLocked while another Docent writes, AppError where the disk refuses."""
    from rag.store.lock import writing

    settings.folder.create()
    if settings.library.url is not None:
        raise AppError(
            "The library is kept by a PostgreSQL server, which looks after its files itself.",
            "`docent doctor` says what is wrong in it, `docent sync --anew` reads all documents again.",
        )
    try:
        with writing(settings.data_dir, settings.library.wait_s):
            _repair_library(settings, tell)
            _forget_index(settings, tell)
            _repair_conversations(settings.folder.conversations, tell)
    except OSError as error:
        raise AppError(
            f"{settings.data_dir} cannot be repaired ({cause_of(error)}).", "Check the disk, then try again."
        ) from error


def _repair_library(settings: Settings, tell: Tell) -> None:
    from rag.store.check import collections_left, examine, mend, sources_left
    from rag.store.collections import Collections
    from rag.store.library import Library
    from rag.store.writer import LibraryWriter

    path = settings.folder.library
    if not path.exists():
        return
    try:
        with Library.open(path) as library:
            damages = examine(library)
            for damage in damages:
                tell(damage.what)
            if damages:
                with LibraryWriter(library).transaction():
                    mend(library, damages)
        return
    except LibraryLocked:
        raise
    except LibraryError as error:
        tell(error.message)
    sources, collections = sources_left(str(path)), collections_left(str(path))
    kept = _set_aside(path)
    tell(f"It is kept as {kept.name}, and a new library is made.")
    with Library.open(path) as library:
        writer = LibraryWriter(library)
        with writer.transaction():
            for kind, location in sources:
                writer.add_source(kind, location)
        for one in collections:
            with suppress(LibraryError, CollectionError):  # a damaged name may be another one's
                Collections(library, one.owner).make(one.name, one.locations, one.id)
    tell(f"{len(sources)} sources are read anew." if sources else "Its sources cannot be read; add your folders again.")


def _forget_index(settings: Settings, tell: Tell) -> None:
    """Deletes the vector index, which is made anew, and what interrupted writes have left behind."""
    folder = settings.folder
    folder.vectors.unlink(missing_ok=True)
    for left in [*settings.data_dir.glob(".vectors.*.faiss"), *settings.data_dir.glob("vectors.faiss.*.tmp")]:
        left.unlink(missing_ok=True)
        tell(f"{left.name} was left behind by an interrupted write and is deleted.")


def _repair_conversations(path: Path, tell: Tell) -> None:
    if not path.exists():
        return
    try:
        with closing(Conversations(path)) as conversations:
            for sentence in damaged(conversations):
                tell(sentence)
            mend(conversations)
        return
    except ConversationError as error:
        tell(error.message)
    kept = _set_aside(path)
    with closing(Conversations(path)):
        pass  # the tables
    tell(f"{_copy_rows(kept, path)} rows of conversations are kept; the damaged file is {kept.name}.")


def _copy_rows(source: Path, target: Path) -> int:
    """Copies every row that can still be read."""
    copied = 0
    reading = f"{source.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(target)) as new, closing(sqlite3.connect(reading, uri=True)) as old:
        old.text_factory = bytes
        for table in _TABLES:
            with suppress(sqlite3.Error):
                names = [row[1].decode() for row in old.execute(f"PRAGMA table_info({table})")]
                places = ", ".join("?" * len(names))
                rows = old.execute(f"SELECT {', '.join(names)} FROM {table}")
                while (row := rows.fetchone()) is not None:
                    values = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in row]
                    with suppress(sqlite3.Error):
                        new.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", values)
                        copied += 1
        new.commit()
    return copied


def _set_aside(path: Path) -> Path:
    """Renames a database and its log; returns where it is now."""
    kept = path.with_name(f"{path.stem}.damaged-{datetime.now():%Y%m%d-%H%M%S}{path.suffix}")
    for ending in ("", "-wal", "-shm"):
        beside = path.with_name(path.name + ending)
        if beside.exists():
            beside.rename(kept.with_name(kept.name + ending))
    return kept
