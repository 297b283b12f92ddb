"""SQuAD's answer metrics: exact match and token F1 after normalisation."""

import re
import string
from collections import Counter
from collections.abc import Iterable

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = set(string.punctuation)


def normalise(text: str) -> str:
    text = "".join(c for c in text.lower() if c not in _PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", text).split())


def exact_match(prediction: str, answers: Iterable[str]) -> float:
    return float(any(normalise(prediction) == normalise(a) for a in answers))


def f1(prediction: str, answers: Iterable[str]) -> float:
    return max((_f1(normalise(prediction).split(), normalise(a).split()) for a in answers), default=0.0)


def _f1(predicted: list[str], answer: list[str]) -> float:
    if not predicted or not answer:
        return float(predicted == answer)
    common = sum((Counter(predicted) & Counter(answer)).values())
    return 2 * common / (len(predicted) + len(answer)) if common else 0.0
