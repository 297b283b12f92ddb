"""Says what a PostgreSQL server refuses in one sentence with a remedy."""

import re

import psycopg
import psycopg_pool
from psycopg import errors

from rag.errors import LibraryError, LibraryLocked

OLDEST_SERVER = 14
OLDEST_VECTOR = (0, 8)  # half-precision vectors since 0.7, searches that go on past removed ones since 0.8
_PGVECTOR = "Install pgvector on the server (Debian: postgresql-NN-pgvector), then run CREATE EXTENSION vector there."


def no_vector(place: str, version: str | None) -> LibraryError:
    """``version`` is that of the extension; None where the server does not know it."""
    if version is None:
        return LibraryError(f"The PostgreSQL server of {place} has no pgvector.", _PGVECTOR)
    oldest = ".".join(map(str, OLDEST_VECTOR))
    return LibraryError(
        f"The pgvector of {place} is version {version}; Docent needs {oldest} or later.",
        "Update it on the server, then run ALTER EXTENSION vector UPDATE in the database.",
    )


def closed() -> LibraryError:
    return LibraryError("The library is closed.", "Start Docent again.")


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, so that the same may go well on another one."""
    if isinstance(error, errors.AdminShutdown | errors.CrashShutdown | errors.CannotConnectNow):
        return True
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and error.sqlstate is None


def explained(error: psycopg.Error, place: str) -> LibraryError | None:
    """Returns what to tell a person; None for what is a defect of ours."""
    if isinstance(error, psycopg_pool.PoolClosed):
        return closed()
    told = _first_line(error)
    if isinstance(error, errors.DiskFull | errors.OutOfMemory):
        return LibraryError(
            f"The PostgreSQL server of {place} has no room left ({told}).",
            "Free some there and sync again; everything read so far is kept.",
        )
    if isinstance(error, errors.DeadlockDetected | errors.SerializationFailure | errors.LockNotAvailable):
        return LibraryLocked(f"Another Docent is changing the same documents of {place}.", "Try again in a moment.")
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return LibraryError(
            f"The PostgreSQL server of {place} takes no changes ({told}).", "Name the main server in library.url."
        )
    if isinstance(error, errors.InsufficientPrivilege):
        return LibraryError(
            f"The PostgreSQL server of {place} does not allow that ({told}).",
            "Let the user of library.url create schemas in that database (GRANT CREATE ON DATABASE ...).",
        )
    if is_lost(error) or isinstance(error, errors.TooManyConnections | psycopg_pool.PoolTimeout):
        return LibraryError(
            f"The connection to {place} was lost ({told}).",
            "See whether the server runs, then try again; what was stored is kept.",
        )
    if isinstance(error, psycopg.OperationalError):
        return LibraryError(f"The PostgreSQL server of {place} could not do that ({told}).", "Look into its log.")
    return None


def not_connected(error: psycopg.Error, place: str) -> LibraryError:
    """For an error before there is a connection: libpq gives no codes then, only the server's words."""
    told = _first_line(error)
    if re.search(r"password|authentication|28P01|28000", told, re.IGNORECASE):
        return LibraryError(
            f"The PostgreSQL server refuses {place} ({told}).",
            "Check user and password in library.url, or put the password into ~/.pgpass or PGPASSWORD.",
        )
    if re.search(r'database ".*" does not exist', told):
        return LibraryError(f"There is no database at {place} ({told}).", "Make it on the server: createdb NAME.")
    return LibraryError(
        f"No PostgreSQL server answers at {place} ({told}).", "Start the server, or correct library.url."
    )


def _first_line(error: psycopg.Error) -> str:
    """The server's words without what libpq writes before and after them."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    for line in lines:
        if "FATAL:" in line or "ERROR:" in line:
            return line.partition("FATAL:")[2].strip() or line.partition("ERROR:")[2].strip()
    return lines[0] if lines else type(error).__name__
