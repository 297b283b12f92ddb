"""Keeps to what is said of the thing or person that a question asks about.

"The violin costs 12 euros" answers no question about the cello, though all else is alike. A sentence is taken for one
about something else where it lacks the thing, the passage names the thing in another place, and the clause with the
value has a subject of its own that the question does not name. A thing that the passage never names may go by another
word there, so nothing is told of it here.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from rag.answer.above import stems_above
from rag.answer.evidence import Candidate, holds
from rag.answer.rows import units_of
from rag.text.sentences import cached_sentences
from rag.text.stop_words import STOP_WORDS
from rag.text.words import RARE, content_stems, match, prefixes_of, stem, stems, weight, words
from rag.types import Query, Reading

_VERBS = (
    "cost|costs|weigh|keep|last|take|start|begin|end|open|close|leave|arrive|expire|born|due|payable|open|closed|held|"
    "available|valid|founded|built|made|paid|signed|teach|happen|run"
)
_AUX = "does|do|did|will|would|can|must|should|has|have|had|is|are|was|were"
_AMOUNT_OF = r"(?:price|cost|fee|rate|rent|charge|deposit|amount)s? (?:of|for)"
_HOW = r"how (?:heavy|high|tall|large|big|old|often|late|long|much)"
_WHEN = r"(?:until |by |since |from )?when|at what time"
_HOW_MUCH = rf"how (?:much|many) (?P<thing>(?!more|less|other|people|times|of)[\w-]+(?: [\w-]+)?) (?:{_AUX})\b"
_HOW_MANY = re.compile(rf"^\W*(?:and |so )?{_HOW_MUCH.replace('much|', '')}", re.IGNORECASE)
_ASKS = tuple(
    re.compile(rf"^\W*(?:and |so )?{pattern}", re.IGNORECASE)
    for pattern in (
        rf"(?:what|how high) (?:is|are|was|were) the {_AMOUNT_OF} (?P<thing>.+?)\W*$",
        rf"(?:what(?= do| will| would)|{_HOW}|{_WHEN}) (?P<aux>{_AUX}) (?P<thing>.+?)(?P<verb> (?:{_VERBS})\b.*)?\W*$",
        _HOW_MUCH,
        r"who (?:is|was|are|were|will be) the (?P<thing>.+?)\W*$",
    )
)
_WHO_IS = re.compile(r"^\W*(?:and |so )?who(?: is| was|['’]s) the (?P<thing>.+?)\W*$", re.IGNORECASE)
_TO_BE = re.compile(r"is|are|was|were", re.IGNORECASE)
_PREPOSITION = re.compile(
    r"\s(?:of|to|for|in|at|on|per|from|with|by|until|till|between|after|before|during|about|without|a|an|the|this|that)\s"
)
_GENITIVE = re.compile(r"['’]s?\s")
# What a subject may be called by what is asked of it: "the fee is", "the total is".
_ATTRIBUTES = frozenset(
    stems(
        "fee price cost costs charge rate rent amount total sum deposit premium contribution tariff fare bill payment "
        "date day time period term duration length beginning start end deadline year month week hour person people "
        "everybody each all per further another monthly yearly annual weekly daily money thing item"
    )
)
_VALUE = re.compile(r"\d")
_FINITE = re.compile(
    rf"\b(?:{_AUX}|may|shall|might|could|costs?|cost|keeps?|lasts?|takes?|starts?|begins?|ends?|opens?|closes?|leaves?|"
    r"arrives?|gets?|pays?|comes?|goes|needs?|holds?|weighs?|brings?|gives?|receives?|runs?|rises?|rose)\b",
    re.IGNORECASE,
)
_BREAK = re.compile(r"[,;:()–—](?=\s)|(?<=\s)[(–—]|[()]")
_MOST = 400  # sentences of a passage
_ENDS = '.!?:;…"”’)'
_PRONOUN = re.compile(r"\b(?:I|we|you|he|she|it|they|this|that|these|those|there|ones?)\b", re.IGNORECASE)


def asked_thing(query: Query) -> frozenset[str]:
    """The stems by which the thing or person that a question asks about must be named; none for other questions.

    Of a thing that is the last noun before a preposition ("the *coach* to Seefeld"), of a person all of the name.
    """
    if not query.is_english:
        return frozenset()
    found = next((match_ for pattern in _ASKS if (match_ := pattern.match(query.text))), None)
    if found is None:
        return frozenset()
    phrase = _PREPOSITION.split(f"{found['thing'].strip()} ")[0] if found["thing"] else ""
    if not content_stems(phrase) or phrase.casefold() in ("it", "he", "she", "they", "there"):
        phrase = next((part for part in _PREPOSITION.split(found["thing"]) if _carrying(query, part)), "")
    said = _GENITIVE.split(phrase)[-1].split()
    if _ends_in_verb(found.groupdict(), said):
        said.pop()
    own = _carrying(query, " ".join(said))
    if not own:
        return frozenset()
    if all(each in query.names for each in own):
        return frozenset(own)
    return frozenset(own[-1:]) - _ATTRIBUTES


def _ends_in_verb(asked: Mapping[str, str | None], phrase: Sequence[str]) -> bool:
    """Whether the last word is no noun: "did the keeper serve", "was the piano tuned"."""
    if asked.get("aux") is None or asked["verb"] is not None or not phrase:
        return False
    return _TO_BE.fullmatch(asked["aux"] or "") is None or phrase[-1].endswith("ed")


def about_asked_thing(query: Query, ranked: Sequence[Candidate], readings: Sequence[Reading]) -> list[Candidate]:
    """Returns the sentences without those that are about another thing; rows of tables are told apart elsewhere."""
    thing = asked_thing(query)
    if not thing:
        return list(ranked)
    return [one for one in ranked if one.row is not None or not _is_of_another(query, thing, one, readings)]


def counts_another(query: Query, one: Candidate) -> bool:
    """Whether it is asked how many there are of a thing that neither the passage nor its titles name."""
    asked = _HOW_MANY.match(query.text) if query.is_english else None
    if asked is None:
        return False
    counted = (_carrying(query, asked["thing"]) or [""])[-1]
    there = frozenset(stems(one.passage.text)) | stems_above(one.passage)
    return weight(counted) == RARE and match(counted, there, prefixes_of(there)) == 0 and not _is_part(counted, there)


def names_no_such_role(query: Query, one: Candidate) -> bool:
    """Whether it is asked who holds an office that neither the passage nor its titles name."""
    asked = _WHO_IS.match(query.text) if query.is_english else None
    if asked is None:
        return False
    office = (_carrying(query, _PREPOSITION.split(f"{asked['thing']} ")[0]) or [""])[-1]
    there = frozenset(stems(one.passage.text)) | stems_above(one.passage)
    return weight(office) == RARE and match(office, there, prefixes_of(there)) == 0 and not _is_part(office, there)


def _carrying(query: Query, phrase: str) -> list[str]:
    return [stem(word) for word, _, _ in words(phrase) if stem(word) in query.rarity]


def _is_of_another(query: Query, thing: frozenset[str], one: Candidate, readings: Sequence[Reading]) -> bool:
    if one.features["answers"] > 0:  # the question above it names what it is about
        return False
    here = frozenset(stems(one.text)) | _above(thing, one)
    missing = [term for term in thing if match(term, here) == 0 and not _is_part(term, here)]
    if not missing or not all(_stands_elsewhere(term, one) for term in missing):
        return False
    if one.features["label"] > 0 or (one.text[-1:] not in _ENDS and _FINITE.search(one.text) is None):
        return True
    subject = _subject(one, readings)
    return bool(subject - query.rarity.keys() - _ATTRIBUTES)


def _above(thing: frozenset[str], one: Candidate) -> frozenset[str]:
    """The stems of the headings above a sentence; without the document's where another part of it is about the
    thing: "Soup and bread" names the bread, and the sentence stands below "SOUP"."""
    text = one.passage.text
    labels = [
        (unit.start, stems(text[unit.start : unit.end])) for unit in units_of(one.passage, _MOST) if unit.is_label
    ]
    own = next((label for start, label in reversed(labels) if start < one.start), [])
    if own and not thing.intersection(own) and any(thing.intersection(label) for _, label in labels):
        return frozenset(own)
    return stems_above(one.passage).union(own)


def _is_part(term: str, here: frozenset[str]) -> bool:
    """Whether a compound or relative of a word stands there: "lunch" and "lunchtime"."""
    return len(term) > 3 and any(other.startswith(term) or other.endswith(term) for other in here)


def _stands_elsewhere(term: str, one: Candidate) -> bool:
    text = one.passage.text
    others = (text[start:end] for start, end in cached_sentences(text) if end <= one.start or start >= one.end)
    return any(match(term, frozenset(stems(other))) > 0 for other in others)


def _subject(one: Candidate, readings: Sequence[Reading]) -> frozenset[str]:
    """The stems of what stands in front of the verb in the clause that holds the value; none where it is a pronoun or
    left out."""
    for piece in _pieces_before_value(one, readings):
        verb = _FINITE.search(piece)
        front = piece[: verb.start()] if verb else piece
        if _PRONOUN.search(front):
            return frozenset()
        telling = [word for word, _, _ in words(front) if word not in STOP_WORDS and not _is_participle(word)]
        if any(not word[:1].isdigit() for word in telling):
            return frozenset(map(stem, telling))
    return frozenset()


def _is_participle(word: str) -> bool:
    return word.endswith(("ed", "ing")) or word == "born"


def _pieces_before_value(one: Candidate, readings: Sequence[Reading]) -> Iterator[str]:
    """The clause up to the value, then the one in front of it and so on."""
    text = one.text
    read = next((each.span.start - one.passage.start - one.start for each in readings if holds(one, each.span)), None)
    value = _VALUE.search(text)
    at = read if read is not None else value.start() if value else len(text)
    stops = [found.start() for found in _BREAK.finditer(text, 0, at)]
    for first, last in zip([*(stop + 1 for stop in reversed(stops)), 0], [at, *reversed(stops)], strict=True):
        yield text[first:last]
