"""Reads files that lie inside another one (attachments of mail, members of an archive) as sections of it.

A file that no parser takes is named by the caller, not read. Depth, count and size are limited, so that containers
within containers end.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path, PurePosixPath

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder, one_line

MAX_FILES = 300
MAX_BYTES = 100_000_000
_MAX_DEPTH = 3
_SUFFIX_CHARS = 12


class _Budget:
    """What may still be read below one file."""

    def __init__(self) -> None:
        self.files = MAX_FILES
        self.bytes = MAX_BYTES
        self.depth = 0

    def take(self, size: int) -> bool:
        """Takes one file of ``size`` bytes; false where that is too much."""
        if self.depth >= _MAX_DEPTH or self.files < 1 or size > self.bytes:
            return False
        self.files -= 1
        self.bytes -= size
        return True

    @contextmanager
    def below(self) -> Iterator[None]:
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1


_BUDGET: ContextVar[_Budget | None] = ContextVar("budget", default=None)


@contextmanager
def container() -> Iterator[None]:
    """Holds the limits of one container; a container within it shares them."""
    if _BUDGET.get() is not None:
        yield
        return
    token = _BUDGET.set(_Budget())
    try:
        yield
    finally:
        _BUDGET.reset(token)


def include_file(builder: DocumentBuilder, name: str, data: bytes, level: int) -> bool:
    """Adds what a file holds below a heading with its name; false where it was not read. Needs ``container``."""
    from rag.parsers.registry import parse  # it imports the parsers of containers

    budget = _BUDGET.get()
    assert budget is not None, "called within container()"
    if not data or not budget.take(len(data)):
        return False
    shown = PurePosixPath(name.replace("\\", "/"))
    with tempfile.TemporaryDirectory(prefix="docent-") as folder, budget.below():
        path = Path(folder, f"file{shown.suffix[:_SUFFIX_CHARS]}")
        try:
            path.write_bytes(data)
            document = parse(path)
        except (ReadError, RecursionError):
            return False
    builder.heading(one_line(name), level)
    builder.include(document, level)
    for warning in document.warnings:
        builder.warn(f"{one_line(shown.name)}: {warning}")
    return True
