"""Which rows of a table a question picks out: by what stands in a column, by a bound on numbers, or all of them.

"Which e-bikes have a mid motor?", "who works in finance?", "services under 30 euros", "without a guarantee", "which
invoices were issued in May?".
"""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from decimal import Decimal

from rag.answer.expected import is_date
from rag.answer.operators.tables.grid import Grid, Line, meaning
from rag.answer.operators.tables.in_month import asked_month, rows_in_month
from rag.answer.operators.tables.marks import is_of_marks, marked_lines, says_yes
from rag.answer.operators.tables.matching import asked_columns, in_front, likest_column, said_in_column, share, shared
from rag.answer.operators.tables.values import read_value
from rag.answer.operators.tables.with_amount import rows_with_amount
from rag.protocols import Embedder
from rag.text import numbers
from rag.text.stop_words import ENGLISH
from rag.text.words import match, prefixes_of, stem, stems, words
from rag.types import Query

_COVERED = 0.6  # share of the question that the picking must account for
_BOUND = re.compile(
    r"\b(?P<kind>less than|fewer than|under|below|before|at most|up to|more than|over|above|after|since|at least|"
    r"exceeding)\s+(?:the year )?"
    rf"(?:[$€£]\s*)?(?P<number>{numbers.PATTERN})\s*(?P<unit>[^\W\d_]+)?",
    re.IGNORECASE,
)
_TOTAL = re.compile(r"(?:grand |sub)?totals?\b|all together\b", re.IGNORECASE)
_NOT = re.compile(r"\b(?:no|not|without|n't|isn't|aren't|don't|doesn't|none|never)\b|n't\b", re.IGNORECASE)
_FROM_OR_TO = re.compile(r"\b(?P<way>from|to) (?:the )?(?P<place>[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)*)")
_KINDS_OF = re.compile(r"\b(?:kinds?|types?|sorts?) of\b", re.IGNORECASE)
_ONE_TABLE = "text/csv"
_PEOPLE = frozenset(stems("people persons"))
_THINGS = frozenset(stems("things items objects entries"))  # what the rows of any table may be
_PERSON = re.compile(  # a word for people by what they do or are
    r"\b(?:how many|which|what|list|names?|who are)(?: of)?(?: all)?(?: the)? "
    r"(?P<word>(?:\w+(?:ers|ors|ists|ants|ees)|members|"
    r"students|pupils|children|men|women|guests|friends|colleagues|clients|staff))\b",
    re.IGNORECASE,
)
# Words with which a question says that things are there or belong somewhere; no table repeats them.
_ARE_THERE = frozenset(stems("take took taken part belong belongs be there exist participate included listed come"))
_IS_DONE = re.compile(  # what was done with things
    r"\b(?:is|are|was|were|been|be)(?: (?:still|already|now|currently|yet))? (?P<done>[a-z]+(?:ed|en|t|d|n))\b",
    re.IGNORECASE,
)
HOW_OFTEN = re.compile(r"^\W*(?:and )?how (?:often|many times)\b", re.IGNORECASE)
_NAMES_OF = re.compile(r"\bnames of\b(?: all)?", re.IGNORECASE)  # "the names of all members" are the members
_LIST = re.compile(r"^\W*(?:please )?(?:list|name|show(?: me)?|give me|tell me)\b(?: all)?", re.IGNORECASE)
_ASKING = (_KINDS_OF, _NAMES_OF, _LIST, HOW_OFTEN)  # in front of what is counted or listed
_PAID = frozenset(stems("pay paid buy bought spend spent order ordered"))
_LISTS_OF_VALUES = 2  # cells with several values from which a column is one of lists
_EXCEPT = re.compile(r"\b(?:no|not|without|but|except|free|kein\w*|ohne|sans|sin)\b", re.IGNORECASE)
_LONGEST_PART = 3  # words of one value
_PARTS = re.compile(r"\s*[,;/]\s*|\s+(?:and|und|et|y|e|&)\s+")
#: What people call a file whose rows they ask for; no table says so of itself.
KINDS_OF_FILES = frozenset(stems("spreadsheet spreadsheets sheet table list file document workbook excel csv"))
_NAMES_PEOPLE = frozenset(["name", "full name", "surname", "last name"])
_NOTHING = frozenset(["", "no", "none", "-", "–", "—", "0", "n/a", "nil"])


@dataclass(frozen=True, slots=True)
class Picked:
    """The rows that are meant, all of them where ``column`` is None; ``said`` are the question's stems that say so."""

    grid: Grid
    lines: tuple[Line, ...]
    column: int | None
    said: frozenset[str]
    covered: float
    is_bounded: bool = False


def pick(query: Query, grids: Sequence[Grid], embedder: Embedder) -> Picked | None:
    """The rows of the table that accounts best for the question; None where none does."""
    found = [picked for grid in grids for picked in _in_grid(query, grid, embedder) if not query.names - picked.said]
    best = max(found, key=lambda picked: (round(picked.covered, 3), picked.column is not None), default=None)
    return best if best is not None and best.covered >= _COVERED else None


def _in_grid(query: Query, grid: Grid, embedder: Embedder) -> list[Picked]:
    about = shared(query, in_front(grid))
    for asking in _ASKING:
        if (found_first := asking.search(query.text)) is not None:
            about |= frozenset(stems(found_first[0])) & query.rarity.keys()
    names = row_names(grid)
    head = counted(query)
    if head is None:
        return []
    if stem("child") in names:
        names |= {stem("kid")}
    if HOW_OFTEN.match(query.text) and all(is_date(line.name) for line in grid.lines):
        names |= {head} & (shared(query, in_front(grid)) | (_PAID if grid.value_columns else frozenset()))
        # each row of a list of payments is one time
    if names & _PEOPLE and (person := _PERSON.search(query.text)) is not None:
        names |= frozenset(stems(person["word"]))
    about |= (_ARE_THERE | (KINDS_OF_FILES - {head})) & query.rarity.keys()
    found = []
    own = [term for term in counted_phrase(query) if match(term, names, prefixes_of(names)) > 0][:1]
    is_named = bool(own) or (head in _THINGS and not names & _PEOPLE)
    if is_named:
        about |= {*own} or {head}
    of_people = query.kind == "person" and bool(names & _PEOPLE)
    bound = _BOUND.search(query.text)
    if bound is not None:
        picked = _bounded(query, grid, bound, about, embedder)
        return [picked] if picked is not None else []
    month = asked_month(query.text)
    if month is not None:
        return _in_month(query, grid, *month, about, head in names)
    for column in range(len(grid.columns)):
        told = _with_value(query, grid, column, about, is_named=is_named or of_people) or _with_end(
            query, grid, column, about
        )
        found += told or (_filled(query, grid, column, about) if is_named else [])
    if (with_amount := rows_with_amount(query, grid)) is not None:
        column, lines, told_by = with_amount
        lines = tuple(line for line in lines if not is_total(grid, line))
        said = frozenset(about | told_by)
        found.append(Picked(grid, lines, column, said, share(query, said)))
    if is_named:
        lines = tuple(line for line in grid.lines if not is_total(grid, line))
        found.append(Picked(grid, lines, None, about, share(query, about)))
    return found


def _in_month(query: Query, grid: Grid, month: int, when: Set[str], about: Set[str], is_named: bool) -> list[Picked]:
    """The rows whose date lies in the month, where the table says that they are what is asked for (``is_named``): of
    rows that are called by their date also a column of it."""
    found = rows_in_month(query, grid, month)
    if found is None or not (is_named or (found[0] == 0 and counted(query) in stems(" ".join(grid.columns)))):
        return []
    column, lines = found
    said = frozenset(about | (when & query.rarity.keys()) | said_in_column(query, grid.column_name(column)))
    return [Picked(grid, tuple(lines), column, said, share(query, said), True)]


def row_names(grid: Grid) -> frozenset[str]:
    """Stems of what the rows of a table are: the name of its first column and what heads it; a column of names of
    which nothing else is said holds people."""
    first = grid.column_name(0)
    document = grid.passage.document
    titles = [document.title] if document.media_type == _ONE_TABLE else []  # "Harbour ferries.csv" holds ferries
    numbered = [grid.column_name(1)] if _numbers_rows(grid, 1) else []
    names = frozenset(stems(" ".join([grid.kind_of_rows, *numbered, *grid.passage.heading_path[-1:], *titles])))
    return names | _PEOPLE if first.casefold().rstrip(":") in _NAMES_PEOPLE else names


def _numbers_rows(grid: Grid, column: int) -> bool:
    """Whether each row has a whole number of its own in a column: "Room" of a table of guests."""
    texts = [grid.text(line, column) for line in grid.lines]
    return len(texts) > 1 and all(map(str.isdigit, texts)) and len(set(texts)) == len(texts)


def counted(query: Query) -> str | None:
    """The stem of the first word of the question that carries meaning: what is counted or listed. "Kinds of",
    "list", "names of" and "how often" say nothing of it."""
    start = max(
        (found.end() for asking in _ASKING for found in asking.finditer(query.text)),
        default=0,
    )
    return next((stem(word) for word, at, _ in words(query.text) if at >= start and stem(word) in query.rarity), None)


def counted_phrase(query: Query) -> list[str]:
    """The stem of ``counted`` and of the word right behind it: "single rooms"."""
    head = counted(query)
    spoken = [(stem(word), start, end) for word, start, end in words(query.text)]
    at = next((at for at, (term, _, _) in enumerate(spoken) if term == head), None)
    if head is None or at is None:
        return []
    behind = [term for term, _, _ in spoken[at + 1 : at + 2] if term in query.rarity]
    return [head, *behind]


def _with_value(query: Query, grid: Grid, column: int, about: Set[str], *, is_named: bool) -> list[Picked]:
    """The rows whose cell in a column is said in the question, or that have nothing there where it asks for these. One
    of several values of a cell tells a row where the question says what the rows are or names the column."""
    header = said_in_column(query, grid.column_name(column)) - ENGLISH
    cells = {line: line.cells.get(column) for line in grid.lines} if column else {}
    texts = {line: cell.text for line, cell in cells.items() if cell is not None and cell.value is None}
    if not texts:
        return []
    if header and _NOT.search(query.text):
        lines = tuple(line for line, cell in cells.items() if cell is None or _says_nothing(cell.text))
        lines, by_others = _with_values(query, grid, lines, column)
        said = frozenset(header | about | by_others)
        return [Picked(grid, lines, column, said, share(query, said))] if lines else []
    if _NOT.search(query.text):
        return []
    if header and is_of_marks(grid, column) and is_said_most(query, grid, column):
        said = frozenset(header | about)
        return [Picked(grid, marked_lines(grid, column), column, said, share(query, said))]
    asked = frozenset(query.rarity)
    prefixes = prefixes_of(asked)
    said_by: dict[Line, frozenset[str]] = {}
    lists = sum(_PARTS.search(text) is not None for text in texts.values())
    several = bool(header) or (is_named and lists >= _LISTS_OF_VALUES)
    for line, text in texts.items():
        wanted = meaning(text)
        parts = _PARTS.split(text.casefold()) if _PARTS.search(text) else [text.casefold()]
        if wanted and len(wanted) <= 4 and all(match(term, asked, prefixes) > 0 for term in wanted):
            said_by[line] = frozenset(parts)
        elif several and (those := frozenset(part for part in parts if _is_said(part, asked))):
            said_by[line] = those
    values = frozenset[str]().union(*said_by.values())
    lines_ = tuple(line for line, parts_said in said_by.items() if parts_said == values)  # all that the question says
    if not lines_:
        return []
    said = frozenset(shared(query, frozenset(stems(" ".join(values)))) | header | about)
    return [Picked(grid, lines_, column, said, share(query, said))]


def _with_values(
    query: Query, grid: Grid, lines: tuple[Line, ...], besides: int
) -> tuple[tuple[Line, ...], frozenset[str]]:
    """Of some rows those with what the question says in another column as well: "ready but not collected"."""
    asked = frozenset(query.rarity) - said_in_column(query, grid.column_name(besides))
    said: frozenset[str] = frozenset()
    for column in range(1, len(grid.columns)):
        texts = {line: grid.text(line, column) for line in grid.lines if column != besides}
        held = {text for text in texts.values() if text and read_value(text) is None and _is_said(text, asked)}
        if len(held) == 1:
            lines = tuple(line for line in lines if texts[line] in held)
            said |= shared(query, frozenset(stems(next(iter(held)))))
    return lines, said


def _is_said(part: str, asked: Set[str]) -> bool:
    """Whether the question says one of the values of a cell in the same words: "German" of "English, German"."""
    wanted = frozenset(meaning(part))
    return _EXCEPT.search(part) is None and bool(wanted) and len(wanted) <= _LONGEST_PART and wanted <= asked


def _says_nothing(text: str) -> bool:
    return text.casefold() in _NOTHING or says_yes(text) is False


def _filled(query: Query, grid: Grid, column: int, about: Set[str]) -> list[Picked]:
    """The rows that have something in a column of which the question says that it happened: "how many are lent?" counts
    those with a borrower, where others have none."""
    name = grid.column_name(column)
    said = said_in_column(query, name) - ENGLISH - {counted(query)}
    if column == 0 or not said or _NOT.search(query.text) or _IS_DONE.search(query.text) is None:
        return []
    done = stem(_IS_DONE.findall(query.text)[-1].casefold())
    lines = tuple(line for line in grid.lines if column in line.cells)
    if done not in said or not lines:
        return []
    return [Picked(grid, lines, column, frozenset(said | about), share(query, said | about))]


def is_said_most(query: Query, grid: Grid, column: int) -> bool:
    """Whether the question says at least half of the words of a column's name."""
    wanted = frozenset(meaning(grid.column_name(column)))
    prefixes = prefixes_of(frozenset(query.rarity))
    return sum(match(term, query.rarity.keys(), prefixes) > 0 for term in wanted) * 2 >= len(wanted) > 0


def _with_end(query: Query, grid: Grid, column: int, about: Set[str]) -> list[Picked]:
    """The rows whose cell in a column begins with what the question says behind "from", or ends with what it says
    behind "to": "Varnholt to Cape Adder" leaves from Varnholt."""
    asked = _FROM_OR_TO.search(query.text)
    if asked is None or _NOT.search(query.text) or column < grid.name_columns:
        return []
    place = asked["place"].casefold()
    lines = []
    for line in grid.lines:
        text = line.cells[column].text.casefold() if column in line.cells else ""
        at = text.startswith(f"{place} ") if asked["way"].lower() == "from" else text.endswith(f" {place}")
        if at:
            lines.append(line)
    said = frozenset(shared(query, frozenset(stems(place))) | about)
    return [Picked(grid, tuple(lines), column, said, share(query, said))] if lines else []


def _bounded(query: Query, grid: Grid, bound: re.Match[str], about: Set[str], embedder: Embedder) -> Picked | None:
    """The rows whose number lies on the asked side of a bound, in the column that the question means."""
    columns = grid.value_columns
    if not columns:
        return None
    rest = f"{query.text[: bound.start()]} {bound['unit'] or ''} {query.text[bound.end() :]}"
    in_unit = [
        column
        for column in columns
        if bound["unit"] and stem(bound["unit"].casefold()) in stems(grid.column_name(column))
    ]
    asked = in_unit or asked_columns(query, grid, about, columns)
    column = asked[0] if len(asked) == 1 else columns[0] if len(columns) == 1 else None
    column = column if column is not None else likest_column(rest, grid, columns, embedder)
    if column is None:
        return None
    limit = Decimal(numbers.value(bound["number"]))
    kind = bound["kind"].lower()
    lines = []
    for line in grid.lines:
        value = line.cells[column].value if column in line.cells else None
        if value is not None and not is_total(grid, line) and _is_within(kind, value.number, limit):
            lines.append(line)
    said = frozenset(
        about | shared(query, frozenset(stems(bound[0]))) | said_in_column(query, grid.column_name(column))
    )
    return Picked(grid, tuple(lines), column, said, max(_COVERED, share(query, said)) if about else 0.0, True)


def _is_within(kind: str, number: Decimal, limit: Decimal) -> bool:
    if kind in ("less than", "fewer than", "under", "below", "before"):
        return number < limit
    if kind in ("at most", "up to"):
        return number <= limit
    return number >= limit if kind in ("at least", "since") else number > limit


def is_total(grid: Grid, line: Line) -> bool:
    """Whether a row is called a total, or is the sum of the same two or more rows above it in every column of
    numbers."""
    if _TOTAL.match(line.name):
        return True
    lengths: set[int] | None = None
    for column in grid.value_columns:
        own = line.cells[column].value if column in line.cells else None
        if own is None:
            continue
        above = Decimal(0)
        sums = set()
        for count, other in enumerate(reversed(grid.lines[: grid.lines.index(line)]), start=1):
            value = other.cells[column].value if column in other.cells else None
            above += value.number if value is not None else 0
            if count > 1 and above == own.number:
                sums.add(count)
        lengths = sums if lengths is None else lengths & sums
    return bool(lengths)
