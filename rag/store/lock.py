"""The lock by which one process at a time writes to a library.

Reading takes no lock. The operating system frees the lock when its holder dies; ``library.writer`` beside it only names
the holder and may be stale.
"""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from docent import cause_of
from files import LockHeld, locked
from rag.errors import LibraryError, LibraryLocked

LOCK_NAME = "library.lock"
HOLDER_NAME = "library.writer"


@contextmanager
def writing(library_dir: Path, timeout_s: float = 0.0) -> Iterator[None]:
    """Holds the library in ``library_dir`` for writing. Waits up to ``timeout_s``; 0 tries once.

    Raises LibraryLocked, which names the holder, and LibraryError when the folder cannot be written to.
    """
    with ExitStack() as stack:
        try:
            library_dir.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(library_dir / LOCK_NAME, timeout_s))
        except LockHeld:
            raise _locked(library_dir) from None
        except OSError as error:
            raise LibraryError(
                f"The library folder {library_dir} cannot be written to ({cause_of(error)}).",
                "Check the disk and your rights to that folder, or choose another data folder.",
            ) from error
        holder = library_dir / HOLDER_NAME
        stack.callback(holder.unlink, missing_ok=True)
        _name_holder(holder)
        yield


def _name_holder(holder: Path) -> None:
    try:
        holder.write_text(json.dumps({"pid": os.getpid()}), encoding="utf-8")
    except OSError:
        return  # a full disk must not keep a sync from removing documents; the name is a courtesy


def _locked(library_dir: Path) -> LibraryLocked:
    try:
        pid = json.loads((library_dir / HOLDER_NAME).read_text(encoding="utf-8"))["pid"]
    except (OSError, ValueError, KeyError, TypeError):
        pid = None
    if pid == os.getpid():
        return LibraryLocked("This program is already syncing the library.", "Wait until it has finished, or stop it.")
    who = f"Another Docent (process {pid})" if isinstance(pid, int) else "Another program"
    return LibraryLocked(
        f"{who} is writing to the library in {library_dir}.", "Wait until it has finished or close it, then try again."
    )
