"""Computes the difference of two amounts that a sentence, or two that follow each other, put side by side.

"Baxter at 2,340 pounds and Welldone at 1,985 pounds" answers how much dearer the one is; "71 of 84 plot holders have
paid" how many have not. Only where there are exactly two amounts, of one unit, and the sentences hold most of the
question.
"""

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

from rag.answer.above import stems_above
from rag.answer.asked.superlatives import asks_for_extreme
from rag.answer.expected import is_date
from rag.answer.operators.computed.arithmetic import asks_for_difference
from rag.answer.operators.tables.matching import share, shared
from rag.answer.operators.tables.values import Value, difference, read_value
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import PARAGRAPH, readable
from rag.answer.rows import units_of
from rag.text import numbers
from rag.text.sentences import Unit
from rag.text.stop_words import STOP_WORDS
from rag.text.words import stem, stems, words
from rag.types import Passage, Query

_COVERED = 0.55  # share of the question that the sentences and what stands above them must hold
_OTHERS = r"other than|besides|apart from|aside from|except|excluding|without"
_REST = re.compile(
    rf"\bhow (?:much|many)\b.*(?:\b(?:left|remain\w*|missing|still|not|unpaid|{_OTHERS})\b|n't\b)", re.IGNORECASE
)
_ASKS_OTHERS = re.compile(rf"\b(?:{_OTHERS})\b", re.IGNORECASE)
_SAYS_PART = re.compile(r"\b(?:of which|of that|of these|of those|of them|including|includes?)\b", re.IGNORECASE)
_ASKING = frozenset(stems("missing left remain remaining still short difference gap"))  # of a computation
_AMOUNT = re.compile(rf"(?P<before>[$€£¥]\s?)?(?P<number>{numbers.PATTERN})(?P<after>\s?%|\s?(?:[^\W\d_]+))?")
_COUNTS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_PART_OF = re.compile(
    rf"(?P<part>{numbers.PATTERN}|\b(?:{'|'.join(_COUNTS)})) (?:out )?of (?:the |our |their )?"
    rf"(?P<whole>{numbers.PATTERN})\b",
    re.IGNORECASE,
)
_CHANGED = re.compile(
    r"^\W*(?:and )?(?:did|do|does|has|have) (?P<thing>[\w&' -]+?) "
    r"(?:go|gone|went|change|rise|risen|fall|fallen|grow|grown)\b",
    re.IGNORECASE,
)
_OF_MONEY = frozenset(stems("price cost costs amount fee charge"))  # said of money by its sign
_JUST_BEFORE = 250  # characters
_NEAR = 40  # characters between a name and its amount
_PART = re.compile(r"[,;:](?=\s)|[.?!]\s|\band\b")  # ends what belongs to a name
_OF_AMOUNTS = re.compile(  # what differs is an amount, and no quality
    r"\bhow (?:much|many|far)\b|\bgap\b|\bdifference in\b"
    r"|\b(?:price|cost|pay|rent|age|weight|length|height|size) difference",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\bbetween (?P<what>.+?)(?:[,;?]|$)", re.IGNORECASE)
_NUMBERED = frozenset(stems("two both three"))
_YEAR = re.compile(r"(?:1[6-9]|20|21)\d\d")


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Sentences of a passage with the two amounts in them."""

    passage: Passage
    start: int
    end: int
    values: tuple[Value, Value]


def subtract(query: Query, passages: Sequence[Passage]) -> Worked | None:
    """The difference; None for other questions, and where no sentence puts two amounts side by side."""
    rest = _REST.search(query.text) is not None
    if asks_for_extreme(query.text) or not (rest or asks_for_difference(query.text)):
        return None
    others = _ASKS_OTHERS.search(query.text) is not None
    best: tuple[float, _Stretch] | None = None
    for passage in passages:
        above = stems_above(passage)
        for stretch in _stretches(query, passage, rest=rest):
            text = passage.text[stretch.start : stretch.end]
            if not _holds_both(query, text) or (others and not _SAYS_PART.search(text)):
                continue
            there = above | frozenset(stems(passage.text[stretch.start : stretch.end]))
            said = shared(query, there)
            if any(value.before for value in stretch.values):
                said |= _OF_MONEY & query.rarity.keys()
            between = _held_between(query, stretch, said)
            if _names_another(query, said, above) or between is None:
                continue
            said |= between
            covered = _covered(query, said) - 0.001 * (stretch.end - stretch.start) / 100 - 0.02 * passage.number
            if not query.names - said and covered >= _COVERED and (best is None or covered > best[0]):
                best = (covered, stretch)
    return None if best is None else Worked((_statement(best[1]),), min(1.0, best[0]))


def _names_another(query: Query, said: Set[str], above: Set[str]) -> bool:
    """Whether the thing whose change is asked for is not named: of two words the question says one alone, "Data Center
    revenue" where "gaming revenue" is meant."""
    found = _CHANGED.search(query.text)
    if found is None:
        return False
    thing = [term for term in stems(found["thing"]) if term in query.rarity and term not in above]
    return len(thing) > 1 and not set(thing) <= said


def _held_between(query: Query, stretch: _Stretch, said: Set[str]) -> frozenset[str] | None:
    """The words behind "between", of which the last must stand in the sentences and all others there or just before:
    "between the two jetty tenders" is about tenders. None where one does not; empty for other questions."""
    found = _BETWEEN.search(query.text)
    if found is None:
        return frozenset()
    between = [term for term in stems(found["what"]) if term in query.rarity and term not in _NUMBERED]
    text = stretch.passage.text
    here = shared(query, frozenset(stems(text[stretch.start : stretch.end])))
    near = said | shared(query, frozenset(stems(text[max(0, stretch.start - _JUST_BEFORE) : stretch.start])))
    return frozenset(between) if set(between) <= near and (not between or between[-1] in here) else None


def _covered(query: Query, said: Set[str]) -> float:
    """The share of what the question names that is said; that it asks for a difference needs no saying."""
    asking = share(query, _ASKING)
    return (share(query, said | _ASKING) - asking) / (1.0 - asking) if asking < 1.0 else 0.0


def _holds_both(query: Query, text: str) -> bool:
    """Whether what the question compares with ("than ...") stands in the sentences themselves."""
    _, than, other = query.text.partition(" than ")
    wanted = frozenset(stems(other)) & query.rarity.keys()
    return not than or not wanted or bool(shared(query, frozenset(stems(text))) & wanted)


def _statement(stretch: _Stretch) -> Statement:
    high, low = sorted(stretch.values, key=lambda value: -value.number)
    result = difference(high, low)
    text = readable(stretch.passage, stretch.start, stretch.end)
    worked = f"{result.written}: {high.written} − {low.written} = {result.written}. {text}"
    return Statement(worked, (Source(stretch.passage, stretch.start, stretch.end),))


def difference_in(query: Query, text: str) -> str | None:
    """The difference of the two amounts of a text that a question about a difference means, with how it is worked out;
    None for other questions, and where it holds none or more of them."""
    if not asks_for_difference(query.text) or _OF_AMOUNTS.search(query.text) is None:
        return None
    values = _two_of(query, text)
    if values is None:
        return None
    high, low = sorted(values, key=lambda value: -value.number)
    return f"{difference(high, low).written}: {high.written} − {low.written}"


def _two_of(query: Query, text: str) -> tuple[Value, Value] | None:
    """The only two amounts of a text, or of several those behind the two names that the question says; None where they
    are not of one unit."""
    values: list[Value | None] = list(amounts_in(text))
    if len(values) > 2:
        values = _amounts_of_names(query, text)
    if len(values) != 2 or values[0] is None or values[1] is None:
        return None
    one, other = values[0], values[1]
    units = {unit for value in (one, other) for unit in (value.after, value.before) if unit}
    return (one, other) if len(units) <= 1 and one.number != other.number else None


def _amounts_of_names(query: Query, text: str) -> list[Value | None]:
    """The first amount right behind each of the names of the question, where it has a name of each."""
    found: list[Value | None] = []
    for word, _, end in words(text):
        if stem(word) not in query.names or word.isdigit():
            continue
        behind = _PART.split(text[end : end + _NEAR])[0]
        amounts = amounts_in(behind)
        if len(amounts) == 1:
            found.append(amounts[0])
    return found


def _stretches(query: Query, passage: Passage, *, rest: bool) -> Iterator[_Stretch]:
    """Sentences, and pairs of neighbours in a paragraph, that hold exactly two amounts of one unit, or one behind each
    of two names of the question."""
    units = [unit for unit in units_of(passage, len(passage.text)) if not unit.is_table_row]
    for unit in units:
        yield from _with_two(query, passage, unit.first, unit.end, rest=rest)
    for one, other in pairwise(units):
        if _are_neighbours(passage.text, one, other) and amounts_in(passage.text[one.first : one.end]):
            yield from _with_two(query, passage, one.first, other.end, rest=rest)


def _are_neighbours(text: str, one: Unit, other: Unit) -> bool:
    return not (one.is_list_item or other.is_list_item) and PARAGRAPH.search(text, one.end, other.first) is None


def _with_two(query: Query, passage: Passage, start: int, end: int, *, rest: bool) -> Iterator[_Stretch]:
    text = passage.text[start:end]
    if rest and (part := _PART_OF.search(text)):
        whole, share_of_it = (read_value(_in_digits(part[name])) for name in ("whole", "part"))
        if whole is not None and share_of_it is not None and whole.number != share_of_it.number:
            yield _Stretch(passage, start, end, (whole, share_of_it))
    elif (values := _two_of(query, text)) is not None:
        yield _Stretch(passage, start, end, values)


def _in_digits(number: str) -> str:
    return str(_COUNTS.index(number.casefold()) + 1) if number.casefold() in _COUNTS else number


def amounts_in(text: str) -> list[Value | None]:
    """The amounts of a text: numbers but for years, dates, times, ordinals and numbers of things."""
    found: list[Value | None] = []
    for amount in _AMOUNT.finditer(text):
        after = (amount["after"] or "").strip()
        around = text[max(0, amount.start() - 1) : amount.end()]
        if _YEAR.fullmatch(amount["number"]) or is_date(around) or after in ("st", "nd", "rd", "th"):
            continue
        if re.match(r"[:./-]\d", text[amount.end("number") :]) or re.search(r"[\w:/-]$", text[: amount.start()]):
            continue
        unit = after if after and after.casefold() not in STOP_WORDS else ""
        found.append(read_value(f"{amount['before'] or ''}{amount['number']}{f' {unit}' if unit else ''}"))
    return found
