"""Turns a span of a passage into the words that a person reads: without list markers and line breaks, table rows named.

What is shown may differ from what is cited; the citation keeps the exact span.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from rag.answer.rows import rows_of
from rag.text.definition_lists import definitions
from rag.text.sentences import asks, cached_sentences, is_label, is_list_item, skip_marker, units
from rag.types import Passage, Span

# a sentence that begins so says something of what stands before it
LEANS_BACK = re.compile(
    r"(?:he|she|it|they|his|her|its|their|this|these|those|that|such|there|however|therefore|thus|also|but|and|then|er|sie|"
    r"es|il|elle|ils|elles|dies\w*)\b",
    re.IGNORECASE,
)
LONGEST_QUOTE = 420  # characters shown of one sentence
_MOST_BETWEEN = 2  # sentences or headings between one that counts things and their list
_COUNTS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_COUNT = re.compile(rf"\b(?:{'|'.join(_COUNTS[2:])}|[2-9]|1[0-2])\b(?= [^\W\d_]{{3}})", re.IGNORECASE)
_LONGEST_LIST = 900  # characters of a list that is quoted whole
PARAGRAPH = re.compile(r"\n\s*\n|\r\s*\r")  # what stands between two of them
_BULLET = re.compile(r"[-*+•◦▪‣·]\s+")
_SPACE = re.compile(r"\s+")
_END = re.compile(r"[.!?…:;。！？؟۔।][\"'”’»)\]]*$")


@dataclass(frozen=True, slots=True)
class Quote:
    """What goes into an answer: ``passage.text[start:end]``; ``score`` is the probability that it belongs there."""

    passage: Passage
    start: int
    end: int
    score: float

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]

    @property
    def span(self) -> Span:
        return self.passage.span(self.start, self.end)


def cut(text: str, start: int, end: int, around: int) -> tuple[int, int]:
    """The span itself, or the part of an over-long one that stands around a position, cut at spaces."""
    if end - start <= LONGEST_QUOTE:
        return start, end
    first = max(start, min(around - LONGEST_QUOTE // 3, end - LONGEST_QUOTE))
    last = min(end, first + LONGEST_QUOTE)
    if first > start:
        space = text.find(" ", first, first + 40)
        first = space + 1 if space >= 0 else first
    if last < end:
        space = text.rfind(" ", last - 40, last)
        last = space if space > first else last
    return first, last


def start_before(text: str, start: int) -> int:
    """Where the sentence in front of the one at ``start`` in the same paragraph begins; ``start`` where there is
    none."""
    for (first, last), (next_first, next_last) in pairwise(cached_sentences(text)):
        if next_first <= start < next_last:
            return first if PARAGRAPH.search(text, last, next_first) is None else start
    return start


def with_items(text: str, start: int, end: int) -> tuple[int, int]:
    """The span and the list it announces: a sentence that ends in a colon, with the items below it."""
    if not text[start:end].endswith((":", "：")):
        return start, end
    last = end
    for first, stop in cached_sentences(text):
        if first < end:
            continue
        if stop - start > _LONGEST_LIST or not (is_list_item(text, first, stop) or text[last:first].count("\n") == 1):
            break
        last = stop
    return start, last


def with_counted_items(text: str, start: int, end: int) -> tuple[int, int]:
    """The span and the list that follows, where the span says how many things there are and the list has as many items:
    "Three defects need attention."."""
    counted = {_count(found[0]) for found in _COUNT.finditer(text, start, end)}
    items: list[tuple[int, int]] = []
    between = 0
    for first, last in cached_sentences(text):
        if first < end:
            continue
        if is_list_item(text, first, last):
            items.append((first, last))
        elif items and text.count("\n", items[-1][1], first) == 0:
            items[-1] = (items[-1][0], last)  # a further sentence of the same item
        elif items or between == _MOST_BETWEEN:
            break
        else:
            between += 1
    fits = len(items) > 1 and len(items) in counted and items[-1][1] - start <= _LONGEST_LIST
    return (start, items[-1][1]) if fits else (start, end)


def _count(word: str) -> int:
    return int(word) if word.isdigit() else _COUNTS.index(word.casefold())


def with_siblings(text: str, start: int, end: int) -> tuple[int, int]:
    """The span and the list items around it, where it is one itself and the list is not too long."""
    units = cached_sentences(text)
    index = next((i for i, (first, last) in enumerate(units) if first <= start < last), -1)
    if index < 0 or not is_list_item(text, *units[index]):
        return start, end
    low = high = index
    while low > 0 and _adjoins(text, units[low - 1], units[low]) and end - units[low - 1][0] <= _LONGEST_LIST:
        low -= 1
    while high + 1 < len(units) and _adjoins(text, units[high], units[high + 1]):
        if units[high + 1][1] - units[low][0] > _LONGEST_LIST:
            break
        high += 1
    return (start, end) if low == high else (units[low][0], units[high][1])


def sentence_at(text: str, at: int) -> tuple[int, int]:
    """The sentence that holds a position; below a heading, which says nothing by itself, the one that follows."""
    spans = cached_sentences(text)
    index = next((index for index, span in enumerate(spans) if span[0] <= at < span[1]), None)
    if index is None:
        return 0, len(text)
    if is_label(text, *spans[index]) and index + 1 < len(spans):
        return spans[index + 1]
    return spans[index]


def paragraph_end(text: str, end: int) -> int:
    """Where the paragraph that a sentence ends in ends, as far as it is short enough to quote."""
    last = end
    for first, stop in cached_sentences(text):
        if first < end:
            continue
        if stop - end > LONGEST_QUOTE or PARAGRAPH.search(text, last, first) or asks(text, first, stop):
            break
        last = stop
    return last


def with_term(text: str, start: int, end: int) -> tuple[int, int]:
    """The span and the line above that names what it is said of, in a list of definitions."""
    for entry in definitions(text, tuple(units(text, len(text)))):
        if entry.end <= start <= entry.said[-1].end:
            near = end - entry.start <= LONGEST_QUOTE and not any(map(_is_heading_word, entry.terms))
            return (entry.start, end) if near else (start, end)
    return start, end


def _is_heading_word(term: str) -> bool:
    """Whether a term looks like an ordinary heading."""
    return term[:1].isupper() and term[1:].islower()


def _adjoins(text: str, unit: tuple[int, int], following: tuple[int, int]) -> bool:
    """Whether two units are items of one list."""
    same_line_or_next = text.count("\n", unit[1], following[0]) <= 1
    return same_line_or_next and is_list_item(text, *unit) and is_list_item(text, *following)


def readable(passage: Passage, start: int, end: int) -> str:
    """How ``passage.text[start:end]`` is shown."""
    text = passage.text
    rows = [row for row in rows_of(passage) if row.start < end and row.end > start and row.within(start, end).cells]
    if rows:
        return "\n".join(row.shown(start, end) for row in rows)
    lines = [line.strip() for line in text[start:end].splitlines() if line.strip()]
    items = [n for n, line in enumerate(lines) if is_list_item(line, 0, len(line))]
    if items[-1:] > [0]:
        return "\n".join(_item(line) if n >= items[0] else line for n, line in enumerate(lines))
    bullet = _BULLET.match(text, start, end)
    start = bullet.end() if bullet else start
    shown = _SPACE.sub(" ", text[start:end])
    unit_start, unit_end = _unit(text, start, end)
    before = "… " if start > unit_start else ""
    return f"{before}{shown}{' …' if end < unit_end else ''}"


def _item(line: str) -> str:
    return f"- {line[skip_marker(line, 0, len(line)) :]}"


def is_closed(shown: str) -> bool:
    """Whether a quote ends like a sentence."""
    return _END.search(shown) is not None


def _unit(text: str, start: int, end: int) -> tuple[int, int]:
    """The sentence that a span lies in, without its list marker; the span itself where it holds several."""
    for first, last in cached_sentences(text):
        if first <= start < last:
            first = skip_marker(text, first, last)
            return (first, last) if end <= last else (first, end)
    return start, end
