"""Finds compounds by their parts in languages that write them as one word: German, Dutch, the Scandinavian ones.

The index holds each longer word of such a text twice, forwards and backwards (``compound_marks``), so that the words
which begin or end with another one lie side by side. Which of them are compounds of it is judged when it is looked
for: what is left of the word must be able to be a word itself, neither an ending nor a prefix of verbs. No list of
words is needed, and text of other languages is not touched.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from rag.text.normal import fold
from rag.text.stop_words import ENGLISH, STOP_WORDS
from rag.text.words import RARE, stem, weight

FORWARDS, BACKWARDS = "\ue000", "\ue001"
"""Begin the two marks of a word; private characters, which no text holds and the index takes for letters."""
END = "\ue002"
"""Ends a mark: the index's English stemmer finds no ending before it."""

_SMALL_WORDS = """
    der das und ist nicht ein eine einen einem einer dem den mit von für auf auch wird werden wurde wurden sind zum zur
    im bei nach oder über sich durch dieser diese dieses kein keine unter zwischen
    het een van niet zijn wordt voor naar deze werd bij uit
    och att är på av för inte ett som ikke og til det fra blev
"""
_ALSO_ENGLISH = "in an am so was will also all her on of for i be at as he me die hat"
_ASKING = "was wer wie wo wann welche welcher welches warum die hat hoe wat waar welke vad hvad hva hur"
_SMALL = frozenset(_SMALL_WORDS.split())
_ASKED = frozenset(_ASKING.split()) | _SMALL
_FOREIGN = ENGLISH - _SMALL - frozenset(_ALSO_ENGLISH.split())
_UMLAUT = re.compile("[äöüßåø]", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W\d_]+(?:[\xad\u200b][^\W\d_]+)*")
_VOWEL = re.compile("[aeiouyäöüåøæ]")
_ENDINGS = ("en", "er", "es", "e", "n", "s")
_LINK = re.compile("(?:es|en|er|s|n|e)")
_LEAST_MARKED = 5  # so that inflected words meet as well
_LEAST_RARE = 10
_LEAST_COMPOUND = 6
_LEAST_PART = 3
_LEAST_TOGETHER = 7
_LEAST_STEM = 4
_MOST_CHARS = 60
# What stands before or behind a word without making a compound of it: prefixes, endings of derived words, of inflected
# ones.
_PREFIXES_WRITTEN = "ab an auf aus be bei ein emp ent er ge in miss mit per pro ur um un ver vor zer zu re kon dis"
_DERIVED_WRITTEN = (
    "ung ungen heit heiten keit lich liche lichen isch ische ischen schaft bar los haft sam lein chen tum nis ling in "
    "innen ieren iert ismus ist isten ier tion tionen ig ige igen ning ningen heid lijk ing ingen lig else"
)
_INFLECTED_WRITTEN = "end ende enden ete eten est te ten em ern eln erne"
_PREFIXES = frozenset(_PREFIXES_WRITTEN.split())
_DERIVED = frozenset(_DERIVED_WRITTEN.split())
_ENDS = _DERIVED | frozenset(_INFLECTED_WRITTEN.split())


def compound_marks(text: str) -> Iterator[str]:
    """Yields the marks of the longer words of a text whose language makes compounds; nothing for other texts.

    Where no small word tells the language (a row of a table), those that are long and rare in English are marked.
    """
    written = _LETTERS.findall(text)
    small = [word.lower() for word in written]
    own, foreign = sum(word in _SMALL for word in small), sum(word in _FOREIGN for word in small)
    if own < foreign or foreign == len(small):
        return
    least = _LEAST_MARKED if own or _UMLAUT.search(text) else _LEAST_RARE
    for word in dict.fromkeys(base(word) for word in written if least <= len(word) <= _MOST_CHARS):
        if least == _LEAST_RARE and weight(stem(word)) < RARE:
            continue
        yield mark(word)
        if len(word) >= _LEAST_COMPOUND:
            yield mark(word, backwards=True)


def asks_for_compounds(question: str) -> bool:
    """Whether a question is asked in a language that makes compounds."""
    asked = {word.lower() for word in _LETTERS.findall(question)}
    return bool(asked & _ASKED) and not asked & _FOREIGN


def mark(word: str, *, backwards: bool = False) -> str:
    """Returns a base as it stands in the index."""
    return f"{BACKWARDS}{word[::-1]}{END}" if backwards else f"{FORWARDS}{word}{END}"


def base(word: str) -> str:
    """Returns a folded word without the ending of a plural or case: "kirch" for "Kirchen" and "Kirche"."""
    return _without_ending(fold(word), _LEAST_STEM)


def last_part(word: str) -> str:
    """Returns a folded word as the base of a compound ends with it: "end" for "Ende", as in "monatsend"."""
    return _without_ending(fold(word), _LEAST_PART)


def _without_ending(folded: str, least: int) -> str:
    for ending in _ENDINGS:
        if folded.endswith(ending) and len(folded) - len(ending) >= least:
            return folded[: -len(ending)]
    return folded


def begins_with(word: str, compound: str) -> bool:
    """Whether a base is that of ``word``, or begins with it and the rest can be a word."""
    part = base(word)
    if compound == part:
        return True
    return _suffice(part, compound) and compound.startswith(part) and _can_follow(compound[len(part) :])


def ends_with(word: str, compound: str) -> bool:
    """Whether a base ends with ``word`` and what stands before it can be a word."""
    part = last_part(word)
    return _suffice(part, compound) and compound.endswith(part) and _can_precede(compound[: -len(part)])


def compounds_of(word: str, among: Iterable[str]) -> list[str]:
    """Returns those of some words that are rare in English and begin or end with another one, as compounds do."""
    return [
        other
        for other in among
        if other.isalpha()
        and len(other) >= max(_LEAST_TOGETHER, len(word) + _LEAST_PART)
        and weight(other) == RARE
        and (begins_with(word, base(other)) or ends_with(word, base(other)))
    ]


def known_parts(words: Iterable[str], known: Callable[[str], bool]) -> list[str]:
    """Returns the two parts of each word that is put together of known ones; common words of English are not parted."""
    found: list[str] = []
    for word in words:
        if not word.isalpha() or not 2 * _LEAST_STEM <= len(word) <= _MOST_CHARS or weight(stem(word)) < RARE:
            continue
        middle_first = sorted(range(_LEAST_STEM, len(word) - _LEAST_STEM + 1), key=lambda at: abs(2 * at - len(word)))
        for at in middle_first:
            last = word[at:]
            first = next((one for one in (word[:at], word[:at].removesuffix("s")) if known(one)), None)
            if first is not None and not {first, last} & STOP_WORDS and known(last):
                found += (first, last)
                break
    return found


def _suffice(part: str, compound: str) -> bool:
    return len(part) >= _LEAST_PART and len(compound) >= max(_LEAST_TOGETHER, len(part) + _LEAST_PART)


def _can_follow(rest: str) -> bool:
    """Whether what stands behind a part is a word, with or without letters that join the two."""
    link = _LINK.match(rest)
    bare = rest[link.end() :] if link else rest
    return _VOWEL.search(rest) is not None and rest not in _ENDS and bare not in _DERIVED


def _can_precede(rest: str) -> bool:
    return _VOWEL.search(rest) is not None and rest not in _PREFIXES and not rest.endswith("ver")
