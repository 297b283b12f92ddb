"""Parses ZIP archives as folders: every file that a parser takes, below a heading with its place in the archive."""

import zipfile
from pathlib import Path

from rag.errors import SkippedError
from rag.parsers.builder import DocumentBuilder
from rag.parsers.embedded import MAX_BYTES, MAX_FILES, container, include_file
from rag.parsers.zip_limits import open_zip
from rag.types import ParsedDocument

MEDIA_TYPE = "application/zip"

_NAMED = 5  # files that a warning names
_JUNK = ("__MACOSX/", ".")


def parse(path: Path) -> ParsedDocument:
    """Parses an archive. Raises ReadError where it is broken, protected or a bomb, SkippedError without any text."""
    builder = DocumentBuilder(title=path.stem, media_type=MEDIA_TYPE)
    unread: list[str] = []
    with open_zip(path) as archive, container():
        members = sorted((member for member in archive.infolist() if _is_file(member)), key=lambda one: one.filename)
        for member in members:
            within = member.file_size <= MAX_BYTES
            if not within or not include_file(builder, member.filename, archive.read(member), 1):
                unread.append(member.filename)
    if unread and len(unread) == len(members):
        raise SkippedError("None of the files in the archive could be read.", "Unpack it, and add what you need.")
    if unread:
        named = ", ".join(unread[:_NAMED]) + (", …" if len(unread) > _NAMED else "")
        limits = f" More than {MAX_FILES} files or {MAX_BYTES // 1_000_000} MB are not read." if _over(members) else ""
        builder.warn(f"{len(unread)} of {len(members)} files in the archive were not read: {named}.{limits}")
    return builder.build()


def _is_file(member: zipfile.ZipInfo) -> bool:
    name = member.filename
    return not member.is_dir() and not name.startswith(_JUNK) and not name.rpartition("/")[2].startswith((".", "~$"))


def _over(members: list[zipfile.ZipInfo]) -> bool:
    return len(members) > MAX_FILES or sum(member.file_size for member in members) > MAX_BYTES
