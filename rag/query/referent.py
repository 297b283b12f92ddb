"""Finds the names and noun phrases of an earlier exchange that a follow-up question may refer to.

Rules over words and capitals, no grammar. English, with enough of other languages to do no harm.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from rag.text.dates import date_terms
from rag.text.markers import strip_markers
from rag.text.normal import fold
from rag.text.stop_words import STOP_WORDS
from rag.text.words import RARE, stem, weight

_TOKEN = re.compile(r"\"[^\"]{2,60}\"|“[^”]{2,60}”|[^\W_]+(?:[-'’.&][^\W_]+)*|[^\w\s]")
_LINKS = frozenset(["of", "on", "in", "the", "de", "la", "von", "van", "der", "du", "&"])
_AUXILIARY = re.compile(r"\b(?:do|does|did|can|could|will|would|should|may|might|must|to)\b", re.IGNORECASE)
_ARTICLES = "(?:the|a|an|this|that|these|those|my|our|your|his|her|its|their)"
_VERB_LATER = re.compile(
    r"\b(?:have|be|do|get|need|cost|last|hold|weigh|belong|contain|look|work|mean)\b", re.IGNORECASE
)
_PARTICIPLE = re.compile(r"\w{2}(?<!e)ed$")
_ASKS_FOR_ONE = re.compile(
    r"^\W*(?:and )?(?:which|what) (?!(?:is|was|are|were|do|does|did)\b)|\b(?:who|whom|whose)\b", re.I
)
# ... of which something else is told, so that a pronoun may well mean that: "which company did she work for?"
_OF_ANOTHER = re.compile(r"\b(?:do|does|did|was|were|has|have|had|can|could|will|would)\b", re.IGNORECASE)
_SOMEBODY = re.compile(r"\b(?:he|she|they|his|her|their)\b", re.IGNORECASE)
_LONGEST_NAME = 5  # words
_YEAR = re.compile(r"\b(?:1[0-9]|20)\d\d\b")

_VERBS_ = """
accomplish achieve add affect agree allow appear apply arrive ask attend avoid become begin belong break bring
build buy
call cause change choose claim come compare complete consider contain continue contribute control cost cover create
cure cut deal decide define depend describe design develop die differ discover do draw drive earn eat end enjoy exist
expect explain face fail fall feel fight find finish fix follow form gain get give go going grow handle happen
help hit
hold impact improve include increase influence inspire involve join keep kill know last lead learn leave let like live
look lose love made make matter mean meet move need occur offer open operate own pay perform play prefer prepare
prevent
produce protect prove provide publish pull put raise reach read receive recommend record reduce refer relate release
remain remember replace represent require respond result return run say see seem sell serve set show sing sit sleep
solve speak spend spread stand start stay stop study succeed suffer support survive take talk teach tell think travel
treat try turn understand use used visit wait want watch win won wonder work write
born begun broken built came caught chose did died fought found gave gone got grew heard held kept knew known
led left lost
met paid ran said sang saw seen sent shot sold spent stood taught thought told took went wrote written
"""
_ATTRIBUTES_ = """
advantage age album amount article aspect award benefit best biggest born cause characteristic common con cost
course date day detail difference different disadvantage downside effect example fact factor famous feature
function good
history idea impact important information interesting issue kind largest lot main major means method most name number
other part people place point popular problem pro process purpose question reason recent result risk role rule sign
significant step story symptom term thing time top treatment type use value way well work year
"""
_VERBS = frozenset(stem(word) for word in _VERBS_.split())
_ATTRIBUTES = frozenset(stem(word) for word in _ATTRIBUTES_.split())


@dataclass(frozen=True)
class Phrase:
    """A stretch of an earlier question or answer. ``name``: written with capitals. ``plural``: ends like one."""

    text: str
    name: bool
    plural: bool
    salience: float

    @property
    def stems(self) -> frozenset[str]:
        return frozenset(stem(fold(word)) for word in re.findall(r"[^\W_]+", self.text))


def phrases(text: str) -> list[Phrase]:
    """Names and noun phrases of a text, in order, each once."""
    text = strip_markers(text)
    found: dict[str, Phrase] = {}
    asks_for_action = _AUXILIARY.search(text) is not None
    for run, before in _runs(text):
        phrase = _phrase(_without_verb(run, text), before, trim_end=asks_for_action)
        if phrase is not None:
            phrase = replace(phrase, plural=phrase.plural and not _agrees_with_one(phrase.text, text))
            found.setdefault(phrase.text.casefold(), phrase)
    return list(found.values())


def names(text: str) -> list[Phrase]:
    """Only the phrases written with capitals or quotes."""
    return [phrase for phrase in phrases(text) if phrase.name]


def name_found(question: str, found: str) -> Phrase | None:
    """The name that a question asked for and got, where ``found`` are the words that answered it: the Evangeline after
    "which ship struck the reef?"; None for other questions and answers."""
    words_ = found.split()
    is_name = 1 <= len(words_) <= _LONGEST_NAME and any(map(_is_capital, words_))
    if (
        not is_name
        or date_terms(f"{found} 2000")
        or any(map(str.isdigit, found))
        or _ASKS_FOR_ONE.search(question) is None
    ):
        return None
    if _OF_ANOTHER.search(question) and (names(question) or _SOMEBODY.search(question)):
        return None
    return Phrase(found, name=True, plural=False, salience=6.0)


def years(text: str) -> list[str]:
    return _YEAR.findall(text)


def _behind(verbs: str, phrase: str, text: str) -> re.Match[str] | None:
    """Where a phrase stands right behind one of some verbs, an article between them left aside."""
    return re.search(rf"\b(?:{verbs}) (?:{_ARTICLES} )?{re.escape(phrase)}(?!\w)", text, re.IGNORECASE)


def _agrees_with_one(phrase: str, text: str) -> bool:
    """Whether the verb in front of a phrase says that it is one thing: "does the lens"."""
    return _behind("does|is|was|has", phrase, text) is not None


def _without_verb(run: list[str], text: str) -> list[str]:
    """A run of words without the verb that a question puts behind its subject, known or not: "does the batter rest",
    "was the boat painted"."""
    if len(run) < 2 or _is_capital(run[-1]):
        return run
    asked = _behind("do|does|did", " ".join(run), text)
    if asked is not None:
        verb = next((at for at, word in enumerate(run) if at > 0 and not _is_capital(word) and _is_verb(word)), None)
        if verb is not None:
            return run[:verb]
        return run if _VERB_LATER.search(text, asked.end()) else run[:-1]
    is_passive = _behind("is|are|was|were", " ".join(run), text) is not None
    return run[:-1] if is_passive and (_PARTICIPLE.search(run[-1]) or _is_verb(run[-1])) else run


def _runs(text: str) -> Iterator[tuple[list[str], str]]:
    """Stretches of words between function words and punctuation, each with the word in front of it."""
    run: list[str] = []
    before = ""
    previous = ""
    tokens = _TOKEN.findall(text)
    sentence_start = True
    for index, token in enumerate(tokens):
        following = tokens[index + 1] if index + 1 < len(tokens) else ""
        if _joins(run, token, following):
            run.append(token)
        elif token[0] in '"“':
            if run:
                yield run, before
            yield [token], "quoted"
            run = []
        elif not token[0].isalnum() or _is_function_word(token, sentence_start):
            if run:
                yield run, before
            run = []
        else:
            if len(run) > 1 and not _is_capital(token) and _is_capital(run[-1]) and _is_verb(token):
                yield run, before
                run = []
            if not run:
                before = previous
            run.append(token)
            if token.endswith(("'s", "’s")) or (token.endswith("s") and following in {"'", "’"}):
                yield run, before
                run = []
        sentence_start = token in ".!?:"
        previous = token.casefold()
    if run:
        yield run, before


def _joins(run: list[str], token: str, following: str) -> bool:
    """Whether a small word continues a phrase: 'University of Missouri', 'licences and permits'."""
    after_name = bool(run) and _is_capital(run[-1] if run[-1] not in _LINKS else run[0])
    if not run or not following[:1].isalpha() or following.casefold() in STOP_WORDS:
        return after_name and token in _LINKS and following == "the"
    if token == "and":
        return _is_capital(run[-1]) == _is_capital(following) and not _is_verb(following) and not _is_verb(run[-1])
    return after_name and token in _LINKS and _is_capital(following)


def _is_function_word(token: str, sentence_start: bool) -> bool:
    folded = fold(token)
    capital_inside = _is_capital(token) and not sentence_start
    return (folded in STOP_WORDS and not (capital_inside and len(token) > 3)) or folded.split("'")[0] in _PLAIN


_PLAIN = frozenset(
    [
        "what",
        "who",
        "when",
        "where",
        "why",
        "how",
        "which",
        "does",
        "did",
        "is",
        "are",
        "was",
        "were",
        "do",
        "can",
        "could",
        "would",
        "should",
        "will",
        "i",
        "regarding",
        "oh",
        "other",
        "something",
        "anything",
    ]
)


def _is_capital(token: str) -> bool:
    return token[:1].isupper()


def _phrase(run: list[str], before: str, *, trim_end: bool) -> Phrase | None:
    """A run without the verbs and attributes at its ends; None where nothing is left."""
    if before == "quoted":
        return Phrase(run[0], name=True, plural=False, salience=6.0)
    begins_sentence = before in {"", ".", "?", "!", ":"}
    is_name = any(map(_is_capital, run[1:])) or (_is_capital(run[0]) and not (begins_sentence and len(run) > 1))
    if len(run) == 1 and begins_sentence and stem(fold(run[0])) in _VERBS | _ATTRIBUTES:
        is_name = False
    kept = list(run)
    while kept and trim_end and not _is_capital(kept[-1]) and _is_verb(kept[-1]):
        kept.pop()
    while kept and _is_verb(kept[0]) and not (is_name and _is_capital(kept[0]) and before):
        kept.pop(0)
    if not kept or all(word.isdigit() for word in kept):
        return None
    stems_ = [stem(fold(word)) for word in kept]
    informative = [each for each in stems_ if each not in _ATTRIBUTES]
    salience = sum(weight(each) if each.isascii() else RARE for each in informative[:4]) / 6 + (3.0 if is_name else 0.0)
    if before in {"of", "about", "in", "a", "an", "on", "for", "with", "between", "regarding"}:
        salience += 1.0
    is_measure = before == "how" and len(kept) == 1 and not is_name  # "how tall" asks for a height
    if not informative or is_measure:
        salience = 0.1
    text = " ".join(kept).removesuffix("'s").removesuffix("’s")
    return Phrase(text, is_name, _is_plural(kept[-1]), salience)


def _is_verb(word: str) -> bool:
    """Whether a word is a form of a common verb; 'opener' and 'writers' are not."""
    return not word.endswith(("er", "ers")) and stem(fold(word)) in _VERBS


def _is_plural(word: str) -> bool:
    return len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "'s"))
