"""Tells whether a sentence holds something of the kind that a query asks for, and what it must not get wrong."""

import re

from rag.query.query import names_of
from rag.text.normal import fold
from rag.text.stop_words import STOP_WORDS
from rag.text.words import stem, weight, words
from rag.types import Query

_MONTHS = (
    r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?|januar|februar|märz|mai|juni|juli|oktober|dezember|janvier|février|avril|juin|juillet|août|septembre|"
    r"octobre|novembre|décembre|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
)
_DATE = re.compile(
    rf"\b(?:1\d|20)\d\d(?:s|\b)|\b\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}\b|\b\d{{1,2}}(?::\d\d| ?[ap]\.?m\b)"
    rf"|\b(?:{_MONTHS})\b\.? ?\d|\d\.? (?:of )?(?:{_MONTHS})\b|\b\d+(?:st|nd|rd|th) century\b|\b\d+ (?:bce?|ad|ce)\b"
    r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|\b(?:century|decade|summer|winter|spring|autumn|yesterday|today|"
    r"tomorrow|daily|weekly|monthly|annually|every (?:day|week|month|year))\b|\d+年|\d+月",
    re.IGNORECASE,
)
COUNTS = (
    r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    r"eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion|dozen|"
    r"half|third|quarter|twice|once|zwei|drei|vier|fünf|hundert|tausend|deux|trois|quatre|cinq|dos|tres|cuatro|cinco"
)
_NUMBER = re.compile(rf"(?<![A-Za-z_\d])\d|\b(?:{COUNTS})s?\b", re.IGNORECASE)  # but the 3 of sqlite3
_COUNT = re.compile(rf"(?:{COUNTS})s?")
_COUNTS_LITTLE = frozenset(["one", "half", "third", "quarter", "once", "twice"])
_REASON = re.compile(
    r"\b(?:because|due to|so that|in order to|since|therefore|thus|hence|caus\w+|reason\w*|result\w*|"
    r"led to|to (?:avoid|prevent|allow|ensure|protect|help|make|reduce|keep)|for fear|owing to|weil|da|deshalb|damit|"
    r"parce que|car|porque|perché)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"\b(?:in|at|near|from|to|of|between|across|outside|inside|north|south|east|west|on|along|into|à|en|dans|bei|nach|aus)"
    r" (?:the |a |den |der |dem |la |le |el )?(?:[A-ZÄÖÜÉ][\w'-]+)"
)
_CAPITALISED = re.compile(r"\b[^\W\d_a-zà-öø-ÿ][\w'’-]+")
_IS = re.compile(
    r"\b(?:is|are|was|were|means?|refers? to|stands? for|describes?|defined as|ist|sind|est|sont|es|son|è)\b"
)
_UNCOMMON = 5.0  # weight from which a capitalised first word passes for a name


def is_date(text: str) -> bool:
    """Whether a short text holds a date, a year or a time of day."""
    return _DATE.search(text) is not None


def type_evidence(query: Query, sentence: str) -> float:
    """1.0 where the sentence holds something of the expected kind that the question does not, -1.0 where not.

    0.0 where the question expects nothing in particular.
    """
    kind = query.kind
    if kind in ("any", "list", "overview"):
        return 0.0
    if kind == "definition":
        return 1.0 if _defines(query, sentence) else -1.0
    if kind == "person":
        return 1.0 if _new_name(query, sentence) else -1.0
    pattern = {"date": _DATE, "number": _NUMBER, "place": _PLACE, "reason": _REASON}[kind]
    asked = fold(query.text)
    fresh = any(fold(found[0]) not in asked for found in pattern.finditer(sentence))
    return 1.0 if fresh else -1.0


def _defines(query: Query, sentence: str) -> bool:
    """Whether the sentence begins 'X is ...' with X from the question."""
    verb = _IS.search(sentence)
    if verb is None or verb.start() > 120:
        return False
    subject = {stem(word) for word, _, _ in words(sentence[: verb.start()])}
    return any(term in subject for term in query.terms)


def _new_name(query: Query, sentence: str) -> bool:
    """Whether the sentence has a name that the question lacks: a capitalised word, at the beginning a rare one."""
    for found in _CAPITALISED.finditer(sentence):
        word = fold(found[0])
        if word not in query.words and (
            found.start() > 1 or (weight(stem(word)) > _UNCOMMON and word not in STOP_WORDS)
        ):
            return True
    return False


def names_in(statement: str) -> frozenset[str]:
    """Stems of what a statement must not get wrong: names, numbers, also in words, and a rare first word."""
    found = set(names_of(statement))
    for index, (word, _, _) in enumerate(words(statement)):
        rare = index == 0 and word not in STOP_WORDS and weight(stem(word)) > _UNCOMMON
        if rare or (_COUNT.fullmatch(word) and word not in _COUNTS_LITTLE):
            found.add(stem(word))
    return frozenset(found)
