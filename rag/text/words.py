"""Splits text into comparable words: folded, lightly stemmed, with a weight that says how rare a word is.

The question, the evidence and the citation check take their words from here, the index from ``index_terms`` beside it.
Scripts without spaces (Chinese, Japanese, Thai) become overlapping pairs of characters; numbers are taken by their
value. The weights are counted over English text and kept in ``common_words.txt``; a word not listed there is rare.
"""

import re
from collections.abc import Iterable, Iterator, Set
from functools import lru_cache
from pathlib import Path

from rag.text import numbers
from rag.text.normal import fold, normalized
from rag.text.stop_words import ASKING, stop_words_in

RARE = 8.5  # weight of a word outside the table: natural log of paragraphs per paragraph that holds it, rounded up
NUMBER = 6.0  # weight of a number

_PAIR = 6.0  # weight of a pair of characters in a script without spaces
_PARTICLE = 1.5  # ... that holds a character of grammar rather than meaning

_GRAMMAR = re.compile(r"[\u3041-\u3096的了是在和有不这那我你他她它们吗呢什么怎么谁哪里]")
# Scripts without spaces between words: Thai, Lao, Burmese, Khmer, kana, Han.
UNSPACED_RANGES = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U000323af"
)
_UNSPACED = re.compile(f"[{UNSPACED_RANGES}]")
_LETTER = rf"[^\W\d_{UNSPACED_RANGES}]"
_WORD = re.compile(
    rf"(?P<unspaced>{_UNSPACED.pattern}+)|(?P<number>{numbers.PATTERN})"
    rf"|(?P<letters>{_LETTER}+(?:[\u0300-\u036f\u0900-\u0dff'’]{_LETTER}+)*)(?P<digits>\d+)?",
)
_DIGITS = re.compile(r"\d+")
_CODE_DIGITS = 3  # from this many on, the digits behind letters are a word of their own: GX4471 is GX-4471

_SUFFIXES = (
    ("ations", "ate"), ("ation", "ate"), ("ness", ""), ("ments", ""), ("ment", ""), ("ings", ""), ("ing", ""),
    ("edly", ""), ("ies", "y"), ("ied", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("ed", ""),
    ("ly", ""), ("ers", ""), ("er", ""), ("es", ""), ("s", ""),
)  # fmt: skip


@lru_cache(maxsize=65536)
def stem(folded: str) -> str:
    """Returns a rough English stem: enough that 'founded', 'founding' and 'founders' meet."""
    if len(folded) <= 3 or not folded.isascii() or not folded.isalpha():
        return folded
    for suffix, instead in _SUFFIXES:
        if folded.endswith(suffix) and len(folded) - len(suffix) >= 3:
            if suffix == "s" and folded[-2] in "su":
                break
            folded = folded[: -len(suffix)] + instead
            break
    if len(folded) > 3 and folded[-1] == folded[-2] and folded[-1] not in "aeouls":
        folded = folded[:-1]
    if len(folded) > 3 and folded[-1] == "e":
        folded = folded[:-1]
    return folded[:-1] + "i" if len(folded) > 3 and folded[-1] == "y" else folded


def words(text: str) -> list[tuple[str, int, int]]:
    """Returns (folded word, start, end) of every word, number or pair of characters of ``text``.

    Where a space may part the thousands of a number or two numbers, the whole number comes first, then its parts.
    """
    compared = normalized(text)
    found: list[tuple[str, int, int]] = []
    for match in _WORD.finditer(compared.text):
        if match.lastgroup == "letters":
            found.append((fold(match[0]), *match.span()))
        else:
            found += _other_words(compared.text, match)
    if compared.text is text:
        return found
    return [(word, *compared.span(start, end)) for word, start, end in found]


def _other_words(text: str, match: re.Match[str]) -> Iterator[tuple[str, int, int]]:
    """Yields what a run of an unspaced script, a number, or letters with the digits behind them come to."""
    start, end = match.span()
    if match["unspaced"]:
        last = max(start + 1, end - 1)
        yield from ((fold(text[i : i + 2]), i, min(i + 2, end)) for i in range(start, last))
    elif match["number"]:
        yield numbers.value(match[0]), start, end
        if numbers.may_be_several(match[0]):
            yield from ((part[0], start + part.start(), start + part.end()) for part in _DIGITS.finditer(match[0]))
    elif len(match["digits"]) >= _CODE_DIGITS:
        yield fold(match[0][: -len(match["digits"])]), start, match.start("digits")
        yield match["digits"], match.start("digits"), end
    else:
        yield fold(match[0]), start, end


def stems(text: str) -> list[str]:
    """Returns stems of all words of ``text`` in order, stop words included."""
    return [stem(word) for word, _, _ in words(text)]


def content_stems(text: str) -> list[str]:
    """Returns stems of the words that carry meaning, in order, each once; all words where nothing else is left."""
    folded = [word for word, _, _ in words(text)]
    stop_words = stop_words_in(folded)
    kept = [stem(word) for word in folded if word not in stop_words and word not in ASKING]
    if not kept:
        kept = [stem(word) for word in folded if word not in stop_words] or [stem(word) for word in folded]
    return list(dict.fromkeys(kept))


def weight(stemmed: str) -> float:
    """Returns how rare a stem is: about 1 for the commonest words, RARE for one outside the table."""
    if stemmed[:1].isdigit():
        return NUMBER
    if _UNSPACED.match(stemmed):
        return _PARTICLE if _GRAMMAR.search(stemmed) else _PAIR
    return _table().get(stemmed, RARE)


def match(stemmed: str, among: Set[str], prefixes: Set[str] = frozenset()) -> float:
    """Returns 1.0 where the stem occurs, 0.6 where only a relative with the same beginning does, else 0.0.

    ``prefixes`` are ``prefixes_of(among)``.
    """
    if stemmed in among or _OTHER_NUMBER.get(stemmed) in among:
        return 1.0
    if len(stemmed) >= _PREFIX and not stemmed[0].isdigit() and stemmed[:_PREFIX] in prefixes:
        return 0.6
    return 0.0


# Nouns whose plural is no ending.
_PLURALS = "child children man men woman women foot feet tooth teeth mouse mice goose geese person people"
_OTHER_NUMBER = {
    stem(one): stem(other)
    for single, plural in zip(_PLURALS.split()[::2], _PLURALS.split()[1::2], strict=True)
    for one, other in ((single, plural), (plural, single))
}


def without_spelled_out(stemmed: str) -> str:
    """Returns a stem with one letter for an umlaut that is written as two: "muell" (of "Mueller") as "mull"."""
    return _SPELLED_OUT.sub("", stemmed)


_SPELLED_OUT = re.compile("(?<=[aou])e|(?<=a)a")
_PREFIX = 6  # characters that two words must share to count as relatives


def prefixes_of(among: Iterable[str]) -> frozenset[str]:
    """Returns beginnings by which ``match`` finds relatives."""
    return frozenset(word[:_PREFIX] for word in among if len(word) >= _PREFIX)


@lru_cache(maxsize=1)
def _table() -> dict[str, float]:
    lines = Path(__file__).with_name("common_words.txt").read_text(encoding="utf-8").splitlines()
    rows = (line.split() for line in lines if line and not line.startswith("#"))
    return {word: float(row[0]) for row in rows for word in row[1:]}
