"""Analyses a question: its words with their weights, its names, and what its answer must look like.

The patterns are for English and for the question words of a few other European languages; the kind of any other
question is "any".
"""

import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from itertools import pairwise

from rag.protocols import Rewriter
from rag.text.language import is_english
from rag.text.stop_words import STOP_WORDS
from rag.text.words import RARE, content_stems, fold, match, prefixes_of, stem, weight, words
from rag.types import Query, QueryKind, Turn

_OVERVIEW = re.compile(
    r"\b(?:summar(?:y|i[sz]e[sd]?|i[sz]ing)|overview|tl;?dr|in a nutshell|key (?:take-?aways|points|ideas)|"
    r"main (?:points?|ideas?|topics?|message|themes?)|gist)\b"
    r"|\bwhat(?:'s| is| are|s) (?:this|that|it|these|those|the|my) ?(?:\w+ ){0,3}about\b"
    r"|\bwhat do(?:es)? (?:this|it|these|the|my) ?(?:\w+ ){0,2}(?:say|contain|cover)\b[\s?.]*$"
    r"|\b(?:zusammenfass\w*|fasse? .*zusammen|worum geht|überblick|résum\w+|de quoi (?:parle|s'agit)"
    r"|resum\w+|de qué trata|riassu\w+|di cosa (?:parla|tratta)|do que se trata|samenvatt\w+|vat .* samen)",
    re.IGNORECASE,
)
_ASKS_FOR: tuple[tuple[QueryKind, str], ...] = (
    (
        "number",
        r"\bhow (?:many|much|old|long|far|tall|high|deep|wide|big|large|fast|heavy|often|late)\b"
        r"|\b(?:what|which) (?:\w+ )?(?:number|percent(?:age)?|proportion|fraction|amount|population|price|cost|size|"
        r"area|length|height|width|depth|distance|temperature|speed|age|rate|total|ratio|salary|fee|budget|revenue|"
        r"weight)\b"
        r"|\b(?:wie ?viele?|wie (?:alt|lang|hoch|groß|weit|schwer|teuer)|combien|cu[áa]nt[oa]s?|"
        r"quant[oiae]s?|hoeveel)\b",
    ),
    (
        "date",
        r"\bwhen\b|\b(?:what|which) (?:\w+ ){0,2}(?:year|date|day|month|decade|century|time|season|era|period|"
        r"deadline)\b"
        r"|\b(?:wann|quand|cu[áa]ndo|quando|wanneer)\b|\bin welchem jahr\b",
    ),
    (
        "person",
        r"\b(?:who|whom|whose)\b|\b(?:what|which) (?:\w+ )?(?:person|man|woman|king|queen|emperor|president|author|"
        r"scientist|artist|actor|actress|director|singer|composer|writer|philosopher|leader|general|company|"
        r"organi[sz]ation|team|group|band|party)\b|\b(?:wer|wem|wen|wessen|qui|qui[eé]n(?:es)?|quem|"
        r"wie is)\b|^\W*chi\b",
    ),
    (
        "place",
        r"\bwhere\b|\b(?:what|which) (?:\w+ )?(?:country|city|state|town|place|location|continent|region|province|"
        r"county|street|river|island|village|district|address|room|building)\b"
        r"|\b(?:wohin|woher|dónde|dove|onde|waar)\b|^\W*(?:wo|où)\b",
    ),
    (
        "reason",
        r"\bwhy\b|\b(?:what|which) (?:\w+ )?(?:reason|cause|purpose)s?\b|\b(?:warum|weshalb|pourquoi|perché|waarom)\b",
    ),
    (
        "list",
        r"^\W*(?:please )?(?:list|enumerate|name (?:all|the|some|three|two|four|five)|give me (?:all|the) \w+s)\b"
        r"|\bwhat (?:are|were) (?:the|some|all)\b"
        r"|\b(?:what|which) (?!kind|sort|type)(?:\w+ )?\w+[^su\W]s (?:are|were|do|does|did|have|has|can|should|must)\b",
    ),
    (
        "definition",
        r"^\W*what(?:'s| is| are| was| were) (?:(?:an?|the) )?[\w'-]+(?: [\w'-]+){0,2}\??\W*$"
        r"|\b(?:define|definition of|meaning of|what does .{1,60} (?:mean|stand for))\b"
        r"|^\W*was (?:ist|sind)\b|qu'est-ce",
    ),
)
_PATTERNS: tuple[tuple[QueryKind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _ASKS_FOR
)
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
_COUNTS = (
    r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    r"eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion|dozen|"
    r"half|third|quarter|twice|once|zwei|drei|vier|fünf|hundert|tausend|deux|trois|quatre|cinq|dos|tres|cuatro|cinco"
)
_NUMBER = re.compile(rf"\d|\b(?:{_COUNTS})s?\b", re.IGNORECASE)
_COUNT = re.compile(rf"(?:{_COUNTS})s?")
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
_SAID = 0.2  # share of its weight that a word keeps which an earlier question held
_UNCOMMON = 5.0  # weight from which a capitalised first word passes for a name


def make_query(question: str, history: Sequence[Turn] = (), rewriter: Rewriter | None = None) -> Query:
    """Analyses a question. ``rewriter`` completes it from ``history``; without one it stands alone already."""
    text = rewriter.rewrite(question, history) if rewriter else question
    order = content_stems(text)
    rarity = {term: weight(term) for term in order}
    terms = _news_first(rarity, history)
    expected: QueryKind = next((kind for kind, pattern in _PATTERNS if pattern.search(text)), "any")
    return Query(
        original=question,
        text=text,
        history=tuple(history),
        rarity=rarity,
        terms=terms,
        total=_total(terms),
        pairs=tuple(pairwise(order)),
        names=_names(text) & set(order),
        words=frozenset(word for word, _, _ in words(text)),
        kind="overview" if asks_for_overview(text) else expected,
        is_english=is_english(text),
    )


def asks_for_overview(question: str) -> bool:
    """Whether a question asks for a summary of what there is."""
    return _OVERVIEW.search(question) is not None and len(content_stems(question)) <= 6


def _news_first(terms: Mapping[str, float], history: Sequence[Turn]) -> Mapping[str, float]:
    """Less weight on what earlier questions said: completing the question brought in their subject."""
    said = {term for turn in history for term in content_stems(turn.question)}
    if terms.keys() <= said:
        return terms
    return {term: value * (_SAID if term in said else 1.0) for term, value in terms.items()}


def _total(terms: Mapping[str, float]) -> float:
    return sum(terms.values()) or 1.0


def respelled(query: Query, known: Callable[[], Set[str]]) -> Query:
    """The question with rare words that occur nowhere replaced by the known word they are one slip away from.

    ``known`` gives the stems there are; names and numbers stay as they are.
    """
    doubtful = [term for term in query.terms if len(term) >= 5 and term not in query.names and weight(term) == RARE]
    if not doubtful:
        return query
    there = known()
    instead: dict[str, str] = {}
    for term in doubtful:
        if match(term, there, prefixes_of(there)) == 0:
            instead[term] = min((other for other in there if _one_slip(term, other)), default=term)
    terms = {instead.get(term, term): value for term, value in query.terms.items()}
    pairs = tuple((instead.get(left, left), instead.get(right, right)) for left, right in query.pairs)
    return replace(query, terms=terms, total=_total(terms), pairs=pairs)


def _one_slip(typed: str, meant: str) -> bool:
    """Whether one letter was left out, added, exchanged or swapped with the next; the first letter is right."""
    if typed[0] != meant[0] or abs(len(typed) - len(meant)) > 1 or len(meant) < 4:
        return False
    same = next((i for i, (a, b) in enumerate(zip(typed, meant, strict=False)) if a != b), min(len(typed), len(meant)))
    one, other = typed[same:], meant[same:]
    if one[1:] == other[1:] or one[1:] == other or one == other[1:]:
        return True
    return one[:2] == other[1::-1] and one[2:] == other[2:]


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
    found = set(_names(statement))
    for index, (word, _, _) in enumerate(words(statement)):
        rare = index == 0 and word not in STOP_WORDS and weight(stem(word)) > _UNCOMMON
        if rare or (_COUNT.fullmatch(word) and word not in _COUNTS_LITTLE):
            found.add(stem(word))
    return frozenset(found)


def _names(text: str) -> frozenset[str]:
    """Stems of numbers and of words with a capital that does not come from beginning the sentence."""
    found: set[str] = set()
    for index, (word, start, end) in enumerate(words(text)):
        raw = text[start:end]
        if raw[0].isdigit() or (raw[0].isupper() and (index > 0 or not raw[1:].islower())):
            found.add(stem(word))
    return frozenset(found)
