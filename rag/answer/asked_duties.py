"""Keeps to what can be a duty, where a question asks what somebody has to do: a row of a list of members names the
person and says nothing of it."""

import re
from collections.abc import Sequence

from rag.answer.evidence import Candidate
from rag.answer.rows import Row
from rag.types import Query

_WHO = r"(?!(?:i|we|you|one)\b).{1,40}"  # who asks what to do is told by any row of instructions
_ASKS = re.compile(
    rf"^\W*(?:and )?what (?:(?:do|does|did) {_WHO} (?:have|need) to do|(?:must|should|shall) {_WHO} do"
    rf"|(?:is|are|was|were) {_WHO} (?:supposed|asked|meant|expected) to do)\W*$",
    re.IGNORECASE,
)
_SAYS_DUTY = re.compile(
    r"\b(?:tasks?|actions?|to-?dos?|to do|what|dut(?:y|ies)|jobs?|work|chores?|assignments?|activit(?:y|ies)|steps?|"
    r"responsib\w*|measures?|next|agreed|decisions?|description|details|topic|item|notes?)\b",
    re.IGNORECASE,
)


def with_asked_duty(query: Query, ranked: Sequence[Candidate]) -> list[Candidate]:
    """Returns the sentences, and the rows that may hold a duty by the names of their columns; all of them where no duty
    is asked for."""
    if _ASKS.match(query.text) is None:
        return list(ranked)
    return [one for one in ranked if one.row is None or _may_hold_duty(one.row)]


def _may_hold_duty(row: Row) -> bool:
    names = row.table.columns
    return not any(names) or _SAYS_DUTY.search(" ".join(names)) is not None
