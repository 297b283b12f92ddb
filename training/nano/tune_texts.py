"""Makes title and summary lessons for docent-nano: short names of conversations, two sentences of a passage."""

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from rag.types import Turn
from training.data.corpus import Section, sentences
from training.data.grammar import Word, tagged
from training.nano.prompts import SUMMARY_TOKENS, summary_prompt, title_prompt
from training.nano.tasks import CHARS_A_TOKEN, Example, render
from training.nano.tune_answers import Asked, content

_LONGEST_TITLE = 7  # words
_WEAK = frozenset(
    {"name", "number", "type", "kind", "part", "term", "thing", "way", "reason", "amount", "people", "time"}
)
_ASKING = re.compile(r"(?i)^(?:what|which|who|whom|whose|when|where|why|how)\b")


def noun_phrases(question: str) -> list[list[Word]]:
    """Returns nouns with their adjectives, joined by 'of', 'in', 'for' and the like."""
    words = [w for w in tagged(question.rstrip("?. ")) if w.text]
    phrases: list[list[Word]] = []
    current: list[Word] = []

    def close() -> None:
        while current and not current[-1].tag.startswith(("NN", "NP", "CRD")):
            current.pop()
        if any(w.tag.startswith(("NN", "NP")) for w in current):
            phrases.append(list(current))
        current.clear()

    for i, w in enumerate(words):
        noun = w.tag.startswith(("NN", "NP", "AJ0", "CRD", "ORD")) and not _ASKING.match(w.text)
        link = (
            bool(current) and i + 1 < len(words) and (w.tag in ("PRF",) or w.text.lower() in ("of", "in", "for", "and"))
        )
        article = bool(current) and w.tag in ("AT0", "DPS") and current[-1].text.lower() in ("of", "in", "for")
        if noun or link or article:
            current.append(w)
        else:
            close()
    close()
    return phrases


def named(phrase: Sequence[Word]) -> bool:
    return any(w.tag.startswith("NP") or w.text[0].isupper() for w in phrase)


def title_for(question: str, subject: str) -> str | None:
    """Returns a few words that say what a question is about, with the document's subject where it names nothing
    itself."""
    phrases = [p for p in noun_phrases(question) if len(p) <= _LONGEST_TITLE]
    phrases = [p for p in phrases if len(p) > 1 or p[0].text.lower() not in _WEAK]
    if not phrases:
        return None
    best = max(phrases, key=lambda p: (named(p), min(len(p), 5)))
    text = " ".join(w.text for w in best)
    has_name = named(best)
    if not has_name:
        rest = max((p for p in phrases if p is not best), key=len, default=None)
        if subject.lower() not in text.lower() and len(subject.split()) <= 4:
            text = f"{subject}: {text}"
        elif rest:
            text = f"{text}, {' '.join(w.text for w in rest)}"
    elif len(best) == 1:
        other = max((p for p in phrases if p is not best and not named(p)), key=len, default=None)
        if other and len(other) <= 4:
            text = f"{text}: {' '.join(w.text for w in other)}"
    text = re.sub(r" (['’]s?)\b", r"\1", text)
    if not 1 < len(text.split()) <= 9 and len(text) < 8:
        return None
    return text[0].upper() + text[1:]


def title_examples(known: Sequence[Asked], subject: str, most: int, rng: random.Random) -> Iterator[Example]:
    for k in rng.sample(list(known), min(most, len(known))):
        title = title_for(k.question.text, subject)
        if title:
            yield Example("title", render(title_prompt(Turn(k.question.text, k.reply + "."))), title)


def two_sentences(text: str) -> str | None:
    """Returns the first sentence and the one that shares most words with the whole; None where they would not read
    alone."""
    parts = sentences(text)
    if len(parts) < 4:
        return None
    counts = Counter(w for p in parts for w in content(p))

    def weight(i: int) -> float:
        words = content(parts[i])
        return sum(counts[w] - 1 for w in words) / (len(words) + 4) if words else 0.0

    fits = [i for i in range(1, len(parts)) if 8 <= len(parts[i].split()) <= 36 and not _leans(parts[i])]
    if not fits or not 6 <= len(parts[0].split()) <= 40 or _leans(parts[0]):
        return None
    second = max(fits, key=weight)
    made = " ".join(_bare(parts[i]) for i in (0, second))
    if len(made) > SUMMARY_TOKENS * CHARS_A_TOKEN * 0.85 or not made.endswith("."):
        return None
    return made if made.count('"') % 2 == 0 and made.count("(") == made.count(")") else None


def _leans(sentence: str) -> bool:
    return (
        bool(
            re.match(
                r"(?:This|These|Those|That|However|But|And|Also|Then|Such|Another|Thus|Therefore|In addition|Moreover|"
                r"For example|Other|Both|Here|There|As a result|On the other hand|Instead)\b",
                sentence,
            )
        )
        or not sentence[0].isalnum()
    )


def _bare(sentence: str) -> str:
    return re.sub(r" \([^()]*\)", "", sentence).strip()


def summary_examples(title: str, sections: Sequence[Section], most: int, rng: random.Random) -> Iterator[Example]:
    made = 0
    for s in rng.sample(list(sections), len(sections)):
        summary = two_sentences(s.text)
        if summary:
            where = " > ".join(x for x in (title, s.heading) if x)
            yield Example("summary", render(summary_prompt(where, s.text)), summary)
            made += 1
        if made >= most:
            break
