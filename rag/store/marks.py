"""Writes down where in its file each stretch of a document's text stands; ``Library.locate`` reads it."""

import json
from collections.abc import Sequence

from rag.types import Block, Place


def marks_of(blocks: Sequence[Block]) -> str:
    """Returns in JSON the start and the place of every block that stands elsewhere than the one before it."""
    marks: list[tuple[int, int | None, float | None, str | None]] = []
    for block in blocks:
        place = Place(block.page, block.start_s, block.page_label)
        if not marks or place != marks[-1][1:]:
            marks.append((block.start, *place))
    return json.dumps(marks, separators=(",", ":"))
