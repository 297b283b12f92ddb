"""Tells whether a question asks for the most or the least of something."""

import re

_ASKS = re.compile(
    r"^\W*(?:and |und )?(?:which|what|who|where|when|(?:in|on|for|from|to|by|at|of|with) (?:which|what)"
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


_LEFT_OUT = re.compile(
    r"\b(?:apart|aside) from |\bbesides |\bother than |\bexcept(?: for)? |\bexcluding |\bnot counting |\bleaving out ",
    re.IGNORECASE,
)


def asks_for_extreme(question: str) -> bool:
    """Whether a question asks which of several has the most or the least; also without a word that asks: "longest boat
    in the list", or behind what it leaves out first."""
    question = _without_front(question)
    found = superlative_in(question)
    if found is None:
        return False
    leads = _IN_FRONT.fullmatch(question, 0, found.start()) and not _BEFORE.match(question, found.start())
    return bool(leads) or _ASKS.match(question) is not None


def left_out(question: str) -> str | None:
    """What is not to be compared: "apart from its online stores, what sold most?"; None where the question says
    nothing of that."""
    found = _LEFT_OUT.search(question)
    if found is None:
        return None
    stop = re.compile(r"[,;?!]").search(question, found.end())
    return question[found.end() : stop.start() if stop else len(question)]


def _without_front(question: str) -> str:
    """The question behind what it leaves out first."""
    found = _LEFT_OUT.match(question.lstrip())
    return question.partition(",")[2].lstrip() if found is not None else question


def superlative_in(question: str) -> re.Match[str] | None:
    """The first superlative of a question."""
    return next(
        (found for found in _SUPERLATIVE.finditer(question) if found[0].casefold() not in _NO_SUPERLATIVE), None
    )
