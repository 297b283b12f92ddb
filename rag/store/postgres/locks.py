"""Locks by which several Docents that sync one library keep out of each other's way.

They belong to a connection, so the server frees them when their holder dies. Who syncs some sources holds these and
those that lie within or around them; who changes all holds the library.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from psycopg import errors as pg_errors

from rag.errors import LibraryLocked
from rag.store.conditions import folder_range
from rag.store.postgres.schema import LOCK_CLASS
from rag.store.postgres.server import Connection, Server
from rag.store.schema import path_key
from rag.types import Source

_LIBRARY = 0  # the lock of the whole; others are those of sources, by their ids


@contextmanager
def writing(
    server: Server, timeout_s: float, sources: Sequence[Source] | None, known: Sequence[Source]
) -> Iterator[None]:
    """Holds ``sources``, or with None the library. ``known`` are all of its sources. Raises LibraryLocked."""
    wanted = [] if sources is None else sorted(_overlapping(sources, known))
    with server.lent() as connection:
        try:
            connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{max(1, int(timeout_s * 1000))}ms",))
            held: int | None = None
            try:
                for held in (_LIBRARY, *wanted):
                    shared = "_shared" if held == _LIBRARY and sources is not None else ""
                    connection.execute(f"SELECT pg_advisory_lock{shared}(%s, %s)", (LOCK_CLASS, held))
            except pg_errors.LockNotAvailable:
                raise _locked(connection, server.place, held or _LIBRARY) from None
            connection.execute("SET lock_timeout = 0")
            yield
        finally:
            if not connection.closed:
                connection.execute("SELECT pg_advisory_unlock_all()")
                connection.execute("SET lock_timeout = 0")


def _overlapping(sources: Sequence[Source], known: Sequence[Source]) -> set[int]:
    return {other.id for source in sources for other in known if other.id == source.id or _overlap(source, other)}


def _overlap(one: Source, other: Source) -> bool:
    return _holds(one, other.location) or _holds(other, one.location)


def _holds(source: Source, location: str) -> bool:
    below_from, below_to = folder_range(source.location)
    return source.location == location or below_from <= path_key(location) < below_to


def _locked(connection: Connection, place: str, held: int) -> LibraryLocked:
    """Names who holds the lock."""
    found = connection.execute(
        "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' "
        "AND l.granted AND l.classid = %s AND l.objid = %s AND l.database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database()) AND a.pid <> pg_backend_pid() LIMIT 1",
        (LOCK_CLASS, held),
    ).fetchone()
    name = str(found[0]) if found else ""
    if name and name == connection.info.get_parameters().get("application_name"):
        return LibraryLocked("This program is already syncing the library.", "Wait until it has finished, or stop it.")
    return LibraryLocked(
        f"{name or 'Another Docent'} is writing to the library {place}.",
        "Wait until it has finished or close it, then try again.",
    )
