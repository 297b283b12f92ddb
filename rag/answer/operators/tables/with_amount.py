"""Rows of a table that have exactly the amount that a question names: "plots of 250 m²", "dried at 65 degrees".

The column is one whose unit the question says behind the number, or whose name it says. "More than 250 m²" is a bound,
which is told elsewhere.
"""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from rag.answer.expected import is_date
from rag.answer.operators.tables.grid import Grid, Line
from rag.answer.operators.tables.matching import said_in_column
from rag.answer.operators.tables.values import Value
from rag.text import numbers
from rag.text.stop_words import ENGLISH
from rag.text.words import stems
from rag.types import Query

_UNITS = (
    "° °c °f degree degrees celsius grad degres grados gradi",
    "m2 m² qm sqm squaremetre squaremetres squaremeter squaremeters quadratmeter quadratmetern",
    "km kilometre kilometer kilometres kilometers kilometros kilometres chilometri",
    "m metre meter metres meters metros",
    "cm centimetre centimeter centimetres centimeters zentimeter",
    "kg kilo kilos kilogram kilograms kilogramm",
    "g gram grams gramm gramos grammes",
    "l litre liter litres liters litro litros",
    "ml millilitre milliliter",
    "h hour hours std stunde stunden heure heures hora horas ore",
    "min minute minutes minuten minutos minuti",
    "day days tag tage tagen jour jours dia dias",
    "% percent prozent pourcent",
    "€ eur euro euros",
    "£ gbp pound pounds pfund",
    "$ usd dollar dollars",
    "v volt volts",
    "w watt watts",
)
_ALIKE = {unit: group for group in (frozenset(units.split()) for units in _UNITS) for unit in group}
_SIGN = r"[$€£¥₹]"
_AMOUNT = re.compile(
    rf"(?<![\w.,:/-])(?P<before>{_SIGN})?\s?(?P<number>{numbers.PATTERN})(?![\w:/-]*\d)"
    rf"\s?(?P<unit>°\s?[CF]?|%|{_SIGN}|square [^\W\d_]+|[^\W\d_]+[²2]?)?",
    re.IGNORECASE,
)


def units_alike(unit: str) -> frozenset[str]:
    """All names of a unit, in small letters; none for a word that is no unit."""
    return _ALIKE.get(unit.casefold(), frozenset())


def rows_with_amount(query: Query, grid: Grid) -> tuple[int, tuple[Line, ...], frozenset[str]] | None:
    """The column, its rows that have the amount, and the question's stems that say so; None where the question names
    no amount or several, where no single column is meant, and where no row has it."""
    amounts = [found for found in _AMOUNT.finditer(query.text) if not is_date(found[0])]
    if len(amounts) != 1:
        return None
    amount = amounts[0]
    unit = (amount["before"] or amount["unit"] or "").casefold().replace(" ", "")
    in_unit = [column for column in grid.value_columns if column and _has_unit(grid, column, unit)]
    columns = in_unit or [
        column
        for column in grid.value_columns
        if column and said_in_column(query, grid.column_name(column)) - ENGLISH - frozenset(stems(amount["number"]))
    ]
    try:
        number = Decimal(numbers.value(amount["number"]))
    except InvalidOperation:
        return None
    if len(columns) != 1:
        return None
    column = columns[0]
    lines = tuple(line for line in grid.lines if (value := _value(line, column)) and value.number == number)
    if not lines:
        return None
    said = frozenset(stems(amount[0] if in_unit else amount["number"])) & query.rarity.keys()
    return column, lines, said | said_in_column(query, grid.column_name(column))


def _has_unit(grid: Grid, column: int, unit: str) -> bool:
    """Whether the cells of a column, or its name, are of a unit that a question says, by this or another name."""
    alike = units_alike(unit)
    name = grid.column_name(column).casefold()
    values: Sequence[Value] = [value for line in grid.lines if (value := _value(line, column)) is not None]
    told = {value.after.casefold() for value in values} | {value.before for value in values}
    return not alike.isdisjoint({each for each in told if each} | set(re.findall(r"[\w²°]+|[%$€£]", name)))


def _value(line: Line, column: int) -> Value | None:
    return line.cells[column].value if column in line.cells else None
