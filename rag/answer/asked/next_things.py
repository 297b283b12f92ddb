"""Keeps to the next thing of the kind that is asked for: "next meeting: 14 December" is not about the next concert."""

import re
from collections.abc import Sequence

from rag.answer.evidence import Candidate
from rag.text.stop_words import STOP_WORDS
from rag.text.words import match, stem, stems
from rag.types import Query

_TURN = re.compile(r"\b(?P<turn>next|last|upcoming) (?P<words>[^\W\d_]+(?: [^\W\d_]+){0,2})", re.IGNORECASE)
_TIMES = frozenset(stems("year month week day time season term summer winter spring autumn night morning one"))


def about_next_thing(query: Query, ranked: Sequence[Candidate]) -> list[Candidate]:
    """Returns the sentences without those that say only of another kind of thing which one comes next, or was last."""
    asked = _of(query.text)
    if not asked:
        return list(ranked)
    return [one for one in ranked if not _is_of_another(asked, _of(one.text))]


def _of(text: str) -> dict[str, list[str]]:
    """The stems of the words behind "next" and "last"; without times, which are next year's of anything."""
    found: dict[str, list[str]] = {}
    for turn in _TURN.finditer(text):
        words = [word.casefold() for word in turn["words"].split()]
        things = [stem(word) for word in words if word not in STOP_WORDS]
        if things and things[0] not in _TIMES:
            found.setdefault(turn["turn"].casefold(), []).extend(things)
    return found


def _is_of_another(asked: dict[str, list[str]], said: dict[str, list[str]]) -> bool:
    return any(
        turn in said and not any(match(thing, frozenset(said[turn])) > 0 for thing in things)
        for turn, things in asked.items()
    )
