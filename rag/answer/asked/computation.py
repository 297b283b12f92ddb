"""Keeps to sentences that say a difference, a sum, a share or a comparison themselves, where a question asks for one.

"Which was 1,300 pounds below the estimate" answers how much less something cost; one of the two amounts, quoted alone,
would only look like an answer.
"""

import re
from collections.abc import Sequence, Set

from rag.answer.above import stems_above
from rag.answer.asked.attributes import is_about
from rag.answer.asked.proportions import asks_for_proportion, says_proportion
from rag.answer.evidence import Candidate
from rag.answer.expected import COUNTS
from rag.text.sentences import cached_sentences
from rag.text.words import match, prefixes_of, stems
from rag.types import Query

_DIFFERENCE = re.compile(
    r"\bhow (?:much|many)\b.*\b(?:more|less|fewer|higher|lower|longer|shorter|cheaper|heavier|bigger|larger|smaller)\b"
    r"|\bby how (?:much|many)\b|\bdifference\b",
    re.IGNORECASE,
)
_MORE_THAN = re.compile(
    r"\b(?:more|less|fewer) than (?:[$€£] ?)?\d|\bmore or less\b|\bany (?:more|less)\b", re.IGNORECASE
)
_SAYS_DIFFERENCE = re.compile(
    r"\b(?:more|less|fewer|above|below|extra|differ\w*|gain\w*|los[st]|loses|losses|r[io]se[sn]?|rising|grow\w*|grew|"
    r"increas\w*|decreas\w*|reduc\w*|rais(?:e[sd]?|ing)|fall(?:s|en|ing)?|fell|drop(?:s|ped)?|declin\w*|chang(?:e[sd]?|ing)|"
    r"up|down|sav(?:e[sd]?|ings?)|higher|lower|longer|shorter|cheaper|dearer|heavier|lighter|bigger|larger|smaller|older|"
    r"younger|taller|deeper|wider|faster|slower|earlier|later|further|greater|better|worse|warmer|colder)\b",
    re.IGNORECASE,
)
_SUM = re.compile(r"\b(?:together|altogether|combined|sum of)\b", re.IGNORECASE)
_SAYS_SUM = re.compile(
    r"\b(?:together|altogether|combined|total\w*|sum|in all|all|both|overall|each|comes? to|came to)\b", re.IGNORECASE
)
_THAN = re.compile(
    r"^(?P<one>.*?)\b(?:more|less|fewer|[a-z]{2,}er)\b(?P<of>.*?)\bthan\b(?P<other>.+)$", re.IGNORECASE | re.DOTALL
)
_PRICE = re.compile(r"\b(?:costs?|price)\b", re.IGNORECASE)
_AMOUNT_LESS = re.compile(
    r"[$€£]?\d[\d.,]*(?: ?\w+)? (?:cheaper|dearer|more expensive|less expensive)\b", re.IGNORECASE
)
_CODES = re.compile(r"\b[A-Za-z][\w-]*\d[\w-]*")
_DIGIT = re.compile(rf"\d|\b(?:{COUNTS})\b", re.IGNORECASE)
_LEAST_WEIGHT = 3.0  # of a word, for it to tell one of two things
_ASKS = re.compile(r"\bhow (?:much|many)\b|\bwhat\b|\bdifference in\b", re.IGNORECASE)
TOTAL_OF = re.compile(r"\btotal (?:number|count|amount) of\b", re.IGNORECASE)


def with_asked_computation(query: Query, ranked: Sequence[Candidate]) -> list[Candidate]:
    """Returns the sentences that say what is asked for; all of them where no difference, sum or comparison is."""
    question = query.text
    kept = list(ranked)
    if (sides := _sides(query)) is not None:
        kept = [one for one in kept if _holds_both(one, *sides)]
    if TOTAL_OF.search(question):  # one row of several is no total
        kept = [one for one in kept if one.row is None or _SAYS_SUM.search(one.said)]
    if _ASKS.search(question) is None:
        return kept
    if _PRICE.search(question) and not _SAYS_DIFFERENCE.search(question):
        kept = [one for one in kept if not _tells_a_difference_alone(one.said)]
    if asks_for_proportion(question):
        return [one for one in kept if says_proportion(one.said) and _is_amount_of(query, one)]
    if _DIFFERENCE.search(question) and not _MORE_THAN.search(question):
        return [one for one in kept if _SAYS_DIFFERENCE.search(one.said) and _is_amount_of(query, one)]
    if _SUM.search(question):
        return [one for one in kept if _SAYS_SUM.search(one.said) and _is_amount_of(query, one)]
    return kept


def _tells_a_difference_alone(said: str) -> bool:
    """Whether the only amount of a sentence says by how much something is cheaper or dearer, and not what it costs."""
    rest, differences = _AMOUNT_LESS.subn("", said)
    return differences > 0 and not any(map(str.isdigit, _CODES.sub("", rest)))


def _is_amount_of(query: Query, one: Candidate) -> bool:
    """Whether a sentence holds a number and is about what the question names."""
    return _DIGIT.search(one.said) is not None and is_about(_near(one), query.rarity.keys(), query)


def _near(one: Candidate) -> frozenset[str]:
    """The stems of a sentence or row, of what stands above it, and of the two sentences before it."""
    text = one.passage.text
    before = [] if one.row is not None else [span for span in cached_sentences(text) if span[0] < one.start][-2:]
    return stems_above(one.passage) | frozenset(stems(" ".join([one.said, *(text[at:end] for at, end in before)])))


def _sides(query: Query) -> tuple[frozenset[str], frozenset[str]] | None:
    """The words of a question by which each of two things is told that it compares: "is a higher than b"."""
    found = _THAN.match(query.text)
    if found is None or _MORE_THAN.search(query.text):
        return None
    one, other = (frozenset(stems(found[side])) & query.rarity.keys() for side in ("one", "other"))
    sides = (_telling(query, one - other), _telling(query, other - one))
    return sides if all(sides) else None


def _telling(query: Query, terms: Set[str]) -> frozenset[str]:
    return frozenset(term for term in terms if query.rarity[term] >= _LEAST_WEIGHT)


def _holds_both(one: Candidate, side: Set[str], other: Set[str]) -> bool:
    there = frozenset(stems(one.said))
    prefixes = prefixes_of(there)
    return all(any(match(term, there, prefixes) > 0 for term in terms) for terms in (side, other))
