"""Keeps to what can be a duty, where a question asks what somebody has to do: a row of a list of members names the
person and says nothing of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.answer.evidence import Candidate
from rag.answer.rows import Row
from rag.types import Query

_TASKS = r"tasks?|action items?|actions?|to-?dos?|duties"  # a job is a profession, too
_WHO = r"(?!(?:i|we|you|one)\b).{1,40}?"  # who asks what to do is told by any row of instructions
_ASKS = re.compile(
    rf"^\W*(?:and )?what (?:(?:do|does|did) (?P<needs>{_WHO}) (?:have|need) to do"
    rf"|(?:must|should|shall|will) (?P<bound>{_WHO}) do"
    rf"|(?:is|are|was|were) (?P<told>{_WHO}) (?:supposed|asked|meant|expected|going) to do"
    rf"|(?:is|are|was|were) (?P<owner>{_WHO})[’']s? (?:{_TASKS}))\b(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)
_SAYS_DUTY = re.compile(
    r"\b(?:tasks?|actions?|to-?dos?|to do|what|dut(?:y|ies)|jobs?|work|chores?|assignments?|activit(?:y|ies)|steps?|"
    r"responsib\w*|measures?|next|agreed|decisions?|description|details|topic|item|notes?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class AskedDuty:
    """``who`` has to do what a question asks for; ``rest`` is what it says behind that ("... by Friday?")."""

    who: str
    rest: str


def asked_duty(question: str) -> AskedDuty | None:
    """Whose duty a question asks for; None for other questions."""
    asked = _ASKS.match(question)
    if asked is None:
        return None
    who = next(asked[group] for group in ("needs", "bound", "told", "owner") if asked[group])
    return AskedDuty(who.strip(), asked["rest"].strip(" ?!."))


def with_asked_duty(query: Query, ranked: Sequence[Candidate]) -> list[Candidate]:
    """Returns the sentences, and the rows that may hold a duty by the names of their columns; all of them where no duty
    is asked for."""
    asked = asked_duty(query.text)
    if asked is None or asked.rest:
        return list(ranked)
    return [one for one in ranked if one.row is None or _may_hold_duty(one.row)]


def _may_hold_duty(row: Row) -> bool:
    names = row.table.columns
    return not any(names) or _SAYS_DUTY.search(" ".join(names)) is not None
