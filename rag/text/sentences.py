"""Splits text into sentences, as spans: ``text[start:end]`` is one sentence without surrounding white space.

The spans are in order, do not overlap, and together cover every character that is not white space, so a sentence
can always be cited exactly. List items, table rows, headings and lines of code are units of their own; a line
break inside a wrapped paragraph is not an end. Rules only, for any script; no language is detected. The time is
linear in the length of the text.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

MAX_SENTENCE = 1000  # characters; something longer is cut at a clause, a space, or anywhere

_SHORT_LINE = 45  # characters; a line shorter than this, followed by a capital, did not break because of wrapping

_LINE = re.compile(r"[^\n\r\f\v\x85\u2028\u2029]+")
_SECTION_SIGN = re.compile(r"§§? ?\d+[a-z]?\.? ")
_MARKER = re.compile(r"(?:[-*+•‣◦▪·●○–—]|\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)]|#{1,6}|>+)[ \t]+(?=\S)")
_KEYED = re.compile(r"[\w.-]{1,30}(?: [\w.-]{1,30}){0,2} ?[:=](?:\s|$)")  # 'port: 8443', 'Due: 2 April'
_COLUMNS = re.compile(r"\S(?: {4,}|\t)\S")  # cells set apart by white space
_CODE_END = (";", "{", "}", "):", "=>", "*/", "->", '"""')
_END = re.compile(
    r"(?P<mark>[.!?…]+|[。！？｡．؟۔।॥])"
    r"(?P<close>[\"'”’»)\]】」』）*_]*(?:\[[\w, -]{1,8}\])*)"
)
_CASELESS_ENDS = frozenset("。！？｡．؟۔।॥")
_OPENERS = "\"'“‘«([¿¡「『（【*_"


def _set(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


# Never the end of a sentence: a name or number follows.
_BEFORE_NAME = _set(
    "mr mrs ms dr prof sra dra hr fr st gen col maj capt lt sgt cmdr adm rev hon gov sen mme mlle mgr "
    "nos nr figs eq eqs vol vols pp p ch chap eds cf vs v e.g i.e approx ca viz "
    "z.b d.h u.a s.o s.u bzw vgl bspw sog evtl ggf"
)
# May end a sentence: decided by what follows.
_MAYBE_END = _set(
    "inc ltd co corp plc llc bros etc jr sr esq phd ph.d b.a m.a m.d a.m p.m u.s u.k u.n e.u d.c b.c a.d b.c.e c.e "
    "jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun ave blvd rd mt ft est dept univ "
    "min max hrs sec lb lbs oz cm mm km kg no fig art sect para ed al op pres rep sr usw ing dipl"
)
_STARTERS = _set(
    "the a an this that these those it its he she they we i you his her their our in on at by for from with as after "
    "before during when while since although however but and or if there here what who how why where not no some many "
    "most all both each one two il la le les un une der die das ein eine er sie es el los las en"
)
_MONTHS = _set("januar februar märz april mai juni juli august september oktober november dezember ledna února března")
_CAPITALS = re.compile(r"[^\W\d_][^\d.!?:]{10,120}")
_PLAIN_WORDS = re.compile(r"(?:[^\W\d]|[ '’&-])+")
_TOKEN_BEFORE = re.compile(r"[^\s(\[\"'“‘«]+$")
_WORD_AFTER = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Returns spans of the sentences of ``text``, trimmed, in order."""
    spans: list[tuple[int, int]] = []
    cased = _has_capitals(text)
    for start, end in _units(text):
        for first, last in _sentences(text, start, end, cased=cased):
            spans.extend(_pieces(text, first, last))
    return spans


@lru_cache(maxsize=4096)
def cached_sentences(text: str) -> tuple[tuple[int, int], ...]:
    """Returns the same, remembered: neighbouring questions retrieve the same passages."""
    return tuple(split_sentences(text))


QUESTION_MARKS = ("?", "？", "؟")


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence, or a list item, row, heading or line of code that stands for one: ``text[start:end]``.

    Its words begin at ``first``, behind its bullet or number. ``is_header_row`` names the cells of the rows below it.
    """

    start: int
    end: int
    first: int
    is_label: bool
    is_list_item: bool
    is_table_row: bool
    is_header_row: bool
    asks: bool

    def moved(self, by: int) -> "Unit":
        """The same unit of a text that begins ``by`` characters earlier."""
        return replace(self, start=self.start + by, end=self.end + by, first=self.first + by)


def units(text: str, most: int) -> list[Unit]:
    """The first ``most`` sentences of a text with what each of them looks like."""
    spans = cached_sentences(text)[:most]
    return [
        Unit(
            start,
            end,
            skip_marker(text, start, end),
            is_label(text, start, end),
            is_list_item(text, start, end),
            is_table_row(text, start, end),
            is_header_row(text, index, spans),
            asks(text, start, end),
        )
        for index, (start, end) in enumerate(spans)
    ]


def skip_marker(text: str, start: int, end: int) -> int:
    """Returns where the words of a list item, heading or quoted line begin, after its bullet or number."""
    found = _MARKER.match(text, start, end)
    return found.end() if found else start


def is_list_item(text: str, start: int, end: int) -> bool:
    """Tells whether a unit begins with a bullet or number (a heading's number signs do not count)."""
    found = _MARKER.match(text, start, end)
    return found is not None and text[start] not in "#>"


def is_table_row(text: str, start: int, end: int) -> bool:
    """Tells whether a unit is a line of cells joined by ' | '."""
    return text.find(" | ", start, end) >= 0


def is_label(text: str, start: int, end: int) -> bool:
    """Tells whether a unit reads like a heading: marked as one, or a few words without figures or punctuation.

    A list item is none, but '3. Warranty' and '§ 2 Rent' between blank lines are, and so is a line in capitals.
    """
    section = _SECTION_SIGN.match(text, start, end)
    first = skip_marker(text, start, end) if section is None else section.end()
    if text[start] == "#":
        return True
    if _CAPITALS.fullmatch(text, first, end) and text[first:end].isupper():
        return True
    alone = (start == 0 or text[start - 2 : start] == "\n\n") and text.startswith("\n\n", end)
    if end - start > 80 or (first > start and not (alone and any(map(str.isdigit, text[start:first])))):
        return False
    return _PLAIN_WORDS.fullmatch(text, first, end) is not None


def asks(text: str, start: int, end: int) -> bool:
    """Tells whether a unit is a question, as in a list of questions and answers; emphasis does not hide it."""
    return text[start:end].rstrip("\"'”’»)*_ ").endswith(QUESTION_MARKS)


def is_header_row(text: str, index: int, spans: Sequence[tuple[int, int]]) -> bool:
    """Tells whether a unit is the first of at least two table rows of equal width: it names the cells of the others."""
    width = text.count(" | ", *spans[index])
    if width == 0 or index + 1 == len(spans) or text.count(" | ", *spans[index + 1]) != width:
        return False
    return index == 0 or text.count(" | ", *spans[index - 1]) != width


def _units(text: str) -> Iterator[tuple[int, int]]:
    """Yields stretches of lines that belong together: a wrapped paragraph, one list item, one row."""
    start = end = -1
    previous = (0, 0)
    for line in _LINE.finditer(text):
        first, last = _trim(text, line.start(), line.end())
        if first == last:
            continue
        if start >= 0 and _breaks(text, previous, (line.start(), first, last)):
            yield start, end
            start = -1
        if start < 0:
            start = first
        end = last
        previous = (first, last)
    if start >= 0:
        yield start, end


def _breaks(text: str, before: tuple[int, int], line: tuple[int, int, int]) -> bool:
    """Tells whether the line break between two lines ends a unit. ``line`` is (line start, first character, end)."""
    first, last = before
    line_start, next_first, next_last = line
    gap = text[last:line_start]
    if gap.count("\n") > 1 or gap.count("\r") > 1 or "\f" in gap:
        return True
    if is_table_row(text, first, last) or is_table_row(text, next_first, next_last):
        return True
    if text[first] == "#" or text[next_first] == "|" or _MARKER.match(text, next_first, next_last):
        return True
    if text.endswith(_CODE_END, first, last) or text[next_first] in "{}@":
        return True
    if _COLUMNS.search(text, first, last) or _COLUMNS.search(text, next_first, next_last):
        return True
    if _KEYED.match(text, first, last) and _KEYED.match(text, next_first, next_last):
        return True
    indented = next_first - line_start >= 2
    if indented and last - first < _SHORT_LINE:
        return True
    if text[next_first].islower():
        return False
    if asks(text, first, last):
        return True
    listed = last - first < _SHORT_LINE * 4 // 3 and next_last - next_first < _SHORT_LINE
    return last - first < _SHORT_LINE or (listed and text[next_last - 1].isalnum())


def _has_capitals(text: str) -> bool:
    """Tells whether a text begins its sentences with capitals; transcripts and quick notes may have none at all."""
    beginning = text[:4000]
    capitals = sum(map(str.isupper, beginning))
    return capitals * 200 > len(beginning)


def _sentences(text: str, start: int, end: int, *, cased: bool) -> Iterator[tuple[int, int]]:
    """Yields the sentences within one unit; in a ``cased`` text a small letter after a full stop goes on with the
    sentence.
    """
    if is_table_row(text, start, end):
        yield start, end
        return
    begin = start
    for found in _END.finditer(text, start, end):
        stop = found.end()
        if stop >= end or not _is_end(text, begin, found, end, cased=cased):
            continue
        first, last = _trim(text, begin, stop)
        if first < last:
            yield first, last
        begin = stop
    first, last = _trim(text, begin, end)
    if first < last:
        yield first, last


def _is_end(text: str, begin: int, found: re.Match[str], end: int, *, cased: bool) -> bool:
    """Tells whether the punctuation just matched ends a sentence."""
    mark, stop = found["mark"], found.end()
    if mark in _CASELESS_ENDS:
        between_digits = text[found.start() - 1 : found.start()].isdigit() and text[stop : stop + 1].isdigit()
        return not (mark == "．" and between_digits)
    if not text[stop].isspace():
        return False
    after = stop
    while after < end and (text[after].isspace() or text[after] in _OPENERS) and after - stop < 40:
        after += 1
    if after >= end:
        return True
    if cased and text[after].islower():
        return False
    if mark != ".":
        return True
    return not _is_abbreviation(text, begin, found.start(), found["close"], after)


def _is_abbreviation(text: str, begin: int, dot: int, close: str, after: int) -> bool:
    """Tells whether the full stop at ``dot`` belongs to an abbreviation, an initial, an ordinal or a list number."""
    before = _TOKEN_BEFORE.search(text, max(begin, dot - 24), dot)
    if before is None or close.strip("\"'”’»"):
        return False
    token = before[0]
    following = _WORD_AFTER.match(text, after, after + 40)
    word = following[0].casefold() if following else ""
    folded = token.casefold().lstrip("-–—")
    if token.isdigit():
        return len(token) <= 3 and (before.start() == begin or word in _MONTHS)
    if folded in _BEFORE_NAME:
        return True
    is_initial = len(token) == 1 and token.isalpha()
    is_acronym = "." in token and all(len(part) <= 1 for part in token.split("."))
    if folded in _MAYBE_END or is_initial or is_acronym:
        return word not in _STARTERS
    return False


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yields a sentence as it is, or an over-long one in pieces."""
    while end - start > MAX_SENTENCE:
        limit = start + MAX_SENTENCE
        half = start + MAX_SENTENCE // 2
        cut = max(text.rfind(mark, half, limit) for mark in ("; ", ", ", "，", "、"))
        if cut < 0:
            cut = text.rfind(" ", half, limit)
        cut = limit if cut < 0 else cut + 1
        first, last = _trim(text, start, cut)
        if first < last:
            yield first, last
        start = cut
    first, last = _trim(text, start, end)
    if first < last:
        yield first, last


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Returns the span without white space at its ends."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
