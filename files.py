"""Files that are written whole or not at all, and locks between processes.

It imports nothing of Docent, so that any layer may import it.
"""

import glob
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_ABANDONED_S = 3600.0  # after which nobody is writing a temporary file any more


class LockHeld(Exception):
    """Another process, or another thread of this one, holds the lock."""


def make_private(path: Path) -> None:
    """Lets only the owner read a file or folder. Does nothing where the system knows no owners, where it belongs to
    somebody else, or where the disk cannot be written."""
    with suppress(OSError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if os.name == "posix" and mode & 0o077:
            path.chmod(mode & ~0o077)


def new_private(path: Path) -> None:
    """Makes an empty file that only its owner can read, unless the file is there; then it is made private."""
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    make_private(path)


def is_ours(path: Path) -> bool:
    """Tells whether a file belongs to this user, or to the system, and nobody else may write to it. Raises OSError."""
    if os.name != "posix":
        return True
    status = path.stat()
    return status.st_uid in (os.geteuid(), 0) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path``, with the same suffix; the file written there takes the place of
    ``path`` when the block ends.

    Only the owner can read it. It is flushed to the disk before it is renamed, so that neither a kill nor a power cut
    leaves half of it. When the block raises, the temporary file is removed and ``path`` stays as it was. The folder is
    made if it is missing. What killed processes have left of earlier tries is removed.
    Raises OSError.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}-{threading.get_ident()}{path.suffix}")
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.stem)}.*-*{glob.escape(path.suffix)}"):
        with suppress(OSError):
            if _is_abandoned(left, path):
                left.unlink()
    try:
        yield temporary
        make_private(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _is_abandoned(left: Path, path: Path) -> bool:
    """Whether the process that its name tells of runs no more, or the file has been there for long."""
    writer = left.name.removeprefix(f".{path.stem}.").partition("-")[0]
    if os.name == "posix" and writer.isdecimal():  # elsewhere asking for a process could end it
        try:
            os.kill(int(writer), 0)
        except ProcessLookupError:
            return True
        except OSError:
            pass
    return time.time() - left.stat().st_mtime > _ABANDONED_S


def replace_bytes(path: Path, data: bytes | memoryview) -> None:
    """Writes ``data`` in the place of ``path``, whole or not at all. Raises OSError."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def replace_text(path: Path, text: str) -> None:
    """Writes ``text`` as UTF-8, line ends as they are, in the place of ``path``. Raises OSError."""
    replace_bytes(path, text.encode("utf-8"))


@contextmanager
def locked(path: Path, wait_s: float = 0.0, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Holds the lock file ``path``; waits up to ``wait_s`` for it, and calls ``on_wait`` once if it has to.

    The operating system frees the lock when its holder dies; the file stays. Raises LockHeld when another still holds
    it then, and OSError when the file cannot be made.
    """
    from filelock import FileLock, Timeout  # brings asyncio along, and most starts lock nothing

    lock = FileLock(path, thread_local=False)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if wait_s <= 0:
                raise
            if on_wait is not None:
                on_wait()
            lock.acquire(timeout=wait_s)
    except Timeout:
        raise LockHeld(str(path)) from None
    try:
        yield
    finally:
        lock.release()
