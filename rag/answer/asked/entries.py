"""Numbers that a question tells a thing by: "plot 9", "Zimmer 106", "class 2b".

Nothing can be said of a number that stands nowhere. In front of a number that stands there must be the word of the
question, as far as languages let that be told: "flat 9" is no plot.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.answer.above import above
from rag.answer.expected import is_date
from rag.answer.reading import passage_of
from rag.text.language import language_of
from rag.text.stop_words import STOP_WORDS
from rag.text.words import match, prefixes_of, stem, stems, words
from rag.types import Passage, Reading

_NUMBER = re.compile(r"\d{1,3}[a-f]?")
_BOUNDED = frozenset(["or", "and", "to", "oder", "und", "bis", "ou", "et", "o", "y"])  # behind a number that is a bound
_SAYS_NUMBER = frozenset(["no", "nr", "number", "nummer", "numero", "num", "n"])
# Places that no text has to name.
_PAGES = frozenset(map(stem, ["page", "seite", "pagina", "slide", "folie", "diapositive", "diapositiva", "zeile"]))
_ENDS = re.compile(r"\W*[?.!,;:)]|\W*$")
_ROMAN = ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")
_SPELLED = (
    (), ("one", "first", "eins", "erste"), ("two", "second", "zwei", "zweite"), ("three", "third", "drei", "dritte"),
    ("four", "fourth", "vier", "vierte"), ("five", "fifth"), ("six", "sixth"), ("seven", "seventh"),
    ("eight", "eighth"), ("nine", "ninth"), ("ten", "tenth"), ("eleven", "eleventh"), ("twelve", "twelfth"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A thing that a question tells by its number; ``written`` as it stands there."""

    noun: str
    number: str
    written: str


def asked_entries(question: str) -> list[Entry]:
    """The numbered things of a question."""
    return list(_entries(question))


def _entries(question: str) -> Iterator[Entry]:
    spoken = words(question)
    german = language_of(question) == "de"
    for at, ((noun, start, stop), (number, first, end)) in enumerate(pairwise(spoken)):
        letter = question[end : end + 1] in tuple("abcdef") and not question[end + 1 : end + 2].isalpha()
        end += letter  # "2b" is a number and a letter
        written = question[start:end]
        if _NUMBER.fullmatch(question[first:end].casefold()) is None or question[stop:first].strip(" .°º"):
            continue
        if not noun.isalpha() or is_date(written) or is_date(f"{number} {_following(spoken, end)}"):
            continue
        is_number = noun in _SAYS_NUMBER
        if (noun in STOP_WORDS and not is_number) or stem(noun) in _PAGES:
            continue
        is_noun = is_number or (german and question[start].isupper() and at > 0)
        following = _following(spoken, end)
        is_told = is_noun or letter or following in STOP_WORDS - _BOUNDED or _ENDS.match(question, end) is not None
        if is_told and (at > 0 or is_noun):
            yield Entry(_word(spoken, at - 1) if is_number else noun, question[first:end], written)


def _word(spoken: Sequence[tuple[str, int, int]], at: int) -> str:
    return spoken[at][0] if 0 <= at < len(spoken) else ""


def _following(spoken: Sequence[tuple[str, int, int]], end: int) -> str:
    return next((word for word, start, _ in spoken if start >= end), "")


def stands(entry: Entry, texts: Sequence[str]) -> bool:
    """Whether its number stands in some texts, however it is written."""
    written = [rf"(?<!\d){re.escape(entry.number)}(?!\d)(?![.,:]\d)"]
    if entry.number.isdigit() and int(entry.number) < len(_ROMAN):
        value = int(entry.number)
        written += [rf"\b{other}\b" for other in (_ROMAN[value], *_SPELLED[value]) if other]
    pattern = re.compile("|".join(written), re.IGNORECASE)
    return any(pattern.search(text) for text in texts)


def read_of_asked_entries(question: str, passages: Sequence[Passage], readings: Sequence[Reading]) -> list[Reading]:
    """What was read in passages that hold the numbers asked for, and not behind another word of the same language."""
    entries = asked_entries(question)
    if not entries:
        return list(readings)
    return [one for one in readings if _may_be_about(question, entries, passage_of(one, passages))]


def _may_be_about(question: str, entries: Sequence[Entry], passage: Passage) -> bool:
    texts = [above(passage), passage.text]
    if not all(stands(entry, texts) for entry in entries):
        return False
    same_language = language_of(question) == language_of(passage.text)
    return not (same_language and any(_is_numbered_otherwise(entry, texts) for entry in entries))


def may_be_of_another_entry(question: str, passage: Passage) -> bool:
    """Whether a number of the question stands in a passage behind other words alone: in another language "flat" may be
    what the question calls "Wohnung", or may not."""
    return any(_is_numbered_otherwise(entry, [above(passage), passage.text]) for entry in asked_entries(question))


def _is_numbered_otherwise(entry: Entry, texts: Sequence[str]) -> bool:
    behind = re.compile(rf"([^\W\d_]{{2,}})[ .]{{1,2}}{re.escape(entry.number)}(?![\w.,:]*\d)")
    nouns = [noun.casefold() for text in texts for noun in behind.findall(text)]
    nouns = [noun for noun in nouns if noun not in STOP_WORDS]
    wanted = frozenset(stems(entry.noun))
    return bool(nouns) and not any(_alike(noun, entry.noun, wanted) for noun in nouns)


def _alike(noun: str, asked: str, wanted: frozenset[str]) -> bool:
    if match(stem(noun), wanted, prefixes_of(wanted)) > 0:
        return True
    return noun[:4] == asked[:4] or noun.endswith(asked) or asked.endswith(noun)
