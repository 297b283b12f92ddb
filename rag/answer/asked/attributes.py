"""Keeps to sentences that can hold the attribute that a question asks for by name: an e-mail address has an "@", an age
is a number of years, a weight has a unit. What stands nowhere in that form has no answer, however near the name stands.
"""

import re
from collections.abc import Sequence, Set

from rag.answer.above import in_front_of, stems_above
from rag.answer.evidence import Candidate
from rag.answer.expected import COUNTS
from rag.answer.quote import Quote
from rag.text.words import match, prefixes_of, stems
from rag.types import Query

_EMAIL = r"\be-?mail address(?:es)?\b|\bwhat(?:'s|’s| is) (?:\S+ ){1,3}e-?mail\W*$|\bwhat is the e-?mail (?:of|for)\b"
_AGE = r"\bhow old (?:is|was|are|were)\b|\bwhat (?:age|is the age)\b|\bwhat is \S+(?:'s|’s) age\b"
_PHONE = r"\b(?:tele)?phone(?: number)?\b|\bmobile number\b|\bfax(?: number)?\b"
_SITE = r"^\W*(?:what|which) (?:is |are )?(?:the )?(?:web ?site|url|web address)\b|\bweb ?site (?:of|for)\b"
_YEARS = (
    r"\w+[ -](?:years?|months?|weeks?|days?|decades?|centuries)[ -](?:old|of age)\b"
    r"|\d (?:years?|months?|weeks?|days?)\b"
    r"|\b(?:aged?|born|birth\w*|since|founded|built|established|opened|began|dat(?:es?|ed|ing)|century)\b"
    r"|\b(?:1\d|20)\d\d\b|\b(?:1[01]\d|\d{1,2})\b(?!\s*[a-z%€$£])"
)
_SAID = 0.5  # share of what a question names that a sentence and its headings must say
MASS = r"kg|kilos?|kilograms?|g|grams?|mg|t|tons?|tonnes?|lbs?|pounds?|oz|ounces?|stones?|cwt|hundredweights?"
LENGTH = (
    r"m|met(?:er|re)s?|km|kilomet(?:er|re)s?|cm|centimet(?:er|re)s?|mm|millimet(?:er|re)s?|feet|foot|ft|inch(?:es)?|"
    r"yards?|fathoms?|stor(?:e?y|ies|eys)|floors?"
)
DISTANCE = rf"{LENGTH}|miles?|mi|nm"
TIME = (
    r"s|sec(?:ond)?s?|min(?:ute)?s?|h|hours?|days?|nights?|weeks?|fortnights?|months?|years?|decades?|centur(?:y|ies)"
)
_TEXT = r"bytes?|[kmg]i?b|characters?|letters?|words?|lines?|pages?|tokens?"
SPEED = r"km/h|kph|mph|knots?|m/s|(?:kilomet(?:er|re)s?|miles?|met(?:er|re)s?|feet) (?:an?|per) (?:hour|second|minute)"
_COUNTED = rf"(?:\d|\b(?:{COUNTS}|an?|few|several)s?\b)"


def _measure(adjectives: str, nouns: str, units: str) -> tuple[str, str]:
    """A question how heavy something is, and what tells it."""
    verbs = "is|was|are|were|does|do|did|has|have|had|can|could|will|would|must|may|should"
    asked = rf"\bhow (?:{adjectives}) (?:{verbs})\b|\bwhat (?:is|was|are|were) the (?:{nouns}) of\b"
    return asked, number_with(units)


def number_with(units: str) -> str:
    """A number with such a unit, in a sentence or in a column's name."""
    unit = rf"(?<![a-z])(?:{units})(?![a-z])"
    return rf"{_COUNTED}.{{0,200}}{unit}|{unit}.{{0,200}}{_COUNTED}"


# What a question asks for, and what a sentence that tells it must hold.
_ATTRIBUTES = tuple(
    (re.compile(asked), re.compile(held))
    for asked, held in (
        (_EMAIL, r"\S@\S|\be-?mail:"),
        (_AGE, _YEARS),
        (_PHONE, r"\d(?:[ ()/.-]{0,3}\d){2,}"),
        _measure("heavy", "weight|mass", MASS),
        (r"\bwhat (?:does|do|did) .{1,60} weigh\b", number_with(MASS)),
        _measure("high|tall|wide|broad|deep|thick", "height|width|depth|thickness", LENGTH),
        _measure(
            "long|far",
            "length|distance|duration",
            rf"{DISTANCE}|{TIME}|{_TEXT}|(?:from|between) .{{1,40}} (?:to|and|until|till)|since|until|till",
        ),
        _measure("fast", "speed", f"{SPEED}|{TIME}"),
        _measure("loud", "loudness", r"db|decibels?"),
        _measure("hot|cold|warm", "temperature", r"°|degrees?|celsius|kelvin|°?[cf]"),
        (_SITE, r"https?:|\bwww\.|\b[\w-]+\.[a-z]{2,}\b"),
    )
)
_ENDS = ".!?:;…\"”’')"
_IS_WHAT = re.compile(r"^\W*(?:and )?(?:what|which|how|tell me|give me)\b")


def with_asked_attribute(query: Query, ranked: Sequence[Candidate]) -> list[Candidate]:
    """Returns the sentences that can hold what is asked for; all of them where no such attribute is.

    One that takes the place of a better one must be about what the question names, and so must any address or number
    of somebody.
    """
    question = query.text.lower()
    if _IS_WHAT.match(question) is None:
        return list(ranked)
    for asked, held in _ATTRIBUTES:
        if found := asked.search(question):
            able = [one for one in ranked if held.search(one.said.lower())]
            wanted = query.rarity.keys() - frozenset(stems(found[0]))
            if able[:1] == list(ranked[:1]) and not _is_contact(asked):
                return able
            return [one for one in able if query.names <= _about(one) and is_about(_about(one), wanted, query)]
    return list(ranked)


def with_asked_amount(query: Query, ranked: Sequence[Candidate]) -> list[Candidate]:
    """Returns the sentences that hold a number, where a number is asked for, and the best of them is about what the
    question names; else all of them but headings."""
    able = [one for one in ranked if one.row is not None or one.features["type"] > 0]
    if query.kind != "number" or able[:1] == list(ranked[:1]):
        return list(ranked)
    about = [one for one in able if query.names <= _about(one) and is_about(_about(one), query.rarity.keys(), query)]
    return about or [one for one in ranked if one.text[-1:] in _ENDS]


def is_contact_of_another(query: Query, quote: Quote) -> bool:
    """Whether an address or number of somebody is asked for whose name stands neither in a quote nor above it."""
    if not query.is_english or not any(re.search(asked, query.text, re.IGNORECASE) for asked in (_EMAIL, _PHONE)):
        return False
    there = frozenset(stems(f"{in_front_of(quote.passage, quote.start)} {quote.text}")) | stems_above(quote.passage)
    return not query.names & there if query.names else False


def _is_contact(asked: re.Pattern[str]) -> bool:
    """Whether an address or number is asked for, which everybody has one of: it must stand beside its owner."""
    return asked.pattern in (_EMAIL, _PHONE)


def is_about(there: Set[str], wanted: Set[str], query: Query) -> bool:
    """Whether some stems hold half of what some words of the question weigh."""
    prefixes = prefixes_of(there)
    said = sum(query.rarity[term] for term in wanted if match(term, there, prefixes) > 0)
    return said >= _SAID * sum(query.rarity[term] for term in wanted)


def _about(one: Candidate) -> frozenset[str]:
    """The stems of a sentence and of what it stands under."""
    return frozenset(stems(one.said)) | stems_above(one.passage)
