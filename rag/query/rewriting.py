"""Completes a question from the conversation before it, so that it stands alone for retrieval and for showing.

"who wrote it?" gets the book's name, "and in 2021?" the earlier question with the new year. A question that needs no
help comes back unchanged. Rules only; the language model may replace this behind the Rewriter protocol.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rag.query.in_place import asked_a_year_away, asked_instead, in_its_place
from rag.query.other_languages import turns_understood
from rag.query.query import asks_for_overview
from rag.query.referent import Phrase, name_found, names, phrases, years
from rag.text.markers import strip_markers
from rag.text.normal import fold
from rag.text.sentences import split_sentences
from rag.text.words import content_stems, stem
from rag.types import Turn

_TURNS = 6  # earlier exchanges looked at
_FADING = 0.8  # what a phrase still counts one exchange later
_OPENING = 3.0  # what a phrase of the first question counts: conversations mostly stay with their subject
_FAINT = 0.5  # salience below which a phrase says nothing
_PLACED_IN = 0.3  # what a phrase counts that only says where: "the jetty in the contract" is a jetty
_LEAD = re.compile(
    r"^\s*(?:(?:ok(?:ay)?|thanks?(?: you)?|great|wow|interesting|cool|i see|hm+|well|oh|yes|no|right|sure|and|"
    r"but|so|then|also|und|"
    r"et|y|e)\b[\s,.!…-]*)+",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"^\s*(?:what|how) about\s+|^\s*(?:was ist mit|wie (?:steht|sieht) es mit|et pour|qu'en est-il de|"
    r"y qué hay de)\s+",
    re.IGNORECASE,
)
_MORE = re.compile(
    r"^\s*(?:(?:can|could) you )?(?:please )?(?:tell me|say|give me|show me|explain|elaborate|go on|continue|"
    r"expand|more|anything else|"
    r"what else|mehr)(?: (?:some|a bit|a little|much|me|us|details?|information|info|please|on|about|more|"
    r"further|it|that|this|them|else|"
    r"is there|there|dazu|darüber))*\s*[.?!]*\s*$",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"^\s*(?:(?:why|how|when|where|who|which(?: one)?|how (?:so|come|much|many|long)|since when|for what|"
    r"by whom|says who|"
    r"warum|wieso|wann|wo|wer|wie|pourquoi|quand|por qué|cuándo)(?: (?:not|is that|was that|"
    r"did that happen))?)\s*[?.!]*\s*$",
    re.IGNORECASE,
)
_PERSON = re.compile(r"\b(he|she|him|his|himself|her|hers|herself)\b", re.IGNORECASE)
_THING = re.compile(r"\b(it|its|they|them|their|theirs)\b", re.IGNORECASE)
_EXPLETIVE = re.compile(
    r"\b(?:can[’']?t|cannot|couldn[’']t|won[’']t|can not) make it\b|\bmake it (?:to|in time|there)\b|"
    r"\bwhat (?:time|day|date) is it\b|\bis it (?:true|possible|okay|ok|safe|legal|free|worth|better|necessary|"
    r"important|good|bad|"
    r"hard|easy|illegal|normal|wise)\b[^?]*\b(?:to|that|for|if)\b|\b(?:does|did|would|will) it (?:take|cost|"
    r"mean) to\b"
    r"|\bhow (?:long|much|far|many \w+) (?:does|did|will|would|is) it (?:take|cost|to)\b[^?]* to (?!\w+ it\b)",
    re.IGNORECASE,
)
_DEMONSTRATIVE = re.compile(
    r"\b(?:this|that|these|those)\b(?=\s*(?:[?.!,]|$|\b(?:is|was|are|were|mean|happen|work|do|does|did|has|have|"
    r"so|too|as|and|or|"
    r"in|on|for|to|at|with|about)\b))",
    re.IGNORECASE,
)
_DEMONSTRATIVE_NOUN = re.compile(r"\b(?:this|these|those|such|that(?! \w+s\b)) (?P<noun>[a-z][\w-]+)", re.IGNORECASE)
_NOT_A_POINTER = re.compile(
    r"\b(?:[a-z]+(?:ed|s|t|e|k|d|w)|say|mean|learn|so|such|fact|those|people|one|ones) that\b", re.IGNORECASE
)
_THERE = re.compile(
    r"(?<!is )(?<!are )(?<!was )(?<!were )(?<!will )(?<!be )\bthere\b(?! (?:is|are|was|were|be|any|"
    r"a)\b)",
    re.IGNORECASE,
)
_ELSE = re.compile(
    r"\b(?:else|other|another|others|same|too|first|latter|former|ones?|more|differ|instead)\b", re.IGNORECASE
)
_KNOWN_THING = re.compile(
    r"\bthe (?:band|group|team|club|album|song|film|movie|book|novel|poem|play|show|series|episode|game|match|season|"
    r"movement|stadium|war|battle|trial|event|accident|attack|method|process|disease|treatment|surgery|procedure|"
    r"author|writer|director|founder|owner|story|plot|relationship|problem|differences?|symptoms?|causes?|effects?|"
    r"benefits?|(?:dis)?advantages?|pros|cons|risks?|requirements?|rules?)"
    r"\b(?! (?:of|for|in|between|that|which|called|about|to|from|on|at|by)\b)",
    re.IGNORECASE,
)
_IS_THERE = re.compile(
    r"^\s*(?:(?:is|are|was|were) there|what are some)\b(?!.*\b(?:of|for|in|at|about|to|on|from|with)\b)", re.IGNORECASE
)
_NEW_YEAR = re.compile(r"\b(?:1[0-9]|20)\d\d\b")
_PROPER = re.compile(r"\b[^\W\d_a-zà-öø-ÿ][^\W_]*(?:[ -][^\W\d_a-zà-öø-ÿ][^\W_]*)*")
# What a question asks of, which "and the ...?" puts something else in place of.
_ASKED_OF = re.compile(
    r"(?<=\bis the )(?P<a>[^?]+?)(?=(?: (?:of|in|at|for|on)\b.*)?\?*$)"
    r"|(?<=\bwas the )(?P<b>[^?]+?)(?=(?: (?:of|in|at|for|on)\b.*)?\?*$)"
    r"|(?<=\w's )(?P<c>[^?]+?)(?=(?: (?:in|at|for|on|of)\b.*)?\?*$)",
    re.IGNORECASE,
)
_ELLIPTIC = re.compile(r"^\s*(?:and|then|also)\b|\bthen\s*\?*\s*$", re.IGNORECASE)
_OWN_NOUN = re.compile(
    r"document|documents|file|files|text|folder|page|report|paper|article|video|collection", re.IGNORECASE
)
_WHO = re.compile(r"\b(?:who|whom|whose|wer|qui|quién)\b", re.IGNORECASE)
_POSSESSIVE = frozenset(["his", "its", "their", "theirs", "hers"])
_VERB_AFTER_HER = re.compile(
    r"\s*(?:$|[?.!,;]|(?:in|on|at|to|from|for|with|by|and|or|as|of|after|before|during|when|while|so)\b)", re.I
)


@dataclass(frozen=True)
class _Context:
    """One earlier exchange, its question already complete; ``found`` are the words of the answer that answer."""

    question: str
    answer: str
    found: str


class HeuristicRewriter:
    """Implements the Rewriter protocol without a model."""

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        """The question as it would be asked by someone who had said nothing before."""
        contexts: list[_Context] = []
        for turn in turns_understood(question, [*history[:1], *history[1:][-_TURNS:]]):
            contexts.append(_Context(_complete(turn.question, contexts), turn.answer, turn.found))
        return _complete(question, contexts)


def _complete(question: str, contexts: Sequence[_Context]) -> str:
    """Adds to a question what it leaves out; returns it unchanged where nothing is missing."""
    if not contexts or not question.strip():
        return question
    bare = _LEAD.sub("", question, count=1).strip() or question.strip()
    if _MORE.match(bare):
        return _more(question, contexts)
    if _BARE.match(bare):
        return _bare(bare, contexts)
    away = asked_a_year_away(bare, contexts[-1].question)
    if away is not None:
        return away
    about = _ABOUT.match(bare)
    if about or _is_fragment(bare):
        return _carried_over(question, bare[about.end() :] if about else bare, contexts)
    instead = asked_instead(bare, contexts[-1].question)
    if instead is not None:
        return instead
    replaced = _pronouns_replaced(bare, contexts)
    if replaced != bare:
        return _capitalised(replaced, question)
    if asks_for_overview(bare):
        return question
    expanded = _names_expanded(question, contexts)
    if _needs_topic(expanded) or (_ELLIPTIC.search(question) and not names(expanded)):
        return _with_topic(expanded, contexts)
    return expanded


def _more(question: str, contexts: Sequence[_Context]) -> str:
    """'tell me more' -> about the subject of the last exchange."""
    subject = _subject(contexts)
    return f"Tell me more about {subject.text}" if subject else question


def _bare(question: str, contexts: Sequence[_Context]) -> str:
    """'why?' -> the question word and the exchange it is about."""
    last = contexts[-1]
    word = question.rstrip("?!. ")
    statement = _first_sentence(last.answer)
    if statement and len(statement) <= 160:
        return f"{word[0].upper()}{word[1:]}: {statement.rstrip('.!? ')}?"
    return f"{word[0].upper()}{word[1:]}: {last.question}"


def _is_fragment(question: str) -> bool:
    """Whether there is no clause, only a phrase: 'in water', 'the second one?', 'Pollution'."""
    words_ = re.findall(r"[^\W_]+(?:['’][^\W_]+)?", question)
    if not words_ or len(words_) > 4:
        return False
    folded = [fold(word) for word in words_]
    return folded[0] in _FRAGMENT_STARTS or (
        len(words_) <= 2 and question.rstrip().endswith("?") and not _is_question(folded)
    )


_FRAGMENT_STARTS_ = """
in at on for from with by since after before during under the only until through between
"""
_FRAGMENT_STARTS = frozenset(_FRAGMENT_STARTS_.split())


def _is_question(folded: Sequence[str]) -> bool:
    return folded[0].split("'")[0] in _QUESTION_WORDS


_QUESTION_WORDS_ = """
what who whom whose when where why how which is are was were do does did can could will would should
has have had may might tell list name show give describe explain summarize summarise define compare
"""
_QUESTION_WORDS = frozenset(_QUESTION_WORDS_.split())


def _carried_over(question: str, fragment: str, contexts: Sequence[_Context]) -> str:
    """'and in 2021?', 'what about Apple?' -> the earlier question with the new part in place of the like one."""
    previous = contexts[-1].question
    complete = _pronouns_replaced(fragment, contexts).strip().rstrip("?!. ")
    if complete != fragment.strip().rstrip("?!. "):
        return f"What about {complete}?"
    fragment = complete
    if not fragment:
        return question
    if fold(fragment.split()[0]) in _FRAGMENT_STARTS:
        fragment = fragment[0].lower() + fragment[1:]
    new_years = _NEW_YEAR.findall(fragment)
    if new_years and years(previous):
        return _NEW_YEAR.sub(new_years[0], previous)
    if not new_years:
        new = _PROPER.findall(fragment)
        old = _PROPER.findall(previous, 1)
        if new and old and new[0].casefold() not in previous.casefold():
            return re.sub(rf"(?<!\w){re.escape(old[-1])}(?!\w)", new[0], previous)
    if fragment.casefold().startswith("the ") and (asked_of := _ASKED_OF.search(previous)):
        return previous[: asked_of.start()] + fragment[len("the ") :] + previous[asked_of.end() :]
    if previous.casefold().startswith(("tell me", "what about")):
        subject = _subject(contexts)
        return f"What about {fragment} regarding {subject.text}?" if subject else question
    in_place = in_its_place(fragment, previous)
    if in_place is not None:
        return in_place
    joint = " " if fold(fragment.split()[0]) in _FRAGMENT_STARTS - {"the"} else ", what about "
    return f"{previous.rstrip('?!. ')}{joint}{fragment}?"


def _pronouns_replaced(question: str, contexts: Sequence[_Context]) -> str:
    """The question with its first pronoun of each kind replaced by what it stands for."""
    person = _PERSON.search(question)
    if person:
        referent = _person(contexts)
        if referent and not _overlaps(question, referent):
            question = _put(question, person, referent.text)
    thing = _THING.search(question)
    if thing and not _EXPLETIVE.search(question) and not _antecedent_inside(question, thing.start()):
        plural = fold(thing[1]) in {"they", "them", "their", "theirs"}
        found = _thing(contexts, plural=plural)
        if found and not _overlaps(question, found):
            question = _put(question, thing, found.text)
    if person or thing:
        return question
    return _demonstratives_replaced(question, contexts)


def _demonstratives_replaced(question: str, contexts: Sequence[_Context]) -> str:
    """'this', 'that year', 'there' replaced by what they point at, or explained by it."""
    pointer = _DEMONSTRATIVE.search(question)
    noun = _DEMONSTRATIVE_NOUN.search(question)
    if pointer and not _NOT_A_POINTER.search(question):
        found = _thing(contexts, plural=False)
        return _put(question, pointer, found.text) if found and not _overlaps(question, found) else question
    if noun and fold(noun["noun"]) in {"year", "time", "period"}:
        known = years(contexts[-1].answer) or years(contexts[-1].question)
        if known:
            question = f"{question[: noun.start()]}{known[0]}{question[noun.end() :]}"
    elif (noun and not _OWN_NOUN.fullmatch(noun["noun"]) and not _NOT_A_POINTER.search(question)) or _THERE.search(
        question
    ):
        return _with_topic(question, contexts)
    return question


def _antecedent_inside(question: str, position: int) -> bool:
    """Whether the question itself names what its pronoun stands for, in front of it."""
    return any(phrase.salience > 1.5 for phrase in phrases(question[:position]))


def _put(question: str, pronoun: re.Match[str], text: str) -> str:
    """``text`` in the pronoun's place, with the possessive where the pronoun was one."""
    word = fold(pronoun[0])
    possessive = word in _POSSESSIVE or (word == "her" and not _VERB_AFTER_HER.match(question, pronoun.end()))
    if possessive:
        text += "'" if text.endswith("s") else "'s"
    return question[: pronoun.start()] + text + question[pronoun.end() :]


def _person(contexts: Sequence[_Context]) -> Phrase | None:
    """Whom 'he' or 'she' means: the person just asked for, else the name that the last questions are about."""
    last = contexts[-1]
    if (named := name_found(last.question, last.found)) is not None:
        return named
    if _WHO.search(last.question):
        asked = {each for phrase in phrases(last.question) for each in phrase.stems}
        fresh = [phrase for phrase in names(last.answer) if " " in phrase.text and not phrase.stems & asked]
        if fresh:
            return fresh[0]
    named = _most_salient(contexts, lambda phrase: phrase.name and not any(c.isdigit() for c in phrase.text))
    if named is None:
        named = next((phrase for phrase in names(last.answer) if " " in phrase.text), None)
    return named


def _thing(contexts: Sequence[_Context], *, plural: bool) -> Phrase | None:
    """What 'it' or 'they' means: what was just asked for by "which", else what the last questions are about, of the
    right number if possible."""
    last = contexts[-1]
    if not plural and not _WHO.search(last.question) and (named := name_found(last.question, last.found)) is not None:
        return named
    found = _most_salient(contexts, lambda phrase: phrase.name or phrase.plural == plural, _says_where)
    found = found or _subject(contexts)
    return None if found is None else _on_its_way(found, contexts)


def _on_its_way(found: Phrase, contexts: Sequence[_Context]) -> Phrase:
    """A name with what goes to it or comes from it: 'the train to Porto' leaves, not Porto."""
    for context in reversed(contexts):
        way = re.search(rf"([\w-]+) (?:to|from) {re.escape(found.text)}(?!\w)", context.question)
        if way and found.name and any(way[1] in phrase.text.split() for phrase in phrases(context.question)):
            return replace(found, text=f"the {way[0]}")
    return found


def _subject(contexts: Sequence[_Context]) -> Phrase | None:
    """What the conversation is about at its end."""
    return _most_salient(contexts, lambda phrase: True)


def _most_salient(
    contexts: Sequence[_Context],
    fits: Callable[[Phrase], bool],
    is_aside: Callable[[Phrase, str], bool] = lambda phrase, question: False,
) -> Phrase | None:
    """The phrase of the earlier questions that stands out most: recent ones count more, and so do repeated ones, and
    those that are an aside in their question less."""
    scores: dict[frozenset[str], float] = {}
    longest: dict[frozenset[str], Phrase] = {}
    for distance, context in enumerate(reversed(contexts)):
        share = max(_FADING**distance, _OPENING if context is contexts[0] else 0.0)
        for phrase in phrases(context.question):
            if phrase.salience > _FAINT and fits(phrase):
                counts = share * (_PLACED_IN if is_aside(phrase, context.question) else 1.0)
                scores[phrase.stems] = scores.get(phrase.stems, 0.0) + phrase.salience * counts
                longest.setdefault(phrase.stems, phrase)
    if not scores:
        return None
    return longest[max(scores, key=lambda stems: scores[stems])]


def _says_where(phrase: Phrase, question: str) -> bool:
    """Whether a phrase is no name and stands behind "in the": where something is, or which document says it."""
    where = rf"\b(?:in|according to|from) (?:the|this|that|my|our|your) {re.escape(phrase.text)}(?!\w)"
    return not phrase.name and re.search(where, question, re.IGNORECASE) is not None


def _names_expanded(question: str, contexts: Sequence[_Context]) -> str:
    """A single name given in full where only one longer name of the conversation ends or begins with it."""
    known = {phrase.text: phrase for context in contexts for phrase in names(context.question)}
    for short in names(question):
        if " " in short.text or short.text.isupper():
            continue
        longer = [text for text, phrase in known.items() if short.stems < phrase.stems and text.count(" ") <= 3]
        if len(longer) == 1 and longer[0].casefold() not in question.casefold():
            return re.sub(rf"(?<!\w){re.escape(short.text)}(?!\w)", longer[0], question, count=1)
    return question


def _needs_topic(question: str) -> bool:
    """Whether a question without a name says too little to be searched for: 'what are the pros and cons?'."""
    if names(question):
        return False
    informative = any(phrase.salience > _FAINT for phrase in phrases(question))
    vague = _IS_THERE.search(question) is not None and len(content_stems(question)) <= 2
    return not informative or vague or bool(_ELSE.search(question)) or bool(_KNOWN_THING.search(question))


def _with_topic(question: str, contexts: Sequence[_Context]) -> str:
    """The question and, after it, what it is about."""
    subject = _subject(contexts)
    if subject is None or _overlaps(question, subject):
        return question
    return f"{question.rstrip().rstrip('?.! ')} regarding {subject.text}?"


def _overlaps(question: str, phrase: Phrase) -> bool:
    """Whether the question already says the phrase."""
    there = {stem(fold(word)) for word in re.findall(r"[^\W_]+", question)}
    return phrase.stems <= there


def _first_sentence(answer: str) -> str:
    text = strip_markers(answer)
    spans = split_sentences(text[:1000])
    return text[spans[0][0] : spans[0][1]] if spans else ""


def _capitalised(rewritten: str, original: str) -> str:
    """With a capital at the front where the person wrote one."""
    if original.lstrip()[:1].isupper() and rewritten[:1].islower():
        return rewritten[0].upper() + rewritten[1:]
    return rewritten
