"""When Docent says "not in your documents": the sentences it says, the least probability of an answer, and how it is
recognised that a model refuses.

The built-in models refuse by probability (``least_confidence``), and quote the nearest passage as such where an answer
is likelier than not and often wrong (``is_clear``). A larger model is asked in its prompt to reply with
``NOT_FOUND``; ``refuses`` recognises that it did, in these or other words.
"""

import math
import re
from collections.abc import Sequence

from rag.answer.evidence_weights import evidence_weights
from rag.text.language import language_of

NOT_FOUND = "I could not find this in your documents."
NEAREST = "I found no clear answer. The nearest passage says:"
_IN_GERMAN = {
    NOT_FOUND: "Das habe ich in Ihren Dokumenten nicht gefunden.",
    NEAREST: "Eine klare Antwort habe ich nicht gefunden. Die nächstliegende Stelle sagt:",
}

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


def is_clear(confidence: float, *, foreign: bool = False) -> bool:
    """Returns whether a quote that is not refused is an answer; else it is shown as what stands nearest.

    ``foreign``: it was read in another language than English, or the question is in one.
    """
    odds = math.log(max(confidence, 1e-6) / max(1.0 - confidence, 1e-6))
    return odds >= evidence_weights().stated["foreign" if foreign else "english"]


def refusal(question: str, unknown: Sequence[str] = ()) -> str:
    """What is said where nothing is quoted. ``unknown`` are names that stand nowhere."""
    if not unknown:
        return in_language_of(question, NOT_FOUND)
    if language_of(question) == "de":
        return f"{_IN_GERMAN[NOT_FOUND]} Nichts in ihnen handelt von {' oder '.join(unknown)}."
    return f"{NOT_FOUND} Nothing in them is about {' or '.join(unknown)}."


def in_language_of(question: str, said: str) -> str:
    """``NOT_FOUND`` or ``NEAREST`` in German where the question is German."""
    return _IN_GERMAN[said] if language_of(question) == "de" else said


def shows_nearest(text: str) -> bool:
    """Returns whether an answer's text begins with ``NEAREST``, in either language."""
    return text.startswith((NEAREST, _IN_GERMAN[NEAREST]))


def refuses(sentence: str) -> bool:
    """Returns whether a model says in ``sentence`` that the passages do not hold the answer."""
    return _REFUSAL.search(sentence) is not None
