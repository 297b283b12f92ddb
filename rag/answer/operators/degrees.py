"""What an English comparative or superlative measures: "heavier" asks for a weight, "cheapest" for a price.

A column measures it when its name says so, in a word or in a unit.
"""

import re
from collections.abc import Sequence

from rag.answer.operators.grid import Grid
from rag.text.words import stem, words

# adjectives, by their beginnings | words for what they measure | units
_DEGREES = tuple(
    (re.compile(rf"\b(?:{adjectives})(?:r|er|ier|st|est|iest)?\b", re.IGNORECASE), frozenset(map(stem, said.split())))
    for adjectives, said in (
        ("heav(?:y)?|light", "weight weighs mass kg g kilograms grams pounds lb"),
        ("cheap|expensive|costl(?:y)?|dear", "price cost costs fee rate rent amount euros eur dollars pounds crowns"),
        ("long|short|quick", "duration length time lasts since hours minutes km metres"),
        ("tall|high|low", "height altitude metres m feet"),
        ("deep|shallow", "depth metres m"),
        ("wide|broad|narrow", "width cm mm"),
        ("larg(?:e)?|big|bigg|small", "size area capacity volume population m² sqm hectares"),
        ("fast|slow", "speed pace km/h mph time minutes"),
        ("warm|hot|hott|cold|cool", "temperature temp degrees °c"),
        ("old|young|new|recent(?:ly)?", "age year since built founded born date joined made"),
    )
)  # fmt: skip


def measured_by(phrase: str, grid: Grid, columns: Sequence[int]) -> int | None:
    """The one of some columns that measures what the adjective of a phrase is about; None where none or several do."""
    for adjective, said in _DEGREES:
        if adjective.search(phrase):
            fitting = [column for column in columns if _stems(grid.column_name(column)) & said]
            return fitting[0] if len(fitting) == 1 else None
    return None


def price_among(grid: Grid, columns: Sequence[int]) -> int | None:
    """The one of some columns that says what something costs."""
    return measured_by("cheap", grid, columns)


def _stems(name: str) -> frozenset[str]:
    return frozenset(stem(word) for word, _, _ in words(name))
