"""Manages the inbox: a folder in the data folder that holds copies of the files that a page hands over.

A file's name is reduced to its last part, so that none can point outside of the inbox. A file whose content is there
already is not copied again.
"""

import filecmp
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.errors import TooLarge, UsageError
from files import replacing

_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})
_LONGEST = 120  # characters; with a number and in UTF-8 it stays below every file system's limit


def safe_name(name: str) -> str:
    """Makes a file name that is valid on every platform, with its suffix kept."""
    last = re.split(r"[/\\]", name)[-1]
    clean = _UNSAFE.sub("_", last).strip(" .") or "document"
    stem, dot, suffix = clean.rpartition(".")
    if not dot or len(suffix) > 10:
        stem, suffix = clean, ""
    if stem.lower() in _RESERVED:
        stem = f"_{stem}"
    return stem[:_LONGEST] + (f".{suffix}" if suffix else "")


@contextmanager
def receiving(part: Path, max_mb: float) -> Iterator[Callable[[bytes], None]]:
    """Gives a function that appends to the new file ``part``, which is deleted at the end with its folder.

    TooLarge when more than ``max_mb`` megabytes come.
    """
    room = int(max_mb * 2**20)
    try:
        part.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with part.open("wb") as file:

            def write(data: bytes) -> None:
                nonlocal room
                room -= len(data)
                if room < 0:
                    raise TooLarge(
                        f"{part.name} is larger than {max_mb:g} MB.",
                        "Raise library.max_file_mb, or add the folder that it lies in.",
                    )
                file.write(data)
                file.flush()

            yield write
    except OSError as error:
        raise UsageError(
            f"{part.name} cannot be kept ({error.strerror}).", "Check that the disk has room, then try again."
        ) from error
    finally:
        shutil.rmtree(part.parent, ignore_errors=True)


def sweep(uploads: Path) -> None:
    """Deletes what a killed Docent was receiving or packing; no other one may be at work in the folder."""
    shutil.rmtree(uploads, ignore_errors=True)


def keep(files: Sequence[Path], inbox: Path) -> list[Path]:
    """Copies the files into the inbox and returns where they lie. UsageError when the disk refuses."""
    try:
        inbox.mkdir(parents=True, exist_ok=True, mode=0o700)
        return [_keep(file, inbox) for file in files]
    except OSError as error:
        raise UsageError(
            f"The files cannot be copied to {inbox} ({error.strerror}).",
            "Check that the disk has room, then try again.",
        ) from error


def _keep(file: Path, inbox: Path) -> Path:
    wanted = inbox / safe_name(file.name)
    target, number = wanted, 2
    while target.exists():
        if filecmp.cmp(file, target, shallow=False):
            return target
        target = wanted.with_name(f"{wanted.stem} ({number}){wanted.suffix}")
        number += 1
    with replacing(target) as temporary:
        shutil.copyfile(file, temporary)
    return target


def discard(path: Path, inbox: Path) -> None:
    """Deletes one copy; refuses anything that does not lie directly in the inbox."""
    if path.parent != inbox:
        raise UsageError(f"{path} is not in the inbox.", "Delete the file yourself where it lies.")
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be deleted ({error.strerror}).", "Close what has it open, then try again."
        ) from error
