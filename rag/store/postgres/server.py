"""Connections to the database of a library.

They are lent from a pool. A thread within ``transaction`` reads and writes through the connection of that, so that it
sees what it has changed; a read outside of one that finds its connection lost is made again on a new one, once.
"""

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import psycopg
import psycopg_pool
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from rag.errors import LibraryError
from rag.store.postgres import errors, schema

Connection = psycopg.Connection[tuple[Any, ...]]
_CONNECT_S = 10
_MOST_CONNECTIONS = 16  # of one Docent
_DEFAULT_PORT = "5432"


class Server:
    """One database. Raises LibraryError where there is none, or none that a library can be kept in."""

    def __init__(self, url: str) -> None:
        name = f"Docent {os.getpid()} on {socket.gethostname()}"
        try:
            self._url = make_conninfo(url, application_name=name, connect_timeout=_CONNECT_S)
            self.place = _place(url)
        except psycopg.ProgrammingError as error:
            raise LibraryError(
                "library.url is no address of a PostgreSQL database.", "Write postgresql://USER@HOST/DATABASE."
            ) from error
        self._closed = False
        self._local = threading.local()
        search_path = self._prepared()
        self._pool = psycopg_pool.ConnectionPool(
            self._url,
            min_size=1,
            max_size=_MOST_CONNECTIONS,
            # A plan that was kept would be that of the small tables with which a first sync begins.
            kwargs={"autocommit": True, "prepare_threshold": None},
            configure=lambda connection: _configured(connection, search_path),
            timeout=_CONNECT_S,
            open=True,
        )

    def _prepared(self) -> str:
        """Makes or updates the tables; returns the schemas in which names are looked up."""
        try:
            connection = psycopg.connect(self._url, autocommit=True)
        except psycopg.Error as error:
            raise errors.not_connected(error, self.place) from error
        with self._explained(), connection:
            return schema.prepare(connection, self.place)

    def close(self) -> None:
        """Calling it twice is harmless. Who is reading meanwhile may end that."""
        self._closed = True
        self._pool.close()

    @property
    def in_transaction(self) -> bool:
        return getattr(self._local, "connection", None) is not None

    @contextmanager
    def lent(self) -> Iterator[Connection]:
        """Yields the connection of this thread's transaction, or one in autocommit mode."""
        own: Connection | None = getattr(self._local, "connection", None)
        with self._explained():
            if own is not None:
                yield own
                return
            with self._pool.connection() as connection:
                yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Runs a block as one transaction of this thread. Raises LibraryError where the connection is lost: nothing of
        the block is stored then."""
        assert not self.in_transaction, "transactions are not nested"
        with self._explained(), self._pool.connection() as connection, connection.transaction():
            self._local.connection = connection
            try:
                yield connection
            finally:
                self._local.connection = None

    def rows(self, sql: str, parameters: Sequence[object] = (), settings: str = "") -> list[tuple[Any, ...]]:
        """Runs a statement that reads; ``settings`` are statements that hold for it alone."""
        for is_last in (self.in_transaction, True):
            try:
                with self.lent() as connection, connection.transaction() if settings else nullcontext():
                    if settings:
                        connection.execute(settings)
                    return connection.execute(sql, parameters).fetchall()
            except LibraryError as error:
                if is_last or not (error.__cause__ is not None and errors.is_lost(error.__cause__)):
                    raise
        raise AssertionError("the second try returns or raises")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            if self._closed:
                raise errors.closed() from error
            told = errors.explained(error, self.place)
            if told is None:
                raise
            if errors.is_lost(error):
                self._drop_lost()
            raise told from error

    def _drop_lost(self) -> None:
        """Others are lost with one, where the server has been restarted."""
        with suppress(AttributeError, psycopg.Error):  # there is no pool yet, or it is closed
            self._pool.check()


def _configured(connection: Connection, search_path: str) -> None:
    # What is asked takes milliseconds: to start other processes for it, or to compile it, takes longer.
    connection.execute("SET max_parallel_workers_per_gather = 0; SET jit = off")
    # Less forgets which passages of a page hold a word where hundreds of thousands do, and all of the page are read.
    connection.execute("SET work_mem = '32MB'")
    connection.execute("SELECT set_config('search_path', %s, false)", (search_path,))


def _place(url: str) -> str:
    """The address without its password, and without what only libpq wants to know."""
    parts = conninfo_to_dict(url)
    user = f"{parts['user']}@" if parts.get("user") else ""
    port = str(parts.get("port") or _DEFAULT_PORT)
    host = f"{parts.get('host') or 'localhost'}{'' if port == _DEFAULT_PORT else ':' + port}"
    return f"postgresql://{user}{host}/{parts.get('dbname') or parts.get('user') or ''}"
