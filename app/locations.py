"""Locations as the library keeps them: absolute paths, and URLs in one spelling."""

import os
from pathlib import Path

from rag.errors import SourceError


def normal(location: str) -> str:
    """A location as the library keeps it, also when it is gone from the disk."""
    from rag.ingest.sources.locations import normal_location

    try:
        return normal_location(location)[1]
    except SourceError:
        return location if "://" in location else absolute(location)


def at_home(path: str | Path) -> Path:
    """The path with the person's own folder for ``~``. That of a person who is not there stays as it is typed."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - that of Path fails for such a person


def absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - as rag.ingest.sources.locations does
