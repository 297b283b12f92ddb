"""Refuses ZIP containers that would unpack into far more than they are, before any parser opens them.

Only the table of contents is read, and no member is unpacked. Python's zipfile stops a member at the size stated there,
so a false statement cannot exceed these limits.
"""

import errno
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.errors import ReadError

MAX_ENTRIES = 100_000
MAX_TOTAL_BYTES = 2 << 30
MAX_RATIO = 200
"""How many times its packed size a member may unpack to; text in markup reaches 50."""
_RATIO_FROM_BYTES = 32 << 20
"""Small members may be as repetitive as they like."""
_MAX_XML_BYTES = 512 << 20

_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError, NotImplementedError)
_SAVE_AGAIN = "Copy it again, or open it in its program and save it anew."
_REMEDY = "If you trust the file, open it in its program and save it as PDF."


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Opens the container and checks it. Damage that shows only while a part is unpacked is a ReadError as well."""
    check_zip(path)
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except _BROKEN as error:
        raise ReadError("The file is damaged: a part of it cannot be unpacked.", _SAVE_AGAIN) from error
    except OSError as error:
        # Offsets that point outside the file.
        if error.errno != errno.EINVAL:
            raise
        raise ReadError("The file is damaged: its ZIP container is inconsistent.", _SAVE_AGAIN) from error


def check_zip(path: Path) -> None:
    """Checks a container. Raises ReadError when it is broken, protected, or unpacks beyond the limits."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (*_BROKEN, ValueError) as error:
        raise ReadError("The file is damaged: its ZIP container cannot be opened.", _SAVE_AGAIN) from error
    if len(members) > MAX_ENTRIES:
        raise ReadError(f"The file was refused: it holds {len(members)} parts, as only a ZIP bomb does.", _REMEDY)
    if sum(member.file_size for member in members) > MAX_TOTAL_BYTES:
        raise ReadError(f"The file was refused: it unpacks to more than {MAX_TOTAL_BYTES >> 30} GiB.", _REMEDY)
    for member in members:
        if member.flag_bits & 1:
            raise ReadError("The file is protected by a password.", "Save a copy without the password and add that.")
        is_markup = member.filename.endswith((".xml", ".rels", ".xhtml", ".html"))
        if is_markup and member.file_size > _MAX_XML_BYTES:
            raise ReadError(f"The file was refused: one part of it unpacks to {member.file_size >> 20} MiB.", _REMEDY)
        if member.file_size > _RATIO_FROM_BYTES and member.file_size > MAX_RATIO * max(member.compress_size, 1):
            raise ReadError(
                f"The file was refused: a part of it unpacks to {member.file_size // max(member.compress_size, 1)} "
                "times its size, as only a ZIP bomb does.",
                _REMEDY,
            )
