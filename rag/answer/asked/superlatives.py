"""Tells whether a question asks for the most or the least of something."""

import re

_ASKS = re.compile(
    r"^\W*(?:and |und )?(?:which|what|who|where|when|in which|on which|in what|on what|for which"
    r"|(?:in |an |auf |von |bei |für )?welche[mnrs]?|was|wer|wo|wann)\b",
    re.IGNORECASE,
)
_IN_FRONT = re.compile(r"\W*(?:and |tell me |give me |name |show me )?(?:the |our |my |der |die |das )?", re.IGNORECASE)
_BEFORE = re.compile(r"(?:best|latest)[ -](?:before|by|possible|wishes|regards|man|practice)\b", re.IGNORECASE)
_SUPERLATIVE = re.compile(
    r"(?<!\bat )\b(?:most(?! of\b)|least|fewest|best|worst|[a-z]{3,}est|longest)\b"
    r"|\b(?:meist|wenigst|teuerst|billigst|günstigst|längst|kürzest|höchst|niedrigst|größt|kleinst|schwerst|leichtest|"
    r"ältest|jüngst|neuest|frühest|spätest|schnellst|langsamst|wärmst|kältest)e[nrsm]?\b",
    re.IGNORECASE,
)
_NO_SUPERLATIVE = frozenset(
    [
        "interest",
        "request",
        "forest",
        "harvest",
        "invest",
        "protest",
        "contest",
        "suggest",
        "digest",
        "honest",
        "arrest",
    ]
)


def asks_for_extreme(question: str) -> bool:
    """Whether a question asks which of several has the most or the least; also without a word that asks: "longest boat
    in the list"."""
    found = superlative_in(question)
    if found is None:
        return False
    leads = _IN_FRONT.fullmatch(question, 0, found.start()) and not _BEFORE.match(question, found.start())
    return bool(leads) or _ASKS.match(question) is not None


def superlative_in(question: str) -> re.Match[str] | None:
    """The first superlative of a question."""
    return next(
        (found for found in _SUPERLATIVE.finditer(question) if found[0].casefold() not in _NO_SUPERLATIVE), None
    )
