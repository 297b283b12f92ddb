"""Reads the small files of a model folder, which may come from strangers: nothing but files, of a bounded size."""

import json
from pathlib import Path
from typing import Any

from docent import cause_of
from engines.errors import CheckpointError

MOST_BYTES = 256 << 20  # tokenizers of large vocabularies take 40 MB
_REMEDY = "Download it again."


def checked_file(path: Path) -> Path:
    """The same path, of a file that can be read whole. Raises CheckpointError for a pipe, a device or a huge file."""
    try:
        size = path.stat().st_size if path.is_file() else None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {cause_of(error)}.", _REMEDY) from error
    if size is None:
        raise CheckpointError(f"{path} is no file.", _REMEDY)
    if size > MOST_BYTES:
        raise CheckpointError(f"{path} has {size / 1e6:,.0f} MB, which no such file has.", _REMEDY)
    return path


def read_text(path: Path) -> str:
    """Raises CheckpointError."""
    try:
        return checked_file(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {cause_of(error)}.", _REMEDY) from error


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object. Raises CheckpointError that names the file and what is wrong with it."""
    try:
        content = json.loads(read_text(path))
    except ValueError as error:
        raise CheckpointError(f"{path} cannot be read: {error}.", _REMEDY) from error
    except RecursionError:
        raise CheckpointError(f"{path} is nested too deeply.", _REMEDY) from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds no JSON object.", _REMEDY)
    return content
