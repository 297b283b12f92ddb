"""A connection to the library file for each thread that reads it.

SQLite crashes when a connection is closed while another thread is at work on it, so what is at work is interrupted and
closed by its own thread.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rag.errors import LibraryError


class ThreadConnections:
    """Makes connections with ``connect`` when a thread first needs one."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._local = threading.local()
        self._all: dict[threading.Thread, _Connection] = {}
        self._lock = threading.RLock()  # a reading that was left half done is ended wherever it is collected
        self._closed = False

    @contextmanager
    def lent(self) -> Iterator[sqlite3.Connection]:
        """Yields this thread's connection; may be nested. Raises LibraryError once they are closed, also meanwhile."""
        own = self._own()
        with self._lock:
            if self._closed:
                own.connection.close()
                raise _closed()
            own.uses += 1
        try:
            yield own.connection
        except (sqlite3.ProgrammingError, sqlite3.OperationalError) as error:
            if not self._closed:
                raise
            raise _closed() from error  # while this thread was reading
        finally:
            with self._lock:
                own.uses -= 1
                if self._closed and not own.uses:
                    own.connection.close()

    def close(self) -> None:
        """Closes those that no other thread is at work on, and interrupts the rest, which their threads close then.
        Calling it twice is harmless."""
        with self._lock:
            self._closed = True
            for thread, each in self._all.items():
                if each.uses and thread is not threading.current_thread():
                    each.connection.interrupt()
                else:
                    each.connection.close()
            self._all.clear()

    def _own(self) -> "_Connection":
        own: _Connection | None = getattr(self._local, "own", None)
        if own is None:
            if self._closed:
                raise _closed()
            own = self._local.own = _Connection(self._connect())
            with self._lock:
                for thread in [thread for thread in self._all if not thread.is_alive()]:
                    self._all.pop(thread).connection.close()
                self._all[threading.current_thread()] = own
        return own


class _Connection:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.uses = 0


def _closed() -> LibraryError:
    return LibraryError("The library is closed.", "Start Docent again.")
