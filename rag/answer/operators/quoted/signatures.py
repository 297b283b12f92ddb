"""Tells who holds a position by the lines of a signature or a letter's head: the name stands above the position.

"Desmond Pryce / Deputy head teacher / Direct line 555 0168": no sentence says it, and the position alone is no answer.
A mail that is signed with a first name says whose it is in its head.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rag.answer.above import above
from rag.answer.operators.worked import Source, Statement, Worked
from rag.text.stop_words import STOP_WORDS
from rag.text.words import stems
from rag.types import Passage, Query

_ASKS = re.compile(r"^\W*(?:and )?who(?:'s|’s| is| was)\b", re.IGNORECASE)
_NAME = re.compile(r"(?:[^\W\d_]{1,4}\. ?)*(?:[^\W\d_a-zß-ÿ][\w'’.-]+ ?){2,4}")
_FIRST_NAME = re.compile(r"[^\W\d_a-zß-ÿ][\w'’-]+")
_FROM = re.compile(r"^From: [\"']?(?P<name>[^\s<\"'][^\n<\"']*?)[\"']? *(?:<|$)", re.MULTILINE)
_LONGEST = 80  # characters of a line


def find_holder(query: Query, passages: Sequence[Passage]) -> Worked | None:
    """The name above a line that says just the position that is asked for; None for other questions, and where names
    differ."""
    if _ASKS.match(query.text) is None or query.kind != "person":
        return None
    wanted = frozenset(query.rarity)
    found: dict[str, Statement] = {}
    for passage in passages:
        around = frozenset(stems(above(passage)))  # "the director of the museum"
        for before, line in pairwise(_lines(passage.text)):
            position = frozenset(stems(passage.text[slice(*line)])) - STOP_WORDS
            if not position <= wanted or not wanted - position <= around or position <= around or not position:
                continue
            name = _full_name(passage.text, passage.text[slice(*before)])
            if before[1] + 1 == line[0] and name is not None:
                sources = tuple(Source(passage, *span) for span in (before, line))
                text = f"{name}, {passage.text[slice(*line)]}."
                found.setdefault(name, Statement(text, sources, sources[0]))
    return Worked(tuple(found.values()), 1.0) if len(found) == 1 else None


def _full_name(text: str, line: str) -> str | None:
    """The name that a line is, as the sender writes it where the line has only the first of it; None for no name."""
    if _NAME.fullmatch(line):
        return line
    sender = _FROM.search(text)
    is_first = sender is not None and _FIRST_NAME.fullmatch(line) and sender["name"].split()[0] == line
    return sender["name"] if sender is not None and is_first else None


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """The lines that are as short as those of a signature, without the white space around them."""
    for line in re.finditer(r"[^\n]+", text):
        bare = line[0].strip()
        if bare and len(bare) <= _LONGEST:
            start = line.start() + line[0].index(bare[0])
            yield start, start + len(bare)
