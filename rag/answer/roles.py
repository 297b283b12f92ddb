"""Columns that say the same of people by other words ("Who borrowed it?" and "Lent to"), and columns that belong to
another one ("Phone of owner")."""

import re
from collections.abc import Mapping, Sequence

from rag.text.irregular_verbs import other_forms
from rag.text.words import stem, stems

_ALIKE = (
    "borrow borrowed borrower lent loaned",
    "teach teacher tutor instructor",
    "buy bought buyer purchaser",
    "write wrote author writer",
    "drive drove driver",
)
_GROUPS = tuple(frozenset(map(stem, words.split())) for words in _ALIKE)
_OF = re.compile(r"\b(?:of|des|der|du|de|del)\s+(?:the\s+)?(?P<owner>[^\W\d_]+)\s*$", re.IGNORECASE)


def alike_role(term: str) -> frozenset[str]:
    """The other stems that say the same of a person, and the other forms of a verb; none for other words."""
    return frozenset().union(other_forms(term), *(group for group in _GROUPS if term in group)) - {term}


def is_of_another_person(columns: Sequence[str], column: int, cells: Mapping[int, str], asked: frozenset[str]) -> bool:
    """Whether a column belongs to another one ("Phone of owner" to "Owner") and the question, whose stems are
    ``asked``, says what stands in some cell of the row but not what stands there."""
    belongs = _OF.search(columns[column]) if column < len(columns) else None
    if belongs is None:
        return False
    owner = stem(belongs["owner"].casefold())
    of = [other for other, name in enumerate(columns) if other != column and stems(name) == [owner]]
    if not of or owner in asked:
        return False
    said = [other for other, text in cells.items() if any(term in asked for term in stems(text))]
    return bool(said) and of[0] not in said
