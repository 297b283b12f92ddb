"""Writes down where in its file each stretch of a document's text stands, and what it is, and finds places in it.

``rag.store.rows`` reads what is written here.
"""

import json
from bisect import bisect_right
from collections.abc import Sequence

from rag.types import Block, ParsedDocument, Place


def marks_of(blocks: Sequence[Block]) -> str:
    """Returns in JSON the start and the place of every block that stands elsewhere than the one before it."""
    marks: list[tuple[int, int | None, float | None, str | None]] = []
    for block in blocks:
        place = Place(block.page, block.start_s, block.page_label)
        if not marks or place != marks[-1][1:]:
            marks.append((block.start, *place))
    return json.dumps(marks, separators=(",", ":"))


def blocks_of(blocks: Sequence[Block]) -> str:
    """Returns in JSON start, end, kind, level and label of every block that is more than a paragraph or a table."""
    told = [
        (block.start, block.end, block.kind, block.level, *([block.label] if block.label else []))
        for block in blocks
        if block.kind not in ("paragraph", "table")
    ]
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def pages_of(document: ParsedDocument) -> int | None:
    """Returns how many pages, slides or sheets a document has: what its parser counted, or else the last one on which
    something stands. None for one without."""
    counted = document.metadata.get("pages", "")
    last = max((block.page for block in document.blocks if block.page is not None), default=None)
    return int(counted) if counted.isdecimal() else last


def place_at(places: Sequence[tuple[int, Place]], start: int) -> Place:
    """Where in its file a character position stands, by the positions at which each place begins, in order."""
    index = bisect_right(places, start, key=lambda mark: mark[0]) - 1
    return places[index][1] if index >= 0 else Place()


def page_spans(places: Sequence[tuple[int, Place]], page: int) -> list[tuple[int, int | None]]:
    """Where in the text a page stands; None where it goes on to the end."""
    ends = [*(start for start, _ in places[1:]), None]
    return [(start, end) for (start, place), end in zip(places, ends, strict=False) if place.page == page]
