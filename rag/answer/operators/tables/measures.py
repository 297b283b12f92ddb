"""Words for the same measure: a table says "net sales" or "net income" where people ask for revenue or profit."""

from rag.answer.roles import alike_role
from rag.text.words import stem

_ALIKE = (
    "revenue sales turnover",
    "profit income",
    "spending spent expense expenses expenditure cost costs",
)
# Verbs that say of money what a measure says, whichever it is.
_VERBS = "earn made make sell sold bring brought generate take took spend"
_GROUPS = tuple(frozenset(map(stem, words.split())) for words in _ALIKE)

_OTHERS = "earnings loss margin debt assets cash tax"
MEASURES = frozenset().union(*_GROUPS) | frozenset(map(stem, _OTHERS.split()))
MONEY_VERBS = frozenset(map(stem, _VERBS.split()))


def alike(term: str) -> frozenset[str]:
    """The other stems that say the same measure, or the same of a person; none for other words."""
    return frozenset().union(*(group for group in _GROUPS if term in group), alike_role(term)) - {term}
