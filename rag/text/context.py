"""Makes the line that says where a chunk stands: the document's label and the headings above it.

The line is put before a chunk's text for embedding, full-text search and reading, and is never shown or cited.
"""

import re
from collections.abc import Sequence
from pathlib import PurePath

MAX_LABEL = 80  # characters of one heading or table header
MAX_NEAREST_LABEL = 160  # characters of the last label above a chunk: the columns of a table may need them
_MAX_CONTEXT = 160  # characters of label and headings
_GAPS = re.compile(r"[_\s]+")


def context_of(title: str, heading_path: Sequence[str]) -> str:
    """Returns one line that says where a chunk stands.

    ``title`` is the document's title or, better, its ``document_label``.
    """
    parts: list[str] = []
    for index, part in enumerate((title, *heading_path)):
        label = shortened(part, MAX_NEAREST_LABEL if index and index == len(heading_path) else MAX_LABEL)
        if label and label not in parts:
            parts.append(label)
    while len(parts) > 2 and sum(map(len, parts)) > _MAX_CONTEXT:
        del parts[1]  # the title and the nearest heading say most
    return " > ".join(parts)


def document_label(path: str, title: str) -> str:
    """Returns what to call a document in a context: the file's name and its title, for people put the company, the year
    or the customer into either. ``path`` may be a URL, whose last part says nothing.
    """
    name = PurePath(path).stem.encode("utf-8", "replace").decode()  # a file name need not be valid Unicode
    stem = "" if "://" in path else _GAPS.sub(" ", name).strip()
    title = _GAPS.sub(" ", title).strip()
    if stem.casefold() in title.casefold():
        return title
    if not title or title.casefold() in stem.casefold():
        return stem
    return f"{stem}: {shortened(title)}"


def shortened(text: str, limit: int = MAX_LABEL) -> str:
    """Returns one heading on one line, cut to ``limit`` characters. Of a very long text the beginning alone is looked
    at."""
    beginning = text[: 50 * limit]
    label = " ".join(beginning.split())
    if len(label) <= limit and len(beginning) == len(text):
        return label
    return label[: limit - 1].rstrip() + "…"
