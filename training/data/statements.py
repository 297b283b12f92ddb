"""Makes a statement of a question and its answer.

"When did the bridge open?" + "1912" -> "The bridge opened in 1912". Rules over part-of-speech tags (HanTa, CLAWS C5)
and inflections (lemminflect), both needed for training only. The result is None wherever the rules are not sure; the
caller then takes the sentence of the passage instead. The result holds the answer in the passage's own words.
"""

import re
from dataclasses import dataclass

from training.data.grammar import Word, inflect, may_be_verb, tagged

# fmt: off
_PREPOSITIONS = frozenset({
    "in", "on", "at", "by", "from", "after", "before", "during", "since", "until", "till", "between", "under",
    "through", "to", "with", "within", "around", "over", "because", "into", "near", "for", "of", "about", "against",
    "across", "along", "among", "toward", "towards", "upon", "without", "via", "inside", "outside", "throughout",
    "below", "above", "behind", "beside", "beyond",
})
# fmt: on
_SIZES = ("long", "old", "often", "far", "tall", "high", "large", "big", "wide", "deep")
_BE = {"is", "are", "was", "were"}
_DO = {"did": "VBD", "does": "VBZ", "do": "VBP"}
_AUX = _BE | {"has", "have", "had", "can", "could", "will", "would", "should", "may", "might", "must"}
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_YEAR = re.compile(r"(?:(?:early|mid|late)[ -])?\d{3,4}(?: ?(?:BC|BCE|AD|CE))?")
_DECADE = re.compile(r"(?:(?:early|mid|late)[ -])?(?:\d{3,4}s|\d{1,2}(?:st|nd|rd|th) century)")
_MONTH = re.compile(rf"(?:(?:early|mid|late)[ -])?(?:{_MONTHS}),?(?: (?:of )?\d{{4}})?")
_DAY = re.compile(
    rf"(?:{_MONTHS}) \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?|"
    rf"\d{{1,2}}(?:st|nd|rd|th)? (?:of )?(?:{_MONTHS})(?:,? \d{{4}})?"
)
_TIMES = {"year": "in", "decade": "in", "century": "in", "month": "in", "season": "in", "day": "on", "date": "on"}
_UNITS = frozenset(["money", "time"])
_LONG_WORDS = 40


@dataclass(frozen=True, slots=True)
class Given:
    """The answer and what stands right before it in its passage, lower case: an article, a preposition."""

    span: str
    article: str
    preposition: str

    @property
    def noun(self) -> str:
        """The answer with its article, as subject or object."""
        return f"{self.article} {self.span}" if self.article else self.span


def before(text: str, start: int, span: str) -> Given:
    """Returns the answer at ``start`` of its passage with the word in front of it."""
    last = [w.lower() for w in re.findall(r"[\w'’]+$|[\w'’]+(?= )", text[max(0, start - 40) : start].rstrip())][-2:]
    article = preposition = ""
    if text[:start].rstrip(" \"'“‘").endswith((",", ".", ";", ":", "(", ")")):
        last = []
    if last and last[-1] in ("the", "a", "an") and not re.match(r"(?i)(?:the|a|an) ", span):
        article = last.pop()
    if last and last[-1] in _PREPOSITIONS:
        preposition = last[-1]
    return Given(span, article, preposition)


def state(question: str, passage: str, start: int, span: str) -> str | None:
    """The statement without a full stop at its end."""
    span = span.strip().rstrip(".,;:")
    asked = question.strip().rstrip("?. ").strip()
    if not span or "?" in asked or ";" in asked or len(asked.split()) > 30 or len(span.split()) > 15:
        return None
    if re.search(r"(?i)\b(?:is|are|was|were)\b", span):  # a clause, not a phrase
        return None
    opening, *others = span.split()
    if (opening.lower() in _PREPOSITIONS or opening in ("The", "A", "An")) and others and others[0].islower():
        span = span[0].lower() + span[1:]
    words = tagged(asked)
    if len(words) < 3 or span.lower() in asked.lower():
        return None
    given = before(passage, start, span)
    made = _state(words, given)
    return _finished(made, span) if made else None


def _finished(made: str, span: str) -> str | None:
    text = re.sub(r" +([,.:;)%])", r"\1", made)
    text = re.sub(r'" ([^"]*?) "', r'"\1"', re.sub(r"([($]) +", r"\1", text))
    text = re.sub(r"\s+", " ", re.sub(r" ?(['’]s?)\b(?=\s|$)", r"\1", text)).strip()
    text = re.sub(r" ([-–/]) ", r"\1", text) if span not in text else text
    if span not in text and span.lower() not in text.lower():
        return None
    if re.search(r"(?i)\b(\w+) \1\b|\b(?:what|which|whose|whom)\b(?! is| was| are| were)|\?", text.replace(span, "@")):
        return None
    if text.count('"') % 2 or text.count("(") != text.count(")") or not 3 <= len(text.split()) <= _LONG_WORDS:
        return None
    return text[0].upper() + text[1:]


def _join(*parts: str | list[Word]) -> str:
    return " ".join(p if isinstance(p, str) else " ".join(w.text for w in p) for p in parts if p)


def _state(words: list[Word], given: Given) -> str | None:
    first = next((i for i, w in enumerate(words) if w.low in _WH), None)
    if first is None:
        return None
    if first == 1 and words[0].low in _PREPOSITIONS:
        return _moved(words[1:], given, words[0].low)
    if first == 0:
        return _moved(words, given, "")
    if words[first - 1].text == "," and words[0].low in (*_PREPOSITIONS, "according") and first < 12:
        made = _moved(words[first:], given, "")
        return _join(words[:first], made) if made else None
    if first >= 3 and words[first].low in ("what", "which", "who", "whom", "how"):
        return _in_place(words, first, given)
    return None


_WH = frozenset(["what", "which", "who", "whom", "when", "where", "why", "how"])


def _in_place(words: list[Word], first: int, given: Given) -> str | None:
    """'The bridge opened in what year'."""
    head, end = _phrase(words[first:])
    if end is None or any(w.low in _AUX | set(_DO) for w in words[first + end : first + end + 1]):
        return None
    if words[first].low == "how" and head is None:
        return None
    if any(w.low in _DO for w in words[:first]) or words[0].low in _AUX:
        return None
    named = _with_noun(given, head) if words[first].low == "how" else given.noun
    before_ = words[first - 1].low
    if before_ in _PREPOSITIONS and (given.span.lower().split()[0] in _PREPOSITIONS):
        return None
    rest = words[first + end :]
    return _join(words[:first], named, rest) if len(rest) < 8 else None


def _phrase(words: list[Word]) -> tuple[str | None, int | None]:
    """The wh-phrase at the beginning: its head noun (None for a bare 'what') and how many words it has."""
    low = words[0].low
    at = 1
    if low == "how":
        if len(words) > 1 and words[1].low in ("many", "much"):
            at = 2
        elif len(words) > 1 and words[1].low in _SIZES:
            return words[1].low, 2
        else:
            return None, 1
    elif low in ("who", "whom", "when", "where", "why"):
        return None, 1
    begin = at
    while at < len(words) and _nominal(words, at):
        at += 1
    if at == begin:
        return None, at
    return " ".join(w.text for w in words[begin:at]), at


def _nominal(words: list[Word], at: int) -> bool:
    w = words[at]
    if w.low in _AUX or w.low in _DO:
        return False
    if w.low == "of" and at > 1:
        return True
    if w.tag in ("AT0", "DPS", "DT0") and words[at - 1].low == "of":
        return True
    if w.tag.startswith(("NN", "NP", "AJ", "CRD", "ORD")) or w.text == "-":
        return True
    return w.tag in ("VVG", "VVN", "AV0") and at + 1 < len(words) and words[at + 1].tag.startswith("NN")


def _with_noun(given: Given, head: str | None) -> str:
    """'5' + 'countries' -> '5 countries', unless the answer names the unit itself."""
    if head is None or head in _UNITS:
        return given.span
    noun = head.split(" of ")[0].split()[-1].lower()
    words = given.span.lower().split()
    if noun.rstrip("s") in " ".join(words) or not re.search(
        r"\d|^(?:\w+ )?(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|"
        r"dozen|hundred|thousand|million|billion|twenty|thirty|forty|fifty|sixty|several|many|few|no)\b",
        words[-1],
    ):
        return given.span
    return f"{given.span} {head}"


def _moved(words: list[Word], given: Given, preposition: str) -> str | None:
    """The wh-phrase stands in front; ``preposition`` stood before it."""
    low = words[0].low
    head, end = _phrase(words)
    assert end is not None
    rest = words[end:]
    if len(rest) < 1:
        return None
    counted = low == "how" and len(words) > 1 and words[1].low in ("many", "much")
    adjunct = _adjunct(low, head, counted, given, preposition)
    noun = _with_noun(given, head) if counted else given.noun
    if head and not counted and low in ("what", "which"):
        tail = head.split(" of ", 1)
        if (
            tail[0].lower().split()[-1] in ("percentage", "percent", "part", "portion", "number", "amount")
            and len(tail) > 1
        ):
            noun = f"{given.noun} of {tail[1]}"
    asks_adjunct = bool(preposition) or low in ("when", "where", "why") or (low == "how" and not counted)
    asks_adjunct = asks_adjunct or (head is not None and low in ("what", "which") and _time_noun(head) is not None)
    first = rest[0].low
    if any(w.low in ("happened", "happen", "happens", "else") for w in words):
        return None
    if first in _DO and len(rest) > 2:
        return _with_do(rest, noun, adjunct, asks_adjunct)
    if first in _AUX and len(rest) > 1:
        return _with_aux(rest, noun, adjunct, asks_adjunct, low, head)
    if (
        not asks_adjunct
        and rest[0].tag.startswith(("VV", "VH", "VB", "VD"))
        and rest[0].tag not in ("VVI", "VVG", "VVN")
    ):
        return _join(noun, rest)
    if not asks_adjunct and rest[0].tag == "VVN" and len(rest) > 1:  # 'Who composed the song', tagged as a participle
        return _join(noun, rest)
    if counted and rest[0].tag.startswith("VV"):
        return _join(noun, rest)
    return None


def _time_noun(head: str) -> str | None:
    return _TIMES.get(head.split(" of ")[0].split()[-1].lower())


def _adjunct(low: str, head: str | None, counted: bool, given: Given, preposition: str) -> str | None:
    """The answer as time, place, manner or cause."""
    span, first = given.span, given.span.lower().split()[0]
    if counted:
        return _join(preposition, _with_noun(given, head))
    if head and low in ("what", "which") and (said := _time_noun(head)) and first not in _PREPOSITIONS:
        return _dated(given) or f"{preposition or said} {given.noun}"
    if preposition:
        return given.noun if first in _PREPOSITIONS else f"{preposition} {given.noun}"
    if low == "how":
        return _manner(head, given)
    if low == "when":
        return span if first in _PREPOSITIONS or first in ("when", "while", "as") else _dated(given)
    if first in _PREPOSITIONS or first in ("due", "so", "as"):
        return span
    if low == "where":
        if given.preposition:
            return f"{given.preposition} {given.noun}"
        return f"in {span}" if span[0].isupper() else None
    if low == "why":
        return f"{given.preposition} {given.noun}" if given.preposition in ("to", "because", "for") else None
    return None


def _dated(given: Given) -> str | None:
    span = given.span
    if given.preposition in ("in", "on", "at", "during", "by", "until", "since", "from", "before", "after", "around"):
        return f"{given.preposition} {given.noun}"
    if _YEAR.fullmatch(span) or _MONTH.fullmatch(span):
        return f"in {span}"
    if _DECADE.fullmatch(span):
        return f"in the {span}"
    return f"on {span}" if _DAY.fullmatch(span) else None


def _manner(head: str | None, given: Given) -> str | None:
    span = given.span
    first = span.lower().split()[0]
    if head == "long":
        return span if first in _PREPOSITIONS else f"for {span}" if given.preposition == "for" else None
    if head is not None:
        return span if head in ("often", "far") else None
    if first in ("by", "through", "with", "via", "using", "from", "in", "on", "as"):
        return span
    if given.preposition in ("by", "through", "with", "via", "from", "in", "as"):
        return f"{given.preposition} {given.noun}"
    return f"by {span}" if first.endswith("ing") else None


def _verb_at(words: list[Word], tags: tuple[str, ...]) -> int | None:
    """Where the main verb stands; at least one word, the subject, stands before it."""
    for i in range(1, len(words)):
        w, last = words[i], words[i - 1]
        if (
            w.text[0].isupper()
            or last.low.endswith(("'s", "’s"))
            or last.tag in ("AT0", "DPS", "PRF", "TO0")
            or last.low in ("the", "a", "an")
        ):
            continue
        if last.low in ("who", "that", "which") or (last.tag.startswith("AJ") and w.tag == "VVB"):
            continue
        if w.tag in tags:
            return i
    return None


def _likely_verb(words: list[Word]) -> int | None:
    """A verb that was taken for a noun or an adjective: the last word behind a name or noun, or the one before 'in'."""
    for i in range(len(words) - 1, 0, -1):
        w, last = words[i], words[i - 1]
        ends = i + 1 == len(words) or words[i + 1].tag in ("PRP", "AT0", "DPS", "CJS")
        if ends and w.tag in ("NN1", "AJ0") and w.text.islower() and may_be_verb(w.low):
            return i if last.tag.startswith(("NP", "NN")) else None
    return None


def _with_do(rest: list[Word], noun: str, adjunct: str | None, asks_adjunct: bool) -> str | None:
    """'did' subject verb ... with the gap that the answer fills."""
    tag = _DO[rest[0].low]
    words = rest[1:]
    at = _verb_at(words, ("VVI", "VVB", "VHB", "VHI", "VBI", "VDI", "VDB")) or _likely_verb(words)
    if at is None:
        return None
    subject, verb, tail = words[:at], words[at], words[at + 1 :]
    if not subject[-1].text[-1].isalnum():
        return None
    negative = any(w.low in ("not", "n't") for w in subject)
    adverb: list[Word] = []
    while subject and subject[-1].tag == "AV0" and len(subject) > 1:
        adverb.insert(0, subject.pop())
    inflected = f"{rest[0].low} {verb.text}" if negative else inflect(verb.low, tag)
    if not inflected or (verb.low == "do" and not asks_adjunct):
        return None
    if asks_adjunct:
        return _closed(_join(subject, adverb, inflected, tail), tail, adjunct)
    second = tail[1] if len(tail) > 1 else None
    if second and tail[0].low in _PREPOSITIONS and (second.low in _PREPOSITIONS or second.tag in ("AV0", "CJS")):
        return _join(subject, adverb, inflected, tail[:1], noun, tail[1:])
    if tail and tail[-1].low in _PREPOSITIONS and tail[-1].low != "because":
        return _join(subject, adverb, inflected, tail, noun)
    if not tail or tail[0].tag in ("PRP", "PRF", "CJS", "AV0", "AVP", "TO0") or tail[0].low in _PREPOSITIONS:
        if tail and tail[0].tag in ("AVP", "TO0"):
            if tail[-1].tag in ("VVI", "VVB") or len(tail) == 1:
                return _join(subject, adverb, inflected, tail, noun)
            return None
        return _join(subject, adverb, inflected, noun, tail)
    if any(w.tag in ("VVI", "TO0") for w in tail):
        return None
    return _join(subject, adverb, inflected, tail, noun) if len(tail) <= 5 else None


def _closed(sentence: str, tail: list[Word], adjunct: str | None) -> str | None:
    if adjunct is None:
        return None
    if tail and tail[-1].low in _PREPOSITIONS:  # 'Where did it come from'
        first, *others = adjunct.split(" ", 1)
        if first.lower() in _PREPOSITIONS and others:
            adjunct = others[0]
    return _join(sentence, adjunct)


def _with_aux(
    rest: list[Word], noun: str, adjunct: str | None, asks_adjunct: bool, low: str, head: str | None
) -> str | None:
    """'was' subject [verb ...], or the answer itself is the subject."""
    aux, words = rest[0], rest[1:]
    first = words[0]
    verbal = (
        ("VVN", "VVG", "VVI", "VBN", "VVD")
        if aux.low in _BE | {"has", "have", "had"}
        else ("VVI", "VBI", "VVB", "VHI", "VBB")
    )
    starts_predicate = (
        first.tag in verbal
        or first.low in ("been", "be", "not", "also", "able", "known", "used")
        or (first.tag in ("PRP", "AV0") and aux.low in _BE)
        or (first.tag == "AJ0" and aux.low in _BE and head is not None)
    )
    if not asks_adjunct and starts_predicate:
        return _join(noun, rest)
    at = _verb_at(words, verbal)
    if asks_adjunct or low == "how":
        if low == "how" and head in _SIZES:
            if at is not None or aux.low not in _BE or any(w.tag == "CJS" for w in words):
                return None
            return _join(words, aux.text, noun)
        if at is None:
            short = aux.low in _BE and len(words) <= 6 and not any(w.low in ("most", "more") for w in words)
            return _join(words, aux.text, adjunct) if adjunct and low == "where" and short else None
        return _closed(_join(words[:at], aux.text, words[at:]), words[at:], adjunct)
    if at is None:
        if aux.low not in _BE or words[-1].low in _PREPOSITIONS:
            return None
        if head and low in ("what", "which"):  # 'What city is the capital': the answer is the subject
            return _join(noun, rest)
        return _join(words, aux.text, noun)
    if any(w.low in ("that", "who", "which", "whose", "when", "where") for w in words[:at]):
        named = words[-1].tag == "VVN" or words[-1].low == "as"
        return _join(words, aux.text, noun) if aux.low in _BE and not head and not named else None
    tail = words[at:]
    if tail[-1].low == "doing" or words[0].low == "it" or (head and tail[0].tag == "VVG") or tail[0].low == "according":
        return None
    if at > 1 and words[at - 1].tag == "NP0" and words[at - 2].tag.startswith("NN"):  # 'the house Smith built'
        return _join(words, aux.text, noun) if aux.low in _BE else None
    if aux.low in _BE and tail[0].tag in ("VVN", "VVD") and len(tail) > 2 and tail[1].low in _PREPOSITIONS:
        # 'What was the house built by Smith' (a reduced clause) against 'What was the house called by Smith'
        return _join(words, aux.text, noun) if words[0].low in ("the", "a", "an") and not head else None
    return _join(words[:at], aux.text, tail, noun)
