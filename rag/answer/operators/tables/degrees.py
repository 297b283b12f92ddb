"""What a comparative or superlative measures: "heavier" asks for a weight, "cheapest" and "am teuersten" for a price.

A column measures it when its name says so, in a word or in a unit.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations

from rag.answer.operators.tables.grid import Grid, Line
from rag.text.words import stem, words

_DEGREE = r"(?:r|er|ier|(?:st|est|iest)(?:e[nrsm]?)?)?"  # endings of comparatives and superlatives
# adjectives, by their beginnings | words for what they measure | units
_DEGREES = tuple(
    (re.compile(rf"\b(?:{adjectives}){_DEGREE}\b", re.IGNORECASE), frozenset(map(stem, said.split())))
    for adjectives, said in (
        ("heav(?:y)?|light", "weight weighs mass kg g kilograms grams pounds lb"),
        ("cheap|expensive|costl(?:y)?|dear", "price cost costs fee rate rent amount euros eur dollars pounds crowns"),
        ("long|short", "duration length time lasts since hours minutes km metres"),
        ("tall|high|low", "height altitude metres m feet"),
        ("deep|shallow", "depth metres m"),
        ("wide|broad|narrow", "width cm mm"),
        ("larg(?:e)?|big|bigg|small", "size area capacity volume population m² sqm hectares"),
        ("fast|slow|quick", "speed pace km/h mph time minutes duration"),
        ("warm|hot|hott|cold|cool", "temperature temp degrees °c"),
        ("old|young|new|recent(?:ly)?", "age year since built founded born date joined made"),
        ("schwer|leicht", "gewicht wiegt masse kg g kilogramm gramm"),
        ("teuer|billig|günstig", "preis kosten kostet gebühr miete betrag euro franken"),
        ("lang|läng|kurz|kürz", "dauer länge zeit dauert seit stunden minuten km meter"),
        ("hoch|höch|niedrig", "höhe meter m"),
        ("groß|größ|klein", "größe fläche inhalt m² einwohner"),
        ("schnell|langsam", "geschwindigkeit km/h zeit minuten"),
        ("warm|wärm|kalt|kält", "temperatur °c grad"),
        ("alt|ält|jung|jüng|neu|früh|spät", "alter jahr baujahr seit datum"),
    )
)  # fmt: skip


_BIRTH = frozenset(map(stem, ["age", "born", "birth", "alter", "geboren", "geburtsjahr", "jahrgang"]))
_TOTAL = frozenset([stem("total")])
_PRICES = frozenset(map(stem, ["price", "cost", "costs", "fee", "amount", "rent", "total"]))


def measured_by(phrase: str, grid: Grid, columns: Sequence[int]) -> int | None:
    """The one of some columns that measures what the adjective of a phrase is about; None where none or several do."""
    for adjective, said in _DEGREES:
        if adjective.search(phrase):
            fitting = [column for column in columns if _stems(grid.column_name(column)) & said]
            of_birth = [column for column in fitting if _stems(grid.column_name(column)) & _BIRTH]
            fitting = of_birth or fitting  # and not since when they are members
            if (
                _PRICES & said
                and len(of_total := [at for at in columns if _stems(grid.column_name(at)) == _TOTAL]) == 1
            ):
                return of_total[0]  # and not a part of it
            return fitting[0] if len(fitting) == 1 else None
    return None


def measures(phrase: str, grid: Grid) -> bool:
    """Whether a table says in the name of a column what the adjective of a phrase is about; so for other phrases."""
    asked = [said for adjective, said in _DEGREES if adjective.search(phrase)]
    return not asked or any(_stems(name) & said for said in asked for name in grid.columns)


def price_among(grid: Grid, columns: Sequence[int]) -> int | None:
    """The one of some columns that says what something costs."""
    return measured_by("cheap", grid, columns)


def price_of_rows(grid: Grid, lines: Sequence[Line]) -> int | None:
    """The column that says what some rows cost: the product of two others, or the last of several columns of prices
    that say the same of these rows; None where there is none."""
    product = product_column(grid)
    if product is not None and all(product in line.cells for line in lines):
        return product
    prices = [column for column in grid.value_columns if _stems(grid.column_name(column)) & _PRICES]
    values = {column: [_number(line, column) for line in lines] for column in prices}
    alike = len(prices) > 1 and all(numbers == values[prices[0]] for numbers in values.values())
    return prices[-1] if alike else None


def product_column(grid: Grid) -> int | None:
    """The column that is in every row the product of two others, as the amounts of an invoice; None without one."""
    columns = grid.value_columns
    rows = [[_number(line, column) for column in columns] for line in grid.lines]
    full = [row for row in rows if all(number is not None for number in row)]
    if len(columns) < 3 or len(full) < 2 or len(full) * 2 < len(rows):
        return None
    for at, column in enumerate(columns):
        others = [place for place in range(len(columns)) if place != at]
        for one, other in combinations(others, 2):
            products = [(row[one] or 0) * (row[other] or 0) == row[at] for row in full]
            if all(products) and any(row[at] not in (row[one], row[other]) for row in full):
                return column
    return None


def _number(line: Line, column: int) -> Decimal | None:
    value = line.cells[column].value if column in line.cells else None
    return None if value is None else value.number


def _stems(name: str) -> frozenset[str]:
    return frozenset(stem(word) for word, _, _ in words(name))
