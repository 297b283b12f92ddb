"""Splits text into comparable words: folded, lightly stemmed, with a weight that says how rare a word is.

The index, the question, the evidence and the citation check all take their words from here. Scripts without spaces
(Chinese, Japanese, Thai) become overlapping pairs of characters. The weights are counted over English text and kept
beside this file in ``common_words.txt``; a word that is not listed there counts as rare.
"""

import re
import unicodedata
from collections.abc import Iterable, Set
from functools import lru_cache
from pathlib import Path

from rag.text.stop_words import ASKING, SEARCH_STOP_WORDS, STOP_WORDS

RARE = 8.5  # weight of a word outside the table: natural log of paragraphs per paragraph that holds it, rounded up
NUMBER = 6.0  # weight of a number

_PAIR = 6.0  # weight of a pair of characters in a script without spaces
_PARTICLE = 1.5  # ... that holds a character of grammar rather than meaning

_GRAMMAR = re.compile(r"[\u3041-\u3096的了是在和有不这那我你他她它们吗呢什么怎么谁哪里]")
# Scripts without spaces between words: Thai, Lao, Burmese, Khmer, kana, Han.
_UNSPACED_RANGES = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U000323af"
)
_UNSPACED = re.compile(f"[{_UNSPACED_RANGES}\uff66-\uff9f]")
# In the index hangul counts as well: its words carry their particles.
_INDEXED_BY_PAIRS = re.compile(f"[{_UNSPACED_RANGES}\uac00-\ud7af]+")
_COMPOUND = re.compile(r"[^\W_]+(?:[^\w\s][^\W_]+|_[^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_POSSESSIVE = re.compile(r"['\u2019]s?$")
_WORD = re.compile(
    rf"(?P<unspaced>{_UNSPACED.pattern}+)"
    r"|(?P<number>\d+(?:[.,]\d+)*)|[^\W\d_]+(?:[\u0300-\u036f\u0900-\u0dff\u064b-\u065f'’][^\W\d_]+)*\d*",
)
_COMBINING = re.compile("[\u0300-\u036f]")

_SUFFIXES = (
    ("ations", "ate"), ("ation", "ate"), ("ness", ""), ("ments", ""), ("ment", ""), ("ings", ""), ("ing", ""),
    ("edly", ""), ("ies", "y"), ("ied", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("ed", ""),
    ("ly", ""), ("ers", ""), ("er", ""), ("es", ""), ("s", ""),
)  # fmt: skip


@lru_cache(maxsize=65536)
def fold(word: str) -> str:
    """Makes a word lower case, without Latin diacritics and possessive ending."""
    folded = unicodedata.normalize("NFKD", word.casefold().replace("’", "'"))
    folded = unicodedata.normalize("NFC", _COMBINING.sub("", folded))
    return folded.removesuffix("'s").removesuffix("s'")


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
    """Returns (folded word, start, end) of every word, number or pair of characters of ``text``."""
    found: list[tuple[str, int, int]] = []
    for match in _WORD.finditer(text):
        start, end = match.span()
        if match["unspaced"]:
            last = max(start + 1, end - 1)
            found.extend((fold(text[i : i + 2]), i, min(i + 2, end)) for i in range(start, last))
        elif match["number"]:
            found.append((match[0].replace(",", "").rstrip("."), start, end))
        else:
            found.append((fold(match[0]), start, end))
    return found


def stems(text: str) -> list[str]:
    """Returns stems of all words of ``text`` in order, stop words included."""
    return [stem(word) for word, _, _ in words(text)]


def content_stems(text: str) -> list[str]:
    """Returns stems of the words that carry meaning, in order, each once; all words where nothing else is left."""
    folded = [word for word, _, _ in words(text)]
    kept = [stem(word) for word in folded if word not in STOP_WORDS and word not in ASKING]
    if not kept:
        kept = [stem(word) for word in folded if word not in STOP_WORDS] or [stem(word) for word in folded]
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
    if stemmed in among:
        return 1.0
    if len(stemmed) >= _PREFIX and not stemmed[0].isdigit() and stemmed[:_PREFIX] in prefixes:
        return 0.6
    return 0.0


_PREFIX = 6  # characters that two words must share to count as relatives


def prefixes_of(among: Iterable[str]) -> frozenset[str]:
    """Returns beginnings by which ``match`` finds relatives."""
    return frozenset(word[:_PREFIX] for word in among if len(word) >= _PREFIX)


def pairs(text: str) -> list[str]:
    """Returns every pair of neighbouring characters of scripts without spaces, in order; a lone one as it is."""
    found = []
    for run in _INDEXED_BY_PAIRS.findall(text):
        found += [run[index : index + 2] for index in range(max(1, len(run) - 1))]
    return found


def search_terms(question: str) -> list[str]:
    """Returns the distinct words to look for in the index, lower case and unstemmed; stop words only when nothing else
    is left.

    A compound ("10-Q", "3.5", "AB-1234") stands as a whole; those of its parts that are words follow it. Text of
    scripts without spaces is left out; its ``pairs`` are looked for.
    """
    spaced = _INDEXED_BY_PAIRS.sub(" ", question).lower().replace("\u2019", "'")
    found: dict[str, None] = {}
    common: dict[str, None] = {}
    for word in _COMPOUND.findall(spaced):
        bare = _POSSESSIVE.sub("", word)
        if word in SEARCH_STOP_WORDS or bare in SEARCH_STOP_WORDS:
            common[word] = None
            continue
        found[bare] = None
        parts = _PART.findall(bare)
        if len(parts) > 1:
            found.update(dict.fromkeys(part for part in parts if len(part) > 2 and part not in SEARCH_STOP_WORDS))
    return list(found or ({} if _INDEXED_BY_PAIRS.search(question) else common))


@lru_cache(maxsize=1)
def _table() -> dict[str, float]:
    lines = Path(__file__).with_name("common_words.txt").read_text(encoding="utf-8").splitlines()
    rows = (line.split() for line in lines if line and not line.startswith("#"))
    return {word: float(row[0]) for row in rows for word in row[1:]}
