"""Ends a streamed answer that goes in circles, as small models do, before the repeated part is shown.

A statement that begins like an earlier one is held until it goes on differently; one that was made before ends the
text. So does a run of words that comes three times in a row within a statement.
"""

import re
from collections.abc import Iterable, Iterator

from rag.text.markers import strip_marks

_END = re.compile(r"(?<=[.!?…])(?:\s*\[\d+\])*\s+|\n+|(?<=[。！？])")
_OPEN_MARK = re.compile(r"\s*\[[\d, ]*$")  # of which the rest is still to come
_LEAST_WORDS = 4  # a shorter statement ("Yes.") may be made twice
_RUNS = 3
_LONGEST_RUN, _LEAST_RUN_WORDS = 12, 12  # words of one run, and of all runs together


def without_repetition(pieces: Iterable[str]) -> Iterator[str]:
    """The pieces up to where the text begins to repeat itself."""
    said: set[str] = set()
    pending, shown = "", 0  # the statement under way, and how much of it is out
    for piece in pieces:
        pending += piece
        out = ""
        while (found := _END.search(pending)) is not None and found.end() < len(pending):
            statement = _plain(pending[: found.end()])
            if statement in said:
                yield out
                return
            if len(statement.split()) >= _LEAST_WORDS:
                said.add(statement)
            out += pending[shown : found.end()]
            pending, shown = pending[found.end() :], 0
        if _circles(pending):
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
    words = text.split()[-_RUNS * _LONGEST_RUN :]
    for length in range(1, _LONGEST_RUN + 1):
        run = words[-length:]
        if length * _RUNS > len(words):
            return False
        repeats = max(_RUNS, -(-_LEAST_RUN_WORDS // length))
        if words[-length * repeats :] == run * repeats:
            return True
    return False
