"""Whether a quote can say what something costs, where that is asked."""

import re

from rag.types import Query

_ASKS_PRICE = re.compile(r"\bcosts?\b|\bprice of\b|\bwhat (?:is|was) the (?:[\w-]+ )?price\b", re.IGNORECASE)
_MONEY = re.compile(
    r"[$€£¥₹]|\b(?:euros?|cents?|dollars?|pounds?|pence|francs?|crowns?|kron(?:e|or|er)|z[lł]oty|rupees?|yen|"
    r"eur|usd|gbp|chf|sek|nok|dkk|pln|czk|jpy|inr|cad|aud)\b",
    re.IGNORECASE,
)
_FREE = re.compile(r"\b(?:free|gratis|included?|includes|no (?:charge|fee|cost)s?|nothing)\b", re.IGNORECASE)
_CHARGED = re.compile(
    r"\b(?:cost|price|fee|pay|paid|charge|rate|rent|bill|worth|spen[dt]|sold|tariff|fare)\w*", re.IGNORECASE
)
_NUMBER = re.compile(r"\d")


def lacks_price(query: Query, said: str) -> bool:
    """Whether a question asks for a price and these words hold none: neither money, nor that something is free, nor a
    number beside a word for paying. Of other questions, and of those in another language, always false."""
    if not query.is_english or query.kind not in ("number", "any") or _ASKS_PRICE.search(query.text) is None:
        return False
    return not (_MONEY.search(said) or _FREE.search(said) or (_CHARGED.search(said) and _NUMBER.search(said)))
