"""Quotes what somebody of an age pays: "how much is a ticket for a 9 year old?" -> "Children from 6 to 15: 6 crowns".

The line that says a price for ages among which the asked one lies; no line says the age itself.
"""

import re
from collections.abc import Iterator, Sequence, Set

from rag.answer.above import in_front_of, stems_above
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import readable
from rag.answer.rows import row_at, units_of
from rag.text.words import match, prefixes_of, stems
from rag.types import Passage, Query

_AGE = re.compile(
    r"\b(?P<front>\d{1,3})[- ]?(?:years?|yrs?)[- ]?olds?\b(?! (?:car|house|bike|boat|dog|cat|horse)\b)"
    r"|\b(?:aged?|turned|turns) (?P<behind>\d{1,3})\b",
    re.IGNORECASE,
)
_PRICE = re.compile(
    r"\b(?:how much|costs?|price|pays?|fee|fare|ticket|admission|entry|free|charge[ds]?)\b", re.IGNORECASE
)
_NO_AGE = (
    r"(?! ?(?:%|euros?|crowns?|pounds?|dollars?|people|persons?|minutes?|hours?|days?|o'clock|[ap]\.?m\b"
    r"|\w*(?:uary|arch|pril|ber|ugust)\b|(?:may|june|july)\b))"
)
_AGES = re.compile(
    rf"(?<![\d.,:$€£])(?P<from>\d{{1,2}}) ?(?:to|-|–) ?(?P<to>\d{{1,2}})\b(?![.,:]\d){_NO_AGE}"
    rf"|\b(?:under|below|younger than)(?: the age of)? (?P<under>\d{{1,2}})\b{_NO_AGE}"
    rf"|\bup to(?: the age of)? (?P<until>\d{{1,2}})\b{_NO_AGE}"
    rf"|\b(?:over|above|older than)(?: the age of)? (?P<over>\d{{1,2}})\b{_NO_AGE}"
    rf"|\b(?:from|at least) (?P<least>\d{{1,2}})\b(?! ?(?:to|-|–|until)\b){_NO_AGE}"
    r"|\b(?P<more>\d{1,2}) ?(?:\+|(?:and|or) (?:over|older|above)\b)",
    re.IGNORECASE,
)
_PEOPLE = re.compile(
    r"\b(?:child(?:ren)?|kids?|adults?|seniors?|juniors?|youths?|students?|pupils?|pensioners?|bab(?:y|ies)|infants?|"
    r"toddlers?|teenagers?|ages?|aged|years? old|years of age|under \d+s?|over \d+s?)\b",
    re.IGNORECASE,
)
_FREE = re.compile(r"\bfree\b|\bpays? nothing\b|\bno charge\b", re.IGNORECASE)
_NEAR = 8  # sentences or lines in front that may say what is paid for
_LONGEST = 300  # characters of a line


def find_age_price(query: Query, passages: Sequence[Passage]) -> Worked | None:
    """The lines with the price; None for other questions, and where nothing tells a price for that age."""
    asked = _AGE.search(query.text)
    if asked is None or _PRICE.search(query.text) is None:
        return None
    age = int(asked["front"] or asked["behind"])
    subject = query.rarity.keys() - frozenset(stems(asked[0]))
    found = [one for passage in passages for one in _lines(passage, age, subject)]
    best = max((strength for strength, _ in found), default=0.0)
    statements = tuple(_quoted(source) for strength, source in found if strength == best)
    return Worked(statements, best) if len(statements) == 1 else None


def _lines(passage: Passage, age: int, subject: Set[str]) -> Iterator[tuple[float, Source]]:
    above = stems_above(passage)
    for unit in units_of(passage, len(passage.text)):
        text = passage.text[unit.first : unit.end]
        if len(text) > _LONGEST or _PEOPLE.search(text) is None or not _is_among(age, text) or not _has_price(text):
            continue
        there = above | frozenset(stems(f"{in_front_of(passage, unit.first, _NEAR)} {text}"))
        prefixes = prefixes_of(there)
        said = sum(match(term, there, prefixes) > 0 for term in subject)
        if subject and said * 2 >= len(subject):
            yield said / len(subject), Source(passage, unit.first, unit.end)


def _is_among(age: int, text: str) -> bool:
    return any(_holds(age, found) for found in _AGES.finditer(text))


def _holds(age: int, ages: re.Match[str]) -> bool:
    number = {name: int(value) for name, value in ages.groupdict().items() if value}
    if "from" in number:
        return number["from"] <= age <= number["to"]
    if "under" in number:
        return age < number["under"]
    if "until" in number:
        return age <= number["until"]
    return age > number["over"] if "over" in number else age >= number.get("least", number.get("more", 0))


def _has_price(text: str) -> bool:
    """Whether a number is left beside the ages, or the text says that it is free."""
    return _FREE.search(text) is not None or any(map(str.isdigit, _AGES.sub("", text)))


def _quoted(source: Source) -> Statement:
    row = row_at(source.passage, source.start)
    text = row.said if row is not None else readable(source.passage, source.start, source.end)
    return Statement(text, (source,), source)
