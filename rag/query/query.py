"""Analyses a question: its words with their weights, its names, and what its answer must look like.

The patterns are for English and for the question words of a few other European languages; the kind of any other
question is "any".
"""

import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from itertools import pairwise

from rag.protocols import Rewriter
from rag.text.compounds import asks_for_compounds, compounds_of
from rag.text.dates import date_terms, dates, with_months
from rag.text.language import is_english
from rag.text.normal import fold, normalized
from rag.text.stop_words import STOP_WORDS
from rag.text.words import RARE, content_stems, match, prefixes_of, stem, weight, without_spelled_out, words
from rag.types import Query, QueryKind, Turn

_OVERVIEW = re.compile(
    r"\b(?:summar(?:y|i[sz]e[sd]?|i[sz]ing)|overview|tl;?dr|in a nutshell|key (?:take-?aways|points|ideas)|"
    r"recap|sum (?:it|this|that|them|everything) up|main (?:points?|ideas?|topics?|message|themes?)|gist|short version|"
    r"in (?:a few|a couple of|two|three) (?:lines|sentences|words))\b"
    r"|^\W*(?:please |can you |could you |would you )?sum up (?!all |(?:all )?(?:of )?(?:the |my |our )?"
    r"(?:[\w-]+ )?(?:costs?|prices?|amounts?|expenses?|payments?|hours|numbers|figures|sales|fees)\b)"
    r"|\bwhat(?:'s| is| are| was| were|s) (?:this|that|it|these|those|the|my) ?(?:[\w.'-]+ ){0,6}about\b[\s?.]*$"
    r"|\bwhat do(?:es)? (?:this|it|these|the|my) ?(?:[\w.'-]+ ){0,6}(?:say|contain|cover)\b[\s?.]*$"
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
        r"weight)\b|\bwhat (?:does|do|did) .{1,60} weigh\b"
        r"|\bwhat (?:is|was|are|were) the (?:height|length|width|depth|weight|age|price|cost|fee|salary|rent) of\b"
        r"|\bwhat (?:is|was|are|were) the (?:[\w-]+ ){1,2}(?:number|size|limit|threshold|length|height|width|"
        r"depth|weight|capacity|temperature|speed|distance)\b"
        r"|\b(?:wie ?viele?|wie (?:alt|lang|hoch|groß|weit|schwer|teuer)|combien|cu[áa]nt[oa]s?|"
        r"quant[oiae]s?|hoeveel)\b",
    ),
    (
        "date",
        r"^\W*(?:\w+ )?when\b|[,.;:?!] when\b|\bwhen (?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|"
        r"should|must|may)\b|\b(?:tell me|say|know) when\b"
        r"|\b(?:what|which) (?:\w+ ){0,2}(?:year|date|day|month|decade|century|time|season|era|period|"
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
_CAPITALS = re.compile(r"(?<![\d:] )\b[A-Z]{2,}\b(?!['’])")
_CAPITALS_WEIGHT = 5.0
_LEAST_DOUBTFUL = 4  # letters
_SAID = 0.2  # share of its weight that a word keeps which an earlier question held


def make_query(question: str, history: Sequence[Turn] = (), rewriter: Rewriter | None = None) -> Query:
    """Analyses a question. ``rewriter`` completes it from ``history``; without one it stands alone already."""
    text = rewriter.rewrite(question, history) if rewriter else question
    order = content_stems(text)
    capitals = _capitals(text)
    order += [term for term in capitals if term not in order]
    rarity = {term: _CAPITALS_WEIGHT if term in capitals else weight(term) for term in order}
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
        names=names_of(text) & set(order),
        words=frozenset(word for word, _, _ in words(text)),
        kind="overview" if asks_for_overview(text) else expected,
        is_english=is_english(text),
    )


def _capitals(text: str) -> list[str]:
    """Stems of small words in capitals, which are names then: "IT", "US"."""
    if text.upper() == text:
        return []
    folded = (stem(fold(found[0])) for found in _CAPITALS.finditer(text))
    return [term for term in dict.fromkeys(folded) if term in STOP_WORDS]


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
    """The question with rare words that occur nowhere replaced by the known word they are one slip away from, or by a
    compound with them.

    ``known`` gives the stems there are; names and numbers stay as they are, but for umlauts that are spelled out and,
    in languages with compounds, for these: German nouns have a capital as well.
    """
    doubtful = [term for term in query.terms if len(term) >= _LEAST_DOUBTFUL and weight(term) == RARE]
    if not doubtful:
        return query
    there = known()
    instead: dict[str, str] = {}
    for term in doubtful:
        short = without_spelled_out(term)
        if len(term) > _LEAST_DOUBTFUL and term not in there and short in there:
            instead[term] = short
        elif match(term, there, prefixes_of(there)) == 0:
            slips = (other for other in there if _one_slip(term, other)) if term not in query.names else ()
            compounds = compounds_of(term, there) if asks_for_compounds(query.text) else ()
            instead[term] = min((*slips, *compounds), key=len, default=term)
    if not any(term != other for term, other in instead.items()):
        return query
    terms = {instead.get(term, term): value for term, value in query.terms.items()}
    pairs = tuple((instead.get(left, left), instead.get(right, right)) for left, right in query.pairs)
    names = frozenset(instead.get(name, name) for name in query.names)
    return replace(query, terms=terms, total=_total(terms), pairs=pairs, names=names)


def dates_asked_for(question: str) -> dict[str, frozenset[str]]:
    """Returns the term of each date in a question with the stems of the words and numbers that it is written with."""
    compared = normalized(question).text
    said = words(compared)
    return {
        date.term: frozenset(stem(word) for word, start, end in said if date.start <= start and end <= date.end)
        for date in dates(compared)
    }


def words_of_dates(asked: Mapping[str, frozenset[str]], text: str) -> frozenset[str]:
    """Returns the stems of the dates asked for that a text names, however it writes them."""
    if not asked:
        return frozenset()
    named = set(with_months(date_terms(normalized(text).text)))
    return frozenset().union(*(stems for term, stems in asked.items() if term in named))


def _one_slip(typed: str, meant: str) -> bool:
    """Whether one letter was left out, added, exchanged or swapped with the next; the first letter is right."""
    if len(typed) < 5 or typed[0] != meant[0] or abs(len(typed) - len(meant)) > 1 or len(meant) < 4:
        return False
    same = next((i for i, (a, b) in enumerate(zip(typed, meant, strict=False)) if a != b), min(len(typed), len(meant)))
    one, other = typed[same:], meant[same:]
    if one[1:] == other[1:] or one[1:] == other or one == other[1:]:
        return True
    return one[:2] == other[1::-1] and one[2:] == other[2:]


def names_of(text: str) -> frozenset[str]:
    """Stems of numbers and of words with a capital that does not come from beginning the sentence."""
    found: set[str] = set()
    for index, (word, start, end) in enumerate(words(text)):
        raw = text[start:end]
        if raw[0].isdigit() or (raw[0].isupper() and (index > 0 or not raw[1:].islower())):
            found.add(stem(word))
    return frozenset(found)
