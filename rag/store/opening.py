"""Opens a library, wherever it is kept."""

import importlib.util
from pathlib import Path

from docent import install_extra
from rag.errors import LibraryError
from rag.store.protocols import LibraryStore

_PACKAGES = ("psycopg", "psycopg_pool")


def open_library(path: Path, url: str | None = None) -> LibraryStore:
    """Opens the library at ``url`` (postgresql://...), else the file at ``path``; either is made if need be.

    Raises LibraryError as ``Library.open`` and ``PostgresLibrary`` do, and where the extra ``postgres`` is missing."""
    if url is None:
        from rag.store.library import Library

        return Library.open(path)
    require_postgres()
    from rag.store.postgres.library import PostgresLibrary

    return PostgresLibrary(url)


def require_postgres() -> None:
    """Raises LibraryError unless what talks to a PostgreSQL server is installed."""
    if any(importlib.util.find_spec(name) is None for name in _PACKAGES):
        raise LibraryError(
            "A library on a PostgreSQL server needs packages that are not installed.",
            f"To add them, run: {install_extra('postgres')}",
        )
