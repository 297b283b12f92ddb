"""The libraries that the contract tests run over."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rag.postgres_server import PostgresServer

OpenLibrary = Callable[[Path], Any]


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def open_library(request: pytest.FixtureRequest) -> OpenLibrary:
    """Opens the library that belongs to a folder, new or as it was left."""
    if request.param == "sqlite":
        from rag.store.library import Library

        return lambda folder: Library.open(folder / "library.db")
    server: PostgresServer = request.getfixturevalue("postgres")

    def opened(folder: Path) -> Any:
        from rag.store.postgres.library import PostgresLibrary

        return PostgresLibrary(server.made(hashlib.sha256(str(folder).encode()).hexdigest()[:20]))

    return opened
