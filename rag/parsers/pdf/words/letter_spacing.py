"""Puts words together again that were set with space between their letters: "H A R B O U R   D U E S"."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from rag.parsers.pdf.page.placement import Word

_RUN = 4
"""Letters on their own, one after the other, from which on they are taken for a spaced word."""
_FAR = 1.2
"""Heights of a line; letters further apart are cells of a table."""
_BETWEEN_WORDS = 1.6
"""Times the gap between letters."""


def closed_up(words: list[Word]) -> list[Word]:
    """Returns the words of a page with runs of single letters made into the words that they spell."""
    if sum(len(word[0]) == 1 and word[0].isalpha() for word in words) < _RUN:
        return words
    closed: list[Word] = []
    run: list[Word] = []
    for word in words:
        if run and not _goes_on(run[-1], word):
            closed.extend(_spelled(run))
            run = []
        if len(word[0]) == 1 and (word[0].isalnum() or run):
            run.append(word)
        else:
            if run:
                closed.extend(_spelled(run))
                run = []
            closed.append(word)
    return closed + _spelled(run)


def _goes_on(one: Word, other: Word) -> bool:
    height = max(one[4] - one[2], other[4] - other[2])
    level = abs(one[2] + one[4] - other[2] - other[4]) < 0.5 * height
    return level and not other[6] and -0.2 * height < other[1] - one[3] < 3 * height


def _spelled(run: Sequence[Word]) -> list[Word]:
    if len(run) < _RUN or sum(word[0].isalpha() for word in run) < _RUN or _counts_on(run):
        return list(run)
    gaps = [other[1] - one[3] for one, other in pairwise(run)]
    between = sorted(gaps)[len(gaps) // 3]
    height = median(word[4] - word[2] for word in run)
    if between > _FAR * height:
        return list(run)
    limit = max(_BETWEEN_WORDS * between, between + 0.12 * height)
    parts: list[list[Word]] = [[run[0]]]
    for gap, word in zip(gaps, run[1:], strict=True):
        if gap > limit:
            parts.append([word])
        else:
            parts[-1].append(word)
    return [_joined(part) for part in parts]


def _counts_on(run: Sequence[Word]) -> bool:
    """Tells whether the letters are labels that follow the alphabet: A B C D."""
    return all(ord(other[0]) - ord(one[0]) == 1 for one, other in pairwise(run))


def _joined(part: Sequence[Word]) -> Word:
    return (
        "".join(word[0] for word in part),
        min(word[1] for word in part),
        min(word[2] for word in part),
        max(word[3] for word in part),
        max(word[4] for word in part),
        part[0][5],
        part[0][6],
    )
