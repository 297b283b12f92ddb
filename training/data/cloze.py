"""Makes cloze questions: a span that recurs in two passages of an article is blanked in one and found in the other.

The sentence around one occurrence, with the span replaced by BLANK, is the question; another passage that shares words
with that sentence and holds the span is the answering passage; passages of the article without the span are negatives.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from training.data.corpus import Section, sentences
from training.data.search import STOP

BLANK = "\u2581"
_NAME = re.compile(
    r"\b[A-Z][\w'\u2019-]+(?:\s+(?:(?:of|the|de|von|van|and|for)\s+){0,2}[A-Z][\w'\u2019-]+){0,4}|"
    r"\b\d[\d,.]*\d?(?:\s+(?:million|billion|percent|years?|km|miles|people|[A-Z][a-z]+(?:\s+\d{4})?))?"
)
_WORD = re.compile(r"[\w'\u2019-]+")


@dataclass(frozen=True, slots=True)
class Cloze:
    question: str  # one BLANK in it
    answer: str
    section: int  # of the answering passage
    places: tuple[int, ...]  # characters in its text where the answer starts
    negatives: tuple[int, ...]


def _content(text: str) -> set[str]:
    return {w for w in (m.group().lower() for m in _WORD.finditer(text)) if len(w) > 2 and w not in STOP}


def _phrases(text: str) -> set[str]:
    """Returns the word n-grams of 3 and 4 that neither start nor end with a stop word and cross no punctuation."""
    words = list(_WORD.finditer(text))
    out = set()
    for n in (3, 4):
        for i in range(len(words) - n + 1):
            first, last = words[i], words[i + n - 1]
            piece = text[first.start() : last.end()]
            if len(piece.split()) == n and first.group().lower() not in STOP and last.group().lower() not in STOP:
                out.add(piece)
    return {p for p in out if not re.search(r"[.,;:()\"]", p)}


def _candidates(sections: Sequence[Section], title: str) -> dict[str, list[int]]:
    """Maps each span to the sections that hold it; spans of one section are left out."""
    where: dict[str, set[int]] = {}
    for i, s in enumerate(sections):
        spans = {m.group().rstrip(".,") for m in _NAME.finditer(s.text)} | _phrases(s.text)
        for span in spans:
            where.setdefault(span, set()).add(i)
    lowered = title.lower()
    return {
        span: sorted(at)
        for span, at in where.items()
        if 2 <= len(at) <= 8 and 2 <= len(span) <= 60 and span.lower() not in lowered and span.lower() not in STOP
    }


def _places(text: str, span: str) -> tuple[int, ...]:
    return tuple(m.start() for m in re.finditer(rf"(?<!\w){re.escape(span)}(?!\w)", text))


def cloze_questions(title: str, sections: Sequence[Section], rng: random.Random, most: int = 30) -> list[Cloze]:
    if len(sections) < 3:
        return []
    candidates = _candidates(sections, title)
    spans = sorted(candidates)
    rng.shuffle(spans)
    spans.sort(key=lambda s: -min(len(s.split()), 3))  # phrases and full names before single words
    head = spans[: most // 3]
    rest = spans[most // 3 :]
    rng.shuffle(rest)
    words = [_content(s.text) for s in sections]
    out: list[Cloze] = []
    for span in head + rest:
        if len(out) >= most:
            break
        at = candidates[span]
        source = rng.choice(at)
        holding = [s for s in sentences(sections[source].text) if _places(s, span)]
        if not holding:
            continue
        sentence = rng.choice(holding)
        if not 8 <= len(sentence.split()) <= 45:
            continue
        first = _places(sentence, span)[0]
        question = sentence[:first] + BLANK + sentence[first + len(span) :]
        if _places(question, span):
            continue
        asked = _content(question)
        target = max((s for s in at if s != source), key=lambda s: len(asked & words[s]))
        shared = len(asked & words[target])
        if shared < 2 or shared > 0.7 * len(asked):  # too little to go on, or the same sentence again
            continue
        places = _places(sections[target].text, span)
        if not places:
            continue
        others = [i for i in range(len(sections)) if span not in sections[i].text and i != source]
        others.sort(key=lambda i: -len(asked & words[i]))
        out.append(Cloze(question, span, target, places[:4], tuple(others[:6])))
    return out
