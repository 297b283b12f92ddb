"""Finds folders that were renamed or moved as a whole, by the documents that moved with them."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path


def renamed_folders(
    folders: Iterable[str], moved: Sequence[tuple[str, str]], stayed: Sequence[str] = ()
) -> dict[str, str]:
    """Maps each of ``folders`` that was renamed to where it is now.

    ``moved`` are documents, (path before, path now), ``stayed`` the paths of those that did not move. A folder was
    renamed when it is no longer there and most of its documents that moved lie at the same place below another folder,
    which is not above it and holds nothing that was there before.
    """
    found = {}
    for folder in folders:
        stem = _stem(folder)
        inside = [(before[len(stem) - 1 :], now) for before, now in moved if before.startswith(stem)]
        if not inside or Path(folder).exists():
            continue
        places = Counter(now.removesuffix(rest) for rest, now in inside if now.endswith(rest))
        for place, count in places.most_common(1):
            is_new = not stem.startswith(_stem(place)) and not any(path.startswith(_stem(place)) for path in stayed)
            if 2 * count > len(inside) and is_new:
                found[folder] = place
    return found


def _stem(folder: str) -> str:
    return folder.rstrip(os.sep) + os.sep
