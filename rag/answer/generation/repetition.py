"""Ends a streamed answer that goes in circles, as small models do, before the repeated part is shown.

A sentence that begins like an earlier one is held until it goes on differently; one that was said before ends the text.
So does a run of words that comes three times in a row. Lines without an end of a sentence, as in tables and code, may
stand there twice.
"""

import re
from collections.abc import Iterable, Iterator

from rag.answer.generation.thoughts import Piece
from rag.text.markers import strip_marks
from rag.types import ThoughtDelta

_END = re.compile(r"(?<=[.!?…])(?:\s*\[\d+\])*\s+|\n+|(?<=[。！？])")
_OPEN_MARK = re.compile(r"\s*\[[\d, ]*$")  # of which the rest is still to come
_SENTENCE_END = (".", "!", "?", "…", "。", "！", "？")
_LEAST_WORDS = 4  # a shorter sentence ("Yes.") may be said twice
_RUNS = 3
_LONGEST_RUN, _LEAST_RUN_WORDS = 12, 12  # words of one run, and of all runs together
_TAIL = 1000  # characters in which they are looked for


def without_repetition(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The pieces up to where the text begins to repeat itself. Thoughts may."""
    said: set[str] = set()
    pending, shown = "", 0  # the sentence or line under way, and how much of it is out
    tail = ""
    for piece in pieces:
        if isinstance(piece, ThoughtDelta):
            yield piece
            continue
        pending += piece
        tail = (tail + piece)[-_TAIL:]
        out = ""
        while (found := _END.search(pending)) is not None and found.end() < len(pending):
            sentence = _plain(pending[: found.end()])
            if sentence in said:
                yield out
                return
            if len(sentence.split()) >= _LEAST_WORDS and sentence.endswith(_SENTENCE_END):
                said.add(sentence)
            out += pending[shown : found.end()]
            pending, shown = pending[found.end() :], 0
        if _circles(tail):
            yield out
            return
        begun = _plain(pending)
        if shown or not any(earlier.startswith(begun) for earlier in said):
            out += pending[shown:]
            shown = len(pending)
        yield out
    if shown or _plain(pending) not in said:
        yield pending[shown:]


def _plain(text: str) -> str:
    return " ".join(_OPEN_MARK.sub("", strip_marks(text)).split()).casefold()


def _circles(text: str) -> bool:
    words = [word for word in text.split() if any(map(str.isalnum, word))][-_RUNS * _LONGEST_RUN :]
    for length in range(1, _LONGEST_RUN + 1):
        run = words[-length:]
        if length * _RUNS > len(words):
            return False
        repeats = max(_RUNS, -(-_LEAST_RUN_WORDS // length))
        if words[-length * repeats :] == run * repeats:
            return True
    return False
