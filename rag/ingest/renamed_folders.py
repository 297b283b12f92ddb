"""Finds folders that were renamed or moved as a whole, by the documents that moved with them."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path


def renamed_folders(folders: Iterable[str], moved: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Maps each of ``folders`` that was renamed to where it is now.

    ``moved`` are documents, (path before, path now). A folder was renamed when it is no longer there and one of its
    documents lies at the same place below another folder.
    """
    found = {}
    for folder in folders:
        stem = folder.rstrip(os.sep) + os.sep
        inside = [(before[len(stem) - 1 :], now) for before, now in moved if before.startswith(stem)]
        if not inside or Path(folder).exists():
            continue
        place = next((now.removesuffix(rest) for rest, now in inside if now.endswith(rest)), None)
        if place:
            found[folder] = place
    return found
