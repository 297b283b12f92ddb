"""Tells who holds a position by the lines of a signature or a letter's head: the name stands above the position.

"Desmond Pryce / Deputy head teacher / Direct line 555 0168": no sentence says it, and the position alone is no answer.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rag.answer.operators.worked import Source, Statement, Worked
from rag.text.stop_words import STOP_WORDS
from rag.text.words import stems
from rag.types import Passage, Query

_ASKS = re.compile(r"^\W*(?:and )?who(?:'s|’s| is| was)\b", re.IGNORECASE)
_NAME = re.compile(r"(?:[^\W\d_]{1,4}\. ?)*(?:[^\W\d_a-zß-ÿ][\w'’.-]+ ?){2,4}")
_LONGEST = 80  # characters of a line


def find_holder(query: Query, passages: Sequence[Passage]) -> Worked | None:
    """The name above a line that says just the position that is asked for; None for other questions, and where names
    differ."""
    if _ASKS.match(query.text) is None or query.kind != "person":
        return None
    wanted = frozenset(query.rarity)
    found: dict[str, Statement] = {}
    for passage in passages:
        for above, line in pairwise(_lines(passage.text)):
            name = passage.text[slice(*above)]
            position = frozenset(stems(passage.text[slice(*line)])) - STOP_WORDS
            if position == wanted and above[1] + 1 == line[0] and _NAME.fullmatch(name):
                sources = tuple(Source(passage, *span) for span in (above, line))
                text = f"{name}, {passage.text[slice(*line)]}."
                found.setdefault(name, Statement(text, sources, sources[0]))
    return Worked(tuple(found.values()), 1.0) if len(found) == 1 else None


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """The lines that are as short as those of a signature, without the white space around them."""
    for line in re.finditer(r"[^\n]+", text):
        bare = line[0].strip()
        if bare and len(bare) <= _LONGEST:
            start = line.start() + line[0].index(bare[0])
            yield start, start + len(bare)
