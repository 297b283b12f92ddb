"""Quotes the entries of manuals and chronicles that a question names by what they begin with.

coded   an error code or a display: "What should I do when E10 appears?" -> the row or item that begins with E10
dated   a year or day: "what happened in 1934?" -> the items that begin with it; "what happened first?" -> the first one
"""

import re
from collections.abc import Sequence

from rag.answer.operators.tables.grid import Texts
from rag.answer.operators.whole_document import whole_documents
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import paragraph_end, readable
from rag.answer.rows import units_of
from rag.text.dates import date_terms
from rag.text.sentences import Unit
from rag.text.words import stem, stems, words
from rag.types import Passage, Query

_CODE = re.compile(r"\b[A-Z]{1,3}[- ]?\d{1,4}\b")
_PERIOD = re.compile(r"Q[1-4]|[HS][12]|FY[- ]?\d+|(?:KW|CW|W)[- ]?\d{1,2}")  # no code, but when something was so
_BEHIND_CODE = re.compile(r"\s*(?:[:|–—-]|$)|\s{2,}")
_ASKS_CODE = re.compile(
    r"^\W*(?:and )?(?:what(?:'s|’s)?\b|why\b|how (?:do|can|should|to)\b|which (?:error|fault|problem|message)\b)", re.I
)
_OF_AMOUNT = frozenset(["number", "date", "person", "place"])  # kinds of questions that ask for a part of an entry
_HAPPENED = re.compile(
    r"^\W*(?:and )?what (?:(?:was|is) the (?P<a>first|last|earliest|latest) (?:thing|event|entry|item)\b"
    r"|(?:happened|took place|occurred)(?: (?P<b>first|last))?\b)",
    re.IGNORECASE,
)
_DATED = re.compile(r"(?:in |on )?(?P<date>.{3,24}?)\s*(?:[:|–—]| - )", re.IGNORECASE)
_YEAR = re.compile(r"(?:1\d|20)\d\d")
_LEAST_ENTRIES = 3
_SAYS_NOTHING = frozenset(
    stems("happen happened take took place occur thing event entry item first last earliest latest")
)
_DOCUMENTS = 3
_READ = 200_000  # characters of a document that is looked through


def find_entry_of_code(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """The one entry of the code; None for other questions, and where several entries begin with it."""
    code = next((one for one in _CODE.finditer(query.text) if _PERIOD.fullmatch(one[0]) is None), None)
    if code is None or _ASKS_CODE.match(query.text) is None or query.kind in _OF_AMOUNT:
        return None
    others = query.rarity.keys() - frozenset(stems(code[0]))
    found: list[tuple[float, Passage, Unit]] = []
    for whole in whole_documents(passages, texts, _DOCUMENTS, _READ):
        about = frozenset(stems(whole.text))
        for unit in _units(whole):
            start = re.match(re.escape(code[0]), whole.text[unit.first : unit.end])
            if start is not None and _BEHIND_CODE.match(whole.text, unit.first + start.end(), unit.end):
                found.append((sum(query.rarity[term] for term in others & about), whole, unit))
    found.sort(key=lambda each: -each[0])
    if not found or (len(found) > 1 and found[1][0] == found[0][0]):
        return None
    _, whole, unit = found[0]
    end = unit.end if unit.is_table_row else paragraph_end(whole.text, unit.end)
    return Worked((_stated(whole, unit.first, end),), 1.0)


def find_dated_entry(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """The entries of the year or day that a question names, or the first or last one of a list of dated entries; None
    for other questions, and where two documents have such a list that the question does not tell apart."""
    asked = _HAPPENED.match(query.text)
    if asked is None:
        return None
    extreme = (asked["a"] or asked["b"] or "").casefold()
    days = [term for term in date_terms(query.text) if not extreme]
    years = frozenset(year for year in _YEAR.findall(query.text) if not extreme)
    named = (
        query.rarity.keys()
        - _SAYS_NOTHING
        - frozenset(stem(word) for word, _, _ in words(query.text) if word[0].isdigit())
    )
    if not extreme and not years:
        return None
    found: list[tuple[Passage, list[Unit]]] = []
    for whole in whole_documents(passages, texts, _DOCUMENTS, _READ):
        dated = [(unit, date) for unit in _units(whole) if (date := _date(whole, unit)) is not None]
        if len(dated) < _LEAST_ENTRIES or not named <= frozenset(stems(f"{whole.document.title} {whole.text[:200]}")):
            continue
        if extreme:
            chosen = [dated[0 if extreme in ("first", "earliest") else -1][0]] if _in_order(dated) else []
        elif days:
            chosen = [unit for unit, date in dated if frozenset(days) & frozenset(date_terms(date))]
        else:
            chosen = [unit for unit, date in dated if frozenset(_YEAR.findall(date)) & years]
        if chosen:
            found.append((whole, chosen))
    if len(found) != 1:
        return None
    whole, chosen = found[0]
    return Worked(tuple(_stated(whole, unit.first, unit.end) for unit in chosen), 1.0)


def _units(whole: Passage) -> list[Unit]:
    return [unit for unit in units_of(whole, len(whole.text)) if not unit.is_header_row]


def _date(whole: Passage, unit: Unit) -> str | None:
    """The date that a line or item begins with."""
    dated = _DATED.match(whole.text, unit.first, unit.end)
    if dated is None or not (_YEAR.fullmatch(dated["date"]) or date_terms(dated["date"])):
        return None
    return dated["date"]


def _in_order(dated: Sequence[tuple[Unit, str]]) -> bool:
    """Whether the years of entries never go back."""
    years = [int(found[0]) for _, date in dated if (found := _YEAR.search(date)) is not None]
    return len(years) == len(dated) and years == sorted(years)


def _stated(whole: Passage, start: int, end: int) -> Statement:
    return Statement(readable(whole, start, end), (Source(whole, start, end),))
