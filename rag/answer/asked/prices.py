"""Whether a quote can say what something costs, where that is asked."""

import re

from rag.text.words import stems
from rag.types import Query

_ASKS_PRICE = re.compile(
    r"^\W*(?:and )?how much (?:is|are|was|were) (?:an?|one) "
    r"|\bcosts?\b|\bprice of\b|\bwhat (?:is|was) the (?:[\w-]+ )?price\b",
    re.IGNORECASE,
)
_MONEY = re.compile(
    r"[$€£¥₹]|\b(?:euros?|cents?|dollars?|pounds?|pence|francs?|crowns?|kron(?:e|or|er)|z[lł]oty|rupees?|yen|"
    r"eur|usd|gbp|chf|sek|nok|dkk|pln|czk|jpy|inr|cad|aud)\b",
    re.IGNORECASE,
)
_ASKS_AMOUNT = re.compile(r"^\W*(?:and )?how much (?:is|are|was|were) the ", re.IGNORECASE)
_FREE = re.compile(r"\b(?:free|gratis|no (?:charge|fee|cost)s?|nothing)\b", re.IGNORECASE)
_INCLUDED = re.compile(r"\b(?:included?|includes)\b", re.IGNORECASE)
_CHARGED = re.compile(
    r"\b(?:cost|price|fee|pay|paid|charge|rate|rent|bill|worth|spen[dt]|sold|tariff|fare)\w*", re.IGNORECASE
)
_NUMBER = re.compile(r"\d")
_PAYING = frozenset(stems("cost costs price"))


def lacks_price(query: Query, said: str) -> bool:
    """Whether a question asks for a price and these words hold none: neither money, nor that something is free, nor a
    number beside a word for paying. Where only how much something is is asked, any number will do. Of other questions,
    and of those in another language, always false."""
    if not query.is_english or query.kind not in ("number", "any"):
        return False
    if not _ASKS_AMOUNT.match(query.text) and _ASKS_PRICE.search(query.text) is None:
        return False
    if _MONEY.search(said) or _FREE.search(said) or _includes(query, said):
        return False
    is_charged = _ASKS_AMOUNT.match(query.text) or _CHARGED.search(said)
    return not (is_charged and _NUMBER.search(said))


def _includes(query: Query, said: str) -> bool:
    """Whether a clause says that what is asked about is included: breakfast that is included does not make a night
    so."""
    clauses = (clause for clause in re.split(r"[,;:]\s", said) if _INCLUDED.search(clause))
    return any(
        not query.rarity.keys() - _PAYING or query.rarity.keys() & frozenset(stems(clause)) for clause in clauses
    )
