"""Which rows and which column of a table a question means: by its words, and by the embedder where words leave it open.

A row is meant when the question holds what the row is about, or another cell of it that is text ("hotel in Lisbon").
"""

import re
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import lru_cache

from rag.answer.operators.tables.degrees import price_among
from rag.answer.operators.tables.grid import Grid, Line, meaning
from rag.answer.operators.tables.measures import MEASURES, MONEY_VERBS, alike
from rag.answer.operators.tables.people import columns_of_people
from rag.answer.operators.tables.periods import PERIOD, said_by_period
from rag.answer.operators.tables.values import CURRENCY_SIGNS
from rag.protocols import Embedder
from rag.text.codes import codes_of
from rag.text.stop_words import ENGLISH
from rag.text.words import content_stems, match, prefixes_of, stem, stems, weight, words
from rag.types import Query

_CLEAR = 0.12  # by how much a column must be more like the question than any other
_LEAST = 0.33  # cosine below which a column says nothing of what is asked
_FIRST_PART = 0.8  # what a name counts of which the part before a comma or bracket is said alone
_REPEATED = 0.4  # what a word of a name counts that other rows have as well
_FEW_WORDS = 2  # behind a comma that a name may be said without
_LAST_NUMBER = re.compile(r"(?P<words>\w+ .*\w)\s\d{1,2}$")  # behind two words or more
_YEAR = re.compile(r"\b(?:1[6-9]|20|21)\d\d\b")
_NET = re.compile(r"(?:total )?net (?P<plain>revenues?|sales)", re.IGNORECASE)
_AGAINST = ("vs", "versus")  # between two names
_ALL_OF_IT = frozenset(stems("whole entire complete overall"))  # in front of a name these say nothing new
_LONGEST_KEY = 6  # words of a cell that may say which row is meant


@dataclass(frozen=True, slots=True)
class Meant:
    """A row that the question means: by how much of its name (0 to 1), and which stems of the question say so.

    ``by_name`` is false where another cell of the row says that it is meant.
    """

    line: Line
    strength: float
    said: frozenset[str]
    by_name: bool = True


def shared(query: Query, there: Set[str]) -> frozenset[str]:
    """The stems of the question that occur among others: exactly, as relatives, or as another word for a measure."""
    prefixes = prefixes_of(there)
    return frozenset(term for term in query.rarity if match(term, there, prefixes) > 0 or alike(term) & there)


def said_in_column(query: Query, name: str) -> frozenset[str]:
    """The stems of the question that the name of a column, or of a group of rows, says."""
    return shared(query, frozenset(meaning(name))) | said_by_period(query, name)


def share(query: Query, said: Set[str]) -> float:
    """The share of the question's weight that some of its stems carry."""
    total = sum(query.rarity.values()) or 1.0
    return sum(value for term, value in query.rarity.items() if term in said) / total


_HOW_MUCH = re.compile(r"\bhow much (?:is|are|was|were|does|do|did)\b", re.IGNORECASE)
_INSTEAD = re.compile(r", what about (?P<instead>.+)$", re.IGNORECASE)


def asked_stems(query: Query) -> frozenset[str]:
    """The stems of the question by which rows are told; of a question with something new in place of what an earlier
    one asked about ("..., what about the final?") those of the new."""
    instead = _INSTEAD.search(query.text)
    return frozenset(content_stems(instead["instead"])) if instead else frozenset(query.rarity)


def meant_lines(query: Query, grid: Grid, *, several: bool = False) -> list[Meant]:
    """The rows that the question means, the clearest first. ``several``: it may name more than one of them."""
    asked = asked_stems(query)
    others = frozenset(stems(" ".join(line.name for line in grid.lines))) if several else frozenset[str]()
    repeated = _repeated(grid)
    people = _rows_with_names(query, grid)
    found = []
    for line in grid.lines:
        group = said_in_column(query, line.group) if line.group else frozenset()
        strength, said = _named(query, line.name, asked, repeated)
        by_name = True
        if strength < _FIRST_PART and (as_net := _as_net_total(query, grid, line)):
            strength, said = _FIRST_PART, as_net
        if strength < 1.0 and 0 in people and (first := _first_name(line.name, people[0])):
            strength, said = 1.0, first
        for column, cell in line.cells.items():
            if cell.value is None and len(cell.text.split()) <= _LONGEST_KEY:
                other, other_said = _named(query, cell.text, asked)
                if other < 1.0 and column in people and (first := _first_name(cell.text, people[column])):
                    other, other_said = 1.0, first
                if other > strength:
                    strength, said, by_name = other, other_said, False
        known = others | said if several else others  # of two people each has a first name
        if strength > 0 and not is_narrowed(query, grid, line, said | group, known):
            years = frozenset(cell.text for cell in line.cells.values() if cell.text in query.names)
            found.append(Meant(line, strength, said | group | years, by_name))
    return sorted(found, key=lambda meant: (-round(meant.strength, 3), -share(query, meant.said), meant.line.start))


def _rows_with_names(query: Query, grid: Grid) -> dict[int, Counter[str]]:
    """For each column of people how many rows hold the names that the question says."""
    columns = columns_of_people(grid) if query.names else []
    return {
        column: Counter(term for line in grid.lines for term in query.names & frozenset(stems(grid.text(line, column))))
        for column in columns
    }


def _first_name(text: str, rows: Counter[str]) -> frozenset[str]:
    """The stems of the question that are a part of a person's name, where no other row of the column has them."""
    return frozenset(term for term in stems(text) if rows[term] == 1 and term[:1].isalpha())


def _repeated(grid: Grid) -> frozenset[str]:
    """The stems that stand in the names of several rows and tell none of them: "services" in "Advertising services"
    and "Subscription services"."""
    counts = Counter(term for name in {line.name for line in grid.lines} for term in frozenset(_content(name)))
    return frozenset(term for term, count in counts.items() if count > 1)


def _named(query: Query, name: str, asked: Set[str], repeated: Set[str] = frozenset()) -> tuple[float, frozenset[str]]:
    """How much of a name the question says; a name's part before a comma or bracket may stand for it."""
    whole, part = (_held(query, text, asked, repeated) for text in (name, _first_part(name)))
    return max(whole, (_FIRST_PART * part[0], part[1]), key=lambda scored: scored[0])


def _as_net_total(query: Query, grid: Grid, line: Line) -> frozenset[str]:
    """The stems of the question that mean a row "Total net revenue" by "revenue" alone: where it says nothing else that
    could narrow it, and no other row."""
    net = _NET.fullmatch(line.name)
    if net is None or not shared(query, frozenset(stems(net["plain"]))):
        return frozenset()
    own = shared(query, frozenset(stems(line.name)))
    columns = frozenset[str]().union(*(said_in_column(query, name) for name in grid.columns))
    known = own | columns | shared(query, around(grid)) | PERIOD | _ALL_OF_IT
    others = frozenset(term for other in grid.lines for term in _content(other.name)) - frozenset(_content(line.name))
    left = query.rarity.keys() - known - grid.fiscal_years
    return own if not left and not (query.rarity.keys() & others) - grid.names else frozenset()


def _first_part(name: str) -> str:
    """A name without what stands in brackets, without a few words behind a comma, and without a number at its end:
    "Arvo City" of "Arvo City 3"."""
    plain = _LAST_NUMBER.sub(r"\g<words>", name.partition("(")[0].strip())
    first, _, rest = plain.partition(",")
    return first.strip() if len(rest.split()) <= _FEW_WORDS else plain


def is_narrowed(query: Query, grid: Grid, line: Line, said: Set[str], others: frozenset[str] = frozenset()) -> bool:
    """Whether the question puts a word that is said nowhere in front of those by which a row or column is told: "gaming
    revenue" is not the row "Revenue". ``others`` are the stems of further rows that it may name."""
    document = grid.passage.document
    headings = (document.title, document.path.rpartition("/")[2], *grid.passage.heading_path)
    names = (line.name, line.group, *headings, *grid.columns)
    known = frozenset(stems(" ".join(names))) | grid.names | PERIOD | _ALL_OF_IT | others
    prefixes = prefixes_of(known)
    run: list[str] = []
    end = 0
    for word, start, stop in words(query.text):
        term = stem(word)
        if term not in query.rarity or query.text[end:start].strip(" -'’s") or word in _AGAINST:
            run = []
        if term in query.rarity and word not in _AGAINST:
            if term in said and any(other not in said and match(other, known, prefixes) == 0 for other in run):
                return True
            run.append(term)
        end = stop
    return False


def asks_for_another_measure(query: Query, grid: Grid, line: Line, said: Set[str]) -> bool:
    """Whether the question names a measure that stands neither in nor around a table whose columns are periods: "AWS
    sales" and "the sales of AWS" are not in the table of operating income that has a row "AWS"."""
    if not any(map(str.isdigit, "".join(map(grid.column_name, grid.value_columns)))):
        return False
    known = shared(query, in_front(grid) | frozenset(stems(f"{line.name} {line.group}")))
    measures = (MEASURES & query.rarity.keys()) - MONEY_VERBS
    if measures and not measures & known:
        return True
    group = frozenset(stems(line.group))
    own = group | frozenset(stems(line.name))
    if measures and group & MEASURES and not any(measures & (alike(term) | {term}) for term in own):
        return True  # the row stands under "Operating income:" where the revenue is asked for
    follows = False
    end = 0
    for word, start, stop in words(query.text):
        term = stem(word)
        if query.text[end:start].strip(" -'’s"):
            follows = False
        if follows and term in MEASURES and term not in said:
            return term not in known
        follows = term in said
        end = stop
    return False


def is_money(grid: Grid, column: int) -> bool:
    """Whether the numbers of a column are amounts of money: accounts write the sign in the first row and the sum."""
    values = (line.cells[column].value for line in grid.lines if column in line.cells)
    return any(value is not None and value.before in CURRENCY_SIGNS for value in values)


def _held(query: Query, name: str, asked: Set[str], repeated: Set[str] = frozenset()) -> tuple[float, frozenset[str]]:
    wanted = frozenset(_content(name))
    if not wanted:
        return 0.0, frozenset()
    prefixes = prefixes_of(asked)
    weights = {term: weight(term) * (_REPEATED if term in repeated else 1.0) for term in wanted}
    whole = sum(weights.values()) or 1.0
    held = {term for term in wanted if match(term, asked, prefixes) > 0 or alike(term) & asked}
    said = shared(query, held)
    spoken = codes_of(query.text)
    for joined, own in codes_of(name).items() if spoken else ():
        if spoken.get(joined, frozenset()) & asked:  # the same code, written in another way
            held |= own & wanted
            said |= spoken[joined] & query.rarity.keys()
    return sum(weights[term] for term in held) / whole, said


@lru_cache(maxsize=8192)
def _content(name: str) -> tuple[str, ...]:
    return tuple(meaning(name))


def asked_columns(query: Query, grid: Grid, taken: Set[str], columns: Sequence[int], least: float = 0.0) -> list[int]:
    """Those of some columns that hold most of what the question says beside the stems that are ``taken``, and of these
    the ones whose whole name it says ("Q2" before "Comment (Q2)"); none where none holds anything. ``least`` is the
    share of a column's name that must be said."""
    scored: list[tuple[float, int]] = []
    for column in _of_asked_years(query, grid, columns):
        if least and _held(query, grid.column_name(column), frozenset(query.rarity))[0] < least:
            continue
        there = said_in_column(query, grid.column_name(column)) - taken - ENGLISH
        scored.append((sum(query.rarity[term] for term in there), column))
    best = max((score for score, _ in scored), default=0.0)
    found = [column for score, column in scored if score == best] if best > 0 else []
    if len(found) > 1 and _HOW_MUCH.search(query.text) and (price := price_among(grid, found)) is not None:
        return [price]  # "how much is a night?" asks for the price per night, not for the nights
    whole = [column for column in found if _held(query, grid.column_name(column), frozenset(query.rarity))[0] == 1.0]
    return whole or found


def _of_asked_years(query: Query, grid: Grid, columns: Sequence[int]) -> list[int]:
    """The columns without those that name other years alone, where one names a year of the question: "2022" is never
    taken for "September 2023" because of the month that stands above it."""
    asked = frozenset(_YEAR.findall(query.text))
    years = {column: frozenset(_YEAR.findall(grid.column_name(column))) for column in columns}
    if not any(asked & named for named in years.values()):
        return list(columns)
    return [column for column, named in years.items() if not named or asked & named]


def likest_column(text: str, grid: Grid, columns: Sequence[int], embedder: Embedder) -> int | None:
    """The column whose name is most like a text; None where none is clearly so."""
    named = [column for column in columns if grid.column_name(column)]
    if not named:
        return None
    cosines = embedder.embed_passages([grid.column_name(column) for column in named]) @ embedder.embed_query(text)
    ranked = sorted(zip(map(float, cosines), named, strict=True), reverse=True)
    if ranked[0][0] < _LEAST or (len(ranked) > 1 and ranked[0][0] - ranked[1][0] < _CLEAR):
        return None
    return ranked[0][1]


def around(grid: Grid) -> frozenset[str]:
    """Stems of what a table is about: the text in front of it, headings, the title and the name of the file, and the
    names at the document's beginning."""
    document = grid.passage.document
    return frozenset(stems(" ".join([grid.around, document.title, document.path.rpartition("/")[2]]))) | grid.names


def in_front(grid: Grid) -> frozenset[str]:
    """The same with the names of the columns."""
    return around(grid) | frozenset(stems(" ".join(grid.columns)))
