"""When Docent says "not in your documents": the sentence it says, the least probability of an answer, and how it is
recognised that a model refuses.

The built-in models refuse by probability (``least_confidence``). A larger model is asked in its prompt to reply with
``NOT_FOUND``; ``refuses`` recognises that it did, in these or other words.
"""

import re

from rag.answer.evidence_weights import evidence_weights

NOT_FOUND = "I could not find this in your documents."

_REFUSAL = re.compile(
    r"\b(?:could not|couldn't|cannot|can't|can not|unable to|did not|didn't) (?:be )?f(?:i|ou)nd\b"
    r"|\bnot (?:in|found in|contained in|mentioned in) (?:your|the|these) (?:documents?|passages?)"
    r"|\b(?:documents?|passages?|context|text)\b.{0,40}\b(?:do not|does not|don't|doesn't) "
    r"(?:hold|contain|mention|say|state|provide|include|specify|give|answer|discuss|have)"
    r"|\bno (?:information|mention)\b|\bi (?:do not|don't) know\b"
    r"|\bnicht in (?:ihren|den|deinen) (?:dokumenten|texten)|\bkeine (?:information|angabe)"
    r"|\bkonnte .{0,40}nicht finden",
    re.IGNORECASE,
)


def least_confidence(*, was_read: bool, setting: float | None = None) -> float:
    """Returns the probability below which an answer is refused.

    ``setting`` is ``answer.min_confidence``. Without it the thresholds of ``evidence.json`` hold, a lower one where a
    reader was asked (``was_read``).
    """
    if setting is not None:
        return setting
    weights = evidence_weights()
    return weights.min_confidence_read if was_read else weights.min_confidence


def refuses(sentence: str) -> bool:
    """Returns whether a model says in ``sentence`` that the passages do not hold the answer."""
    return _REFUSAL.search(sentence) is not None
