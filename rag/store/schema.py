"""Defines the tables of library.db, opens connections, migrates older files and translates SQLite's errors.

Connections are in autocommit mode. A file that cannot be used is never deleted or overwritten.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.errors import LibraryError, LibraryLocked
from rag.text.index_terms import index_terms

BUSY_TIMEOUT_S = 10.0
APPLICATION_ID = 0x446F6365  # "Doce": tells a library from another program's SQLite file
TOKENIZER = "porter unicode61 remove_diacritics 2"  # of the full-text index

# A path is a BLOB because a file name need not be valid Unicode (see ``path_key``). AUTOINCREMENT: a chunk's id is
# never used again, which is what lets the vector index compare ids alone.
_VERSION_1 = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    "INSERT INTO meta VALUES ('generation', 0), ('embedder', NULL)",
    """CREATE TABLE sources (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        location BLOB NOT NULL UNIQUE,
        added_at REAL NOT NULL
    )""",
    """CREATE TABLE documents (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        source_id INTEGER NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
        path BLOB NOT NULL UNIQUE,
        title TEXT NOT NULL,
        media_type TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('ok', 'failed', 'skipped')),
        error TEXT,
        chunks INTEGER NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        content_hash TEXT NOT NULL,
        read_at REAL NOT NULL
    )""",
    "CREATE INDEX documents_by_source ON documents (source_id)",
    """CREATE TABLE texts (
        document_id INTEGER PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
        data BLOB NOT NULL,
        marks TEXT NOT NULL
    )""",
    """CREATE TABLE chunks (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        ordinal INTEGER NOT NULL,
        start INTEGER NOT NULL,
        stop INTEGER NOT NULL,
        page INTEGER,
        start_s REAL,
        end_s REAL,
        heading_path TEXT NOT NULL,
        context TEXT NOT NULL,
        text TEXT NOT NULL,
        bigrams TEXT NOT NULL
    )""",
    "CREATE UNIQUE INDEX chunks_by_document ON chunks (document_id, ordinal)",
    """CREATE TABLE embeddings (
        chunk_id INTEGER PRIMARY KEY REFERENCES chunks (id) ON DELETE CASCADE,
        vector BLOB NOT NULL
    )""",
    """CREATE VIRTUAL TABLE chunk_fts USING fts5 (
        context, text, bigrams, content = 'chunks', content_rowid = 'id',
        tokenize = 'porter unicode61 remove_diacritics 2'
    )""",
    """CREATE TRIGGER chunks_inserted AFTER INSERT ON chunks BEGIN
        INSERT INTO chunk_fts (rowid, context, text, bigrams) VALUES (new.id, new.context, new.text, new.bigrams);
    END""",
    """CREATE TRIGGER chunks_deleted AFTER DELETE ON chunks BEGIN
        INSERT INTO chunk_fts (chunk_fts, rowid, context, text, bigrams)
        VALUES ('delete', old.id, old.context, old.text, old.bigrams);
    END""",
)

_VERSION_2 = ("ALTER TABLE chunks ADD COLUMN page_label TEXT",)
_VERSION_3 = (
    """CREATE TABLE tables (
        document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        start INTEGER NOT NULL,
        stop INTEGER NOT NULL,
        data TEXT NOT NULL,
        PRIMARY KEY (document_id, start)
    ) WITHOUT ROWID""",
    # Files (not URLs) are read anew by the next sync: their tables, and much else, are read better.
    "UPDATE documents SET mtime_ns = -1, content_hash = '' WHERE instr(path, X'3A2F2F') = 0",
)

# The index holds terms in their compared form, and a file's time of status change is kept, which shows a
# changed content whose size and time of change were set back; 0 is "not known".
_VERSION_4 = (
    "DROP TRIGGER chunks_inserted",
    "DROP TRIGGER chunks_deleted",
    "DROP TABLE chunk_fts",
    "ALTER TABLE chunks RENAME COLUMN bigrams TO terms",
    "UPDATE chunks SET terms = index_terms(context || char(10) || text)",
    f"""CREATE VIRTUAL TABLE chunk_fts USING fts5 (
        context, text, terms, content = 'chunks', content_rowid = 'id',
        tokenize = '{TOKENIZER}'
    )""",
    "INSERT INTO chunk_fts (chunk_fts) VALUES ('rebuild')",
    """CREATE TRIGGER chunks_inserted AFTER INSERT ON chunks BEGIN
        INSERT INTO chunk_fts (rowid, context, text, terms) VALUES (new.id, new.context, new.text, new.terms);
    END""",
    """CREATE TRIGGER chunks_deleted AFTER DELETE ON chunks BEGIN
        INSERT INTO chunk_fts (chunk_fts, rowid, context, text, terms)
        VALUES ('delete', old.id, old.context, old.text, old.terms);
    END""",
    "ALTER TABLE documents ADD COLUMN ctime_ns INTEGER NOT NULL DEFAULT 0",
)

# The index holds marks by which compounds are found by their parts.
_VERSION_5 = (
    "UPDATE chunks SET terms = index_terms(context || char(10) || text)",
    "INSERT INTO chunk_fts (chunk_fts) VALUES ('rebuild')",
)

# What each stretch of a text is (heading, list, note ...) is kept, so that documents can be shown as they are laid out.
_VERSION_6 = (
    "ALTER TABLE texts ADD COLUMN blocks TEXT NOT NULL DEFAULT '[]'",
    "UPDATE documents SET mtime_ns = -1, content_hash = '' WHERE instr(path, X'3A2F2F') = 0",
)

# Collections. AUTOINCREMENT: a chat that asked one must not ask another one later.
_VERSION_7 = (
    "CREATE TABLE collections (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE)",
    """CREATE TABLE collection_members (
        collection_id INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
        path BLOB NOT NULL,
        PRIMARY KEY (collection_id, path)
    ) WITHOUT ROWID""",
    "CREATE INDEX collection_members_by_path ON collection_members (path)",
)

# How many pages a document has. Those of earlier versions are as many as their passages tell of.
_VERSION_8 = (
    "ALTER TABLE documents ADD COLUMN pages INTEGER",
    "UPDATE documents SET pages = (SELECT max(page) FROM chunks WHERE document_id = documents.id)",
)

# Collections belong to a user or (owner '') to all, and names are free for each. SQLite takes no constraint away,
# so both tables are made anew; rows of a damaged file that belong to nothing are left behind.
_VERSION_9 = (
    """CREATE TABLE owned_collections (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        owner TEXT NOT NULL DEFAULT '',
        UNIQUE (owner, name)
    )""",
    "INSERT INTO owned_collections (id, name) SELECT id, name FROM collections",
    """CREATE TABLE owned_members (
        collection_id INTEGER NOT NULL REFERENCES owned_collections (id) ON DELETE CASCADE,
        path BLOB NOT NULL,
        PRIMARY KEY (collection_id, path)
    ) WITHOUT ROWID""",
    """INSERT INTO owned_members SELECT collection_id, path FROM collection_members
        WHERE collection_id IN (SELECT id FROM owned_collections)""",
    "DELETE FROM sqlite_sequence WHERE name = 'owned_collections'",
    "INSERT INTO sqlite_sequence SELECT 'owned_collections', seq FROM sqlite_sequence WHERE name = 'collections'",
    "DROP TABLE collection_members",
    "DROP TABLE collections",
    "ALTER TABLE owned_collections RENAME TO collections",
    "ALTER TABLE owned_members RENAME TO collection_members",
    "CREATE INDEX collection_members_by_path ON collection_members (path)",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    _VERSION_1,
    _VERSION_2,
    _VERSION_3,
    _VERSION_4,
    _VERSION_5,
    _VERSION_6,
    _VERSION_7,
    _VERSION_8,
    _VERSION_9,
)
"""``MIGRATIONS[n]`` brings a library of version n to version n + 1."""

VERSION = len(MIGRATIONS)


def path_key(path: str) -> bytes:
    """Returns a path or URL as it is stored: UTF-8 that also carries the lone surrogates of undecodable file names."""
    return path.encode("utf-8", "surrogatepass")


def path_text(key: bytes) -> str:
    """Returns the path that ``path_key`` stored."""
    return key.decode("utf-8", "surrogatepass")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns SQLite's errors about the file at ``path`` into LibraryError with a remedy; ours pass unchanged."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        translated = _translate(error, path)
        if translated is None:
            raise
        raise translated from error


def _translate(error: sqlite3.DatabaseError, path: Path) -> LibraryError | None:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the low byte is the primary code
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return damaged(path)
    if code == sqlite3.SQLITE_FULL:
        return LibraryError(
            f"The disk that holds the library {path} is full.",
            "Free some space and sync again; everything read so far is kept.",
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LibraryLocked(
            f"Another program is using the library {path}.", "Wait until it has finished, then try again."
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH):
        return LibraryError(
            f"The library {path} cannot be opened for this ({error}).",
            "Check that the folder exists and that you may write to it.",
        )
    if code == sqlite3.SQLITE_IOERR:
        return LibraryError(
            f"The library {path} could not be read or written ({error}).",
            "Check the disk (full, unplugged or failing), then try again.",
        )
    return None


def is_refusal(error: BaseException | None) -> bool:
    """Tells whether SQLite failed because the disk is full or cannot be written to."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    return isinstance(error, sqlite3.Error) and code in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
    )


def damaged(path: Path) -> LibraryError:
    return LibraryError(
        f"The library {path} is damaged or is not a Docent library.",
        "It has been left as it is. `docent repair` keeps it beside and makes a new one from your files.",
    )


def text_of(data: bytes) -> str:
    """Returns a stored text; bytes that are no UTF-8 become lone surrogates, which ``rag.store.rows`` refuses."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("utf-8", "surrogateescape")


def connect(path: Path, *, read_only: bool, immutable: bool = False) -> sqlite3.Connection:
    """Returns a connection in autocommit mode to an existing or new file; may be closed from any thread.

    ``immutable``: nothing is written beside the file either, which reading needs otherwise; its write-ahead log, which
    must be empty, is not looked at."""
    uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}{'&immutable=1' if immutable else ''}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    connection.text_factory = text_of
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA cache_size = -16384")  # KiB; full-text search walks many small pages
        if not read_only:
            # NORMAL in WAL mode: a killed process loses nothing; a power cut may undo the last commits, whole.
            connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def prepare(connection: sqlite3.Connection, path: Path, *, read_only: bool) -> None:
    """Checks that the file is a library of a known version, and creates or migrates it unless ``read_only``."""
    version = _version(connection, path)
    if version == VERSION:
        return
    if read_only:
        raise LibraryError(
            f"The library {path} was written by an older Docent.", "Run `docent sync` once to bring it up to date."
        )
    connection.create_function("index_terms", 1, index_terms, deterministic=True)  # for migrations
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")  # two processes may get here at once; the second finds the work done
    try:
        for statements in MIGRATIONS[_version(connection, path) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if application != APPLICATION_ID and (tables or version or application):
        raise damaged(path)
    if application == APPLICATION_ID and not tables:
        raise damaged(path)
    if version > VERSION:
        raise LibraryError(
            f"The library {path} was written by a newer Docent (library version {version}; this one knows {VERSION}).",
            "Update Docent, or choose another data folder.",
        )
    return version
