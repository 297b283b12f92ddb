"""Computes differences and sums of values in tables, with the sum shown.

Of two rows in one column ("how much more is Elan Sport than Fjell Tour?"), of one row in two columns ("this year than
last year"), or of a row from one column to another ("from January to March").
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from rag.answer.asked.computation import TOTAL_OF
from rag.answer.expected import is_date
from rag.answer.operators.computed.sides import OR_THAN, joined_sides_of, sides_of
from rag.answer.operators.tables.choosing import is_total
from rag.answer.operators.tables.degrees import measured_by, price_of_rows
from rag.answer.operators.tables.grid import Grid, Line
from rag.answer.operators.tables.matching import (
    Meant,
    around,
    asked_columns,
    asks_for_another_measure,
    in_front,
    is_narrowed,
    likest_column,
    meant_lines,
    said_in_column,
    share,
    shared,
)
from rag.answer.operators.tables.measures import MEASURES
from rag.answer.operators.tables.values import Value, difference, total
from rag.answer.operators.worked import Statement, Worked, row_source
from rag.protocols import Embedder
from rag.text.stop_words import ENGLISH
from rag.text.words import stem, stems, words
from rag.types import Query

_STRENGTH = 0.75
_COVERED = 0.6
_COVERED_BY_TOTAL = 1.0  # strength of a total that no word of the question names
_NAMED = 0.5  # share of the question that a row and two of its columns must hold
_DIFFERENCE = re.compile(
    r"\bhow (?:much|many)\b.*\b(?:more|less|fewer|higher|lower|longer|shorter|cheaper|heavier|bigger|larger|smaller|"
    r"faster|slower|older|younger|taller|deeper|wider)\b"
    r"|\bby how (?:much|many)\b|\bdifference\b|\bgap between\b|\b(?:price|cost|pay) gap\b"
    r"|\bhow (?:far|much) short\b|\bhow (?:much|many)\b.*"
    r"\b(?:rise|rose|grow|grew|increased?|decreased?|fall|fell|drop(?:ped)?|change[ds]?)\b"
    r"|\bhow (?:much|many)\b.*\b(?:go|goes|went|gone|come|came) (?:up|down)\b|\bhow much (?:cheaper|dearer)\b"
    r"|\bby how (?:much|many)\b.*\bexceed",
    re.IGNORECASE,
)
_YEAR_AGO = re.compile(
    r"\b(?:compared to|compared with|relative to|vs\.?|versus|against) "
    r"(?:last year|the (?:previous|prior) year|(?:a|one) year (?:ago|earlier|before))\b"
    r"|\b(?:year[- ]over[- ]year|year on year|yoy)\b",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(r"%|\bpercent\w*|\brates?\b|^\W*(?:is|are|was|were|did|does|do|has|have)\b", re.IGNORECASE)
_BOUND = re.compile(r"\b(?:more|less|fewer)\s+than\s+(?:[$€£]\s*)?\d", re.IGNORECASE)  # which rows are meant
_SUM = re.compile(r"\b(?:together|in total|in all|altogether|combined|sum of|both|plus)\b", re.IGNORECASE)
_SAYS_TOTAL = frozenset(stems("total number count amount"))
_BOTH = re.compile(r"\bboth (?:the |of the )?(?P<kind>\w+)", re.IGNORECASE)
_RANGE = re.compile(r"\bfrom\b.+\b(?:to|till|until|through)\b", re.IGNORECASE)
_WHICH = re.compile(
    r"^\W*(?:which|what|who|whose|is|are|was|were|does|do|did|has|have)\b.*\b(?:more|less|fewer|[a-z]{3,}er)\b"
    r"|^\W*(?:more|less|fewer)\b.*\bor\b",
    re.IGNORECASE,
)
_COSTS = re.compile(r"\bhow much\b|\b(?:cost|costs|price|pay|paid)\b", re.IGNORECASE)
_LESS = re.compile(
    r"\b(?:less|fewer|lower|smaller|shorter|cheaper|lighter|earlier|slower|nearer|colder|quieter|younger|older)\b",
    re.IGNORECASE,
)
# Words that ask for a computation, whatever is computed.
_COMPUTING = frozenset(
    stems("difference rise rose grow grew increase increased decrease decreased fall fell drop dropped change changed")
)
_TOTAL_WORDS = frozenset(stems("total totals"))


def asks_for_difference(question: str) -> bool:
    """Whether a question asks by how much two things differ."""
    return _DIFFERENCE.search(question) is not None


def asks_to_compute(question: str) -> bool:
    """Whether a question asks for a sum or a difference, which no single value answers."""
    if _BOUND.search(question) is not None:
        return False
    return any((asks_for_difference(question), _SUM.search(question), TOTAL_OF.search(question)))


def compute(query: Query, grids: Sequence[Grid], embedder: Embedder) -> Worked | None:
    """The sum, difference or comparison that the question asks for; None for other questions."""
    text = query.text
    if asks_for_difference(text) or (_YEAR_AGO.search(text) and not _OTHERWISE.search(text)):
        found = [_difference(query, grid, embedder) for grid in grids]
    elif TOTAL_OF.search(text):
        found = [_of_column(query, grid) for grid in grids]
    elif _SUM.search(text):
        found = [_sum(query, grid, embedder) for grid in grids]
    elif _WHICH.search(text) and OR_THAN.search(text):
        found = [_compared(query, grid, embedder) for grid in grids]
    else:
        return None
    best = max((worked for worked in found if worked is not None), key=lambda worked: worked.strength, default=None)
    return best if best is not None and best.strength >= _COVERED else None


def _meant(query: Query, grid: Grid) -> list[Meant]:
    """The rows that the question names, each by words of its own, in the order in which it does."""
    kept: list[Meant] = []
    found = meant_lines(query, grid, several=True)
    for meant in found:
        if not meant.by_name and _is_one_of_several(meant, found):
            continue
        others = frozenset().union(*(other.said for other in kept))
        if meant.strength >= _STRENGTH and meant.said - others and _is_measured(query, grid, meant):
            kept.append(meant)
    order = {stem(word): start for word, start, _ in reversed(words(query.text))}

    def place(meant: Meant) -> int:
        others = frozenset().union(*(other.said for other in kept if other is not meant))
        return min(order.get(term, len(query.text)) for term in meant.said - others or meant.said)

    return sorted(kept, key=place)


def _is_one_of_several(meant: Meant, found: Sequence[Meant]) -> bool:
    """Whether what tells a row, in another cell than its name, tells others as well: it is a group of rows then."""
    return any(
        other.line is not meant.line and other.said == meant.said and other.strength == meant.strength
        for other in found
    )


def _is_measured(query: Query, grid: Grid, meant: Meant) -> bool:
    return not asks_for_another_measure(query, grid, meant.line, meant.said)


def _difference(query: Query, grid: Grid, embedder: Embedder) -> Worked | None:
    meant = _meant(query, grid)
    if len(meant) < 2:
        meant = joined_sides_of(query, grid) or meant
    if len(meant) == 2:
        return _of_rows(query, grid, meant, embedder, difference=True)
    if len(meant) == 1:
        return _of_columns(query, grid, meant[0], difference=True)
    totals = [line for line in grid.lines if is_total(grid, line)]
    if not meant and len(totals) == 1 and not is_narrowed(query, grid, totals[0], MEASURES & query.rarity.keys()):
        # nothing is named, and no word stands in front of what is measured ("gaming revenue"): all of it
        worked = _of_columns(query, grid, Meant(totals[0], 1.0, frozenset()), difference=True)
        return worked if worked is not None and worked.strength >= _COVERED_BY_TOTAL else None
    return None


def _sum(query: Query, grid: Grid, embedder: Embedder) -> Worked | None:
    meant = _meant(query, grid)
    if len(meant) < 2:
        meant = joined_sides_of(query, grid) or meant
    if len(meant) >= 2:
        return _of_rows(query, grid, meant, embedder, difference=False)
    if len(meant) == 1:
        return _of_columns(query, grid, meant[0], difference=False)
    both = _both(query, grid)
    if both:
        return _of_rows(query, grid, both, embedder, difference=False)
    return _of_column(query, grid) if not meant else None


def _both(query: Query, grid: Grid) -> list[Meant]:
    """The two rows whose names hold what is asked of both: "both exams" of "Midterm exam" and "Final exam"."""
    asked = _BOTH.search(query.text)
    if asked is None:
        return []
    kind = frozenset(stems(asked["kind"])) & query.rarity.keys()
    lines = [line for line in grid.lines if kind & frozenset(stems(line.name)) and not is_total(grid, line)]
    return [Meant(line, 1.0, kind) for line in lines] if len(lines) == 2 else []


def _of_column(query: Query, grid: Grid) -> Worked | None:
    """The sum of a named column over all rows, or over those in which a year or number stands that the question
    names."""
    columns = asked_columns(query, grid, _SAYS_TOTAL, grid.value_columns)
    if len(columns) != 1:
        return None
    lines = [line for line in grid.lines if _value(line, columns[0]) is not None and not is_total(grid, line)]
    picked = [line for line in lines if any(cell.text in query.names for cell in line.cells.values())]
    lines = picked or lines
    said = shared(query, in_front(grid)) | {cell.text for line in picked for cell in line.cells.values()}
    values = [value for line in lines if (value := _value(line, columns[0])) is not None]
    if len(lines) < 2 or query.names - said or not _one_currency(values):
        return None
    names = [grid.called(line) for line in lines]
    return _worked(query, grid, grid.column_name(columns[0]), names, values, lines, frozenset(said), difference=False)


def _of_rows(
    query: Query, grid: Grid, meant: Sequence[Meant], embedder: Embedder, *, difference: bool
) -> Worked | None:
    named = frozenset().union(*(each.said for each in meant))
    column = _column(query, grid, meant, named, embedder)
    if column is None:
        return None
    lines = [each.line for each in meant]
    values = [_value(line, column) for line in lines]
    said = named | shared(query, around(grid)) | said_in_column(query, grid.column_name(column))
    if any(value is None for value in values) or query.names - said or _leaves_out(query, said):
        return None
    known = [value for value in values if value is not None]
    if not all(value.is_like(known[0]) for value in known) and not _one_currency(known):
        return None
    names = [grid.called(line) for line in lines]
    return _worked(query, grid, grid.column_name(column), names, known, lines, said, difference=difference)


def two_periods_of(query: Query, grid: Grid) -> tuple[Line, tuple[int, int], float] | None:
    """The one row that a question names with the two columns that it compares or that hold the same at different times,
    and the share of the question that they account for; None where there are none."""
    meant = _meant(query, grid) or _total_called(query, grid)
    worked = _of_columns(query, grid, meant[0], difference=True) if len(meant) == 1 else None
    if worked is None:
        return None
    columns = [column for column in grid.value_columns if _value(meant[0].line, column) is not None]
    asked = [column for column in columns if asked_columns(query, grid, meant[0].said, [column])]
    first, second = _to_subtract(grid, columns, asked)
    return meant[0].line, (first, second), worked.strength


def _total_called(query: Query, grid: Grid) -> list[Meant]:
    """The one total whose name but for "total" the question says: "net sales" of "Total net sales"."""
    found = []
    for line in grid.lines:
        wanted = frozenset(stems(line.name)) - _TOTAL_WORDS - ENGLISH
        if wanted and is_total(grid, line) and wanted <= shared(query, wanted):
            found.append(Meant(line, 1.0, wanted & query.rarity.keys()))
    return found if len(found) == 1 else []


def _to_subtract(grid: Grid, columns: Sequence[int], asked: Sequence[int]) -> list[int]:
    """The two columns of which the question names both, or the first two that hold the same at different times."""
    return list(asked if len(asked) == 2 else columns if len(columns) == 2 else two_periods(grid, columns))[:2]


def _of_columns(query: Query, grid: Grid, meant: Meant, *, difference: bool) -> Worked | None:
    columns = [column for column in grid.value_columns if _value(meant.line, column) is not None]
    asked = [column for column in columns if asked_columns(query, grid, meant.said, [column])]
    if difference:
        asked = _to_subtract(grid, columns, asked)
    elif _RANGE.search(query.text) and len(asked) == 2:
        asked = [column for column in columns if asked[0] <= column <= asked[1]]
    elif len(asked) < 2 and len(columns) == 2:
        asked = columns if two_periods(grid, columns) or _share_a_word(grid, columns) else asked
    if len(asked) < 2:
        return None
    known = [value for column in asked if (value := _value(meant.line, column)) is not None]
    names = [grid.column_name(column) for column in asked]
    said = meant.said | shared(query, around(grid)) | shared(query, frozenset(stems(" ".join(names))))
    if (
        query.names - said
        or _leaves_out(query, said)
        or (difference and _is_of_another_measure(query, grid, meant.line, names))
        or (meant.said and share(query, said | _computing(query)) < _NAMED)
        or not (all(value.is_like(known[0]) for value in known) or _one_currency(known))
    ):
        return None
    worked = _worked(query, grid, grid.called(meant.line), names, known, [meant.line], said, difference=difference)
    return replace(worked, strength=worked.strength + share(query, meant.said))  # "Net income" before "Other, net"


def _is_of_another_measure(query: Query, grid: Grid, line: Line, columns: Sequence[str]) -> bool:
    """Whether the question says revenue or income, and another row or group of the table is called so, not this one."""
    asked = MEASURES & query.rarity.keys()
    own = frozenset(stems(" ".join([line.name, line.group, *columns])))
    return bool(asked - own) and any(
        asked & frozenset(stems(f"{other.name} {other.group}")) for other in grid.lines if other is not line
    )


def _leaves_out(query: Query, said: frozenset[str]) -> bool:
    """Whether something that "and" adds is nothing of what was found."""
    stems_ = stems(query.text)
    after = [
        next((term for term in stems_[at + 1 :] if term in query.rarity), None)
        for at, each in enumerate(stems_)
        if each == "and"
    ]
    return any(term is not None and term not in said for term in after)


def two_periods(grid: Grid, columns: Sequence[int]) -> list[int]:
    """The first two columns that hold the same at different times: their names share most of their words."""
    for one, other in pairwise(columns):
        first, second = (frozenset(stems(grid.column_name(column))) for column in (one, other))
        dated = is_date(grid.column_name(one)) and is_date(grid.column_name(other)) and first & second - ENGLISH
        if dated or (first and second and len(first & second) * 2 >= len(first | second) - 1 and first & second):
            return [one, other]
    return []


def _share_a_word(grid: Grid, columns: Sequence[int]) -> bool:
    """Whether columns are of one kind: "fee per year" and "joining fee"."""
    one, other = (frozenset(stems(grid.column_name(column))) for column in columns)
    return bool(one & other - ENGLISH)


def _worked(
    query: Query,
    grid: Grid,
    about: str,
    names: Sequence[str],
    values: Sequence[Value],
    lines: Sequence[Line],
    said: frozenset[str],
    *,
    difference: bool,
) -> Worked:
    """ "1,100: Price in euros, Elan Sport 3,990 - Fjell Tour 2,890"."""
    pairs = (
        sorted(zip(values, names, strict=True), key=lambda pair: -pair[0].number)
        if difference
        else list(zip(values, names, strict=True))
    )
    result = _less(pairs[0][0], pairs[1][0]) if difference else total([value for value, _ in pairs])
    joint = " − " if difference else " + "
    shown = joint.join(f"{name} {grid.written(value)}" for value, name in pairs)
    text = f"{grid.written(result)}{f' ({about})' if about else ''}: {shown} = {grid.written(result)}."
    covered = share(query, said | _computing(query))
    return Worked((Statement(text, tuple(row_source(grid, line) for line in lines)),), covered + 0.25)


def _computing(query: Query) -> frozenset[str]:
    """The stems of the question that only ask for a computation."""
    ago = _YEAR_AGO.search(query.text)
    return (_COMPUTING | frozenset(stems(ago[0] if ago else ""))) & query.rarity.keys()


def _less(one: Value, other: Value) -> Value:
    return difference(one, other)


def _compared(query: Query, grid: Grid, embedder: Embedder) -> Worked | None:
    """Which of two named rows has more or less of what is asked."""
    meant = _meant(query, grid)
    if len(meant) != 2:
        meant = sides_of(query, grid)
    if len(meant) != 2:
        return None
    named = frozenset().union(*(each.said for each in meant))
    column = _column(query, grid, meant, named, embedder)
    values = [_value(each.line, column) for each in meant] if column is not None else []
    if column is None or len(values) != 2 or values[0] is None or values[1] is None:
        return None
    said = named | shared(query, around(grid)) | said_in_column(query, grid.column_name(column))
    if query.names - said or values[0].number == values[1].number:
        return None
    less = _LESS.search(query.text) is not None
    first_has_it = (values[0].number < values[1].number) == less
    winner, other = (meant[0], meant[1]) if first_has_it else (meant[1], meant[0])
    is_verdict = re.match(r"^\W*(?:is|are|was|were|does|do|did|has|have)\b", query.text, re.I) and not re.search(
        r"\bor\b", query.text, re.I
    )
    front = ("Yes: " if first_has_it else "No: ") if is_verdict else f"{grid.called(winner.line)}: "
    text = f"{front}{grid.said(winner.line, column)}; {grid.said(other.line, column)}."
    sources = tuple(row_source(grid, each.line) for each in (winner, other))
    return Worked((Statement(text, sources),), share(query, said) + 0.25)


def _column(query: Query, grid: Grid, meant: Sequence[Meant], named: frozenset[str], embedder: Embedder) -> int | None:
    columns = [column for column in grid.value_columns if all(_value(each.line, column) is not None for each in meant)]
    if len(columns) == 1:
        return columns[0]
    if _COSTS.search(query.text) and (price := price_of_rows(grid, [each.line for each in meant])) is not None:
        return price
    asked = asked_columns(query, grid, named, columns)
    if asked:
        periods = all(any(map(str.isdigit, grid.column_name(column))) for column in asked)
        return asked[0] if len(asked) == 1 or periods else None
    rest = " ".join(query.text[start:end] for word, start, end in words(query.text) if stem(word) not in named)
    column = measured_by(rest, grid, columns)
    if column is None:
        column = likest_column(rest, grid, columns, embedder)
    if column is None and columns and all(any(map(str.isdigit, grid.column_name(each))) for each in columns):
        return columns[0]
    return column


def _value(line: Line, column: int) -> Value | None:
    cell = line.cells.get(column)
    return None if cell is None else cell.value


def _one_currency(values: Sequence[Value]) -> bool:
    """Whether only the first row of a column carries the sign, as in accounts."""
    signs = {value.before for value in values if value.before}
    return len(signs) <= 1 and len({value.after for value in values}) == 1
