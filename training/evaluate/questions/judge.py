"""Tells whether an answer is right: whether its text holds the values, or whether it was rightly refused."""

import re
from dataclasses import dataclass

from rag.text.markers import strip_markers
from training.evaluate.questions.questions import REFUSED, Question

_GROUPED = re.compile(r"(?<=\d)[,'’\u00a0\u202f](?=\d{3}(?!\d))")
_LAST_ZEROS = re.compile(r"(\d\.\d*?)0+(?!\d)")
_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "‑": "-", "\u00ad": None})
_OPPOSITE = {"yes": "no", "no": "yes"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """``right`` is 1.0 or 0.0, and the share of the facts in a summary. ``found``: an answer was given."""

    question: Question
    answer: str
    found: bool
    right: float

    @property
    def is_false(self) -> bool:
        """Whether something was said, and nothing of it is right."""
        return self.found and self.right == 0.0


def judged(question: Question, answer: str, found: bool) -> Outcome:
    """The answer as it is shown, with its marks or without."""
    said = plain(strip_markers(answer))
    if question.kind in REFUSED:
        right = float(not found)
    elif not found:
        right = 0.0
    elif question.kind == "yes-no":
        right = float(_says(question, said))
    else:
        held = [any(holds(said, value) for value in ways) for ways in question.values]
        right = sum(held) / len(held) if question.kind == "summary" else float(all(held))
    return Outcome(question, answer, found, right)


def _says(question: Question, said: str) -> bool:
    """Whether an answer says yes or no as it should, or holds the words that show it without saying the opposite."""
    (verdict,), *shown = question.values
    if re.match(rf"\W*{verdict}\b", said):
        return True
    contradicts = re.match(rf"\W*{_OPPOSITE[verdict]}\b", said) is not None
    return not contradicts and any(holds(said, value) for ways in shown for value in ways)


def plain(text: str) -> str:
    """Text as it is compared: without case, line breaks, grouping of thousands and zeros that end a fraction."""
    text = _GROUPED.sub("", " ".join(text.translate(_PLAIN).casefold().split()))
    return _LAST_ZEROS.sub(lambda found: found[1].rstrip("."), text)


def holds(said: str, value: str) -> bool:
    """Whether plain text holds a value as a word or number of its own."""
    wanted = re.escape(plain(value))
    return re.search(rf"(?<!\w)(?<!\d[.,:]){wanted}(?!\w)(?![.,:]\d)", said) is not None
