"""Tells a table by regions of the world, which reports seldom call so: "Americas", "Greater China"."""

import re
from collections.abc import Sequence

_ASKS = re.compile(r"\b(?:regions?|countr(?:y|ies)|continents?|parts? of the world|geograph\w+)\b", re.IGNORECASE)
_REGION = re.compile(
    r"\b(?:americas?|europe|emea|asia|apac|pacific|africa|oceania|middle east|(?:north|south|latin) america|"
    r"international|united states|u\.?s\.?a?|canada|mexico|brazil|united kingdom|u\.?k\.?|germany|france|italy|spain|"
    r"switzerland|austria|"
    r"netherlands|ireland|poland|sweden|norway|denmark|china|japan|korea|taiwan|india|singapore|australia|israel|"
    r"countries|rest of (?:the )?world|domestic|foreign|abroad)\b",
    re.IGNORECASE,
)
_LEAST = 0.7  # share of the rows that must name one


def asks_for_region(question: str) -> bool:
    """Whether a question asks for a region or country."""
    return _ASKS.search(question) is not None


def names_regions(names: Sequence[str]) -> bool:
    """Whether the names of rows are regions or countries."""
    return len(names) > 1 and sum(_REGION.search(name) is not None for name in names) >= _LEAST * len(names)
