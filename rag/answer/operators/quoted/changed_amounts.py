"""Quotes the new price where a later text changes one: "instead of 3,900 euros we let you have it for 3,650 euros".

An offer and what was agreed stand in two letters, and the offer looks more like the answer. A sentence that sets a new
amount in the place of an old one counts where the old one is what the other passages say.
"""

import re
from collections.abc import Sequence, Set

from rag.answer.above import above
from rag.answer.operators.computed.amounts import prices_in
from rag.answer.operators.tables.grid import Texts
from rag.answer.operators.whole_document import whole_documents
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import readable
from rag.answer.rows import row_at
from rag.text import numbers
from rag.text.sentences import cached_sentences
from rag.text.words import content_stems, match, prefixes_of, stems
from rag.types import Passage, Query

_ASKS = re.compile(
    r"\bhow much\b|\bwhat (?:do|does|did|will|would|must|should|is|are)\b.*\b(?:costs?|pay|price|charge|fee|rent|owe)\b"
    r"|^\W*(?:the )?(?:price|cost|fee|rent|charge)s?\b|\bwhat(?:['’]s| is| are| was| were) the (?:\w+ )?"
    r"(?:price|cost|fee|rent)",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(
    r"\b(?:first|firstly|original(?:ly)?|initial(?:ly)?|old|former(?:ly)?|previous(?:ly)?|before|offered|offer|asked|"
    r"more|less|cheaper|dearer|difference|save|discount|reduction|rise|rose|raise[ds]?|up|down|total|together)\b",
    re.IGNORECASE,
)
_SIGN = r"(?:[$€£¥₹]\s?)?"
_OLD, _NEW = (rf"{_SIGN}(?P<{name}>{numbers.PATTERN})" for name in ("old", "new"))
_CHANGES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\binstead of (?:the )?{_OLD}\b[^\n]{{0,80}}?(?:for|at|is|are|pay|costs?|only|to|now|you)\s+(?:only )?"
        rf"{_NEW}",
        rf"{_NEW}\b[^.;]{{0,30}}\b(?:instead of|rather than|not) (?:the )?{_OLD}",
        rf"\bfrom {_OLD}\b[^.;]{{0,20}}? (?:down )?to {_NEW}",
        rf"{_NEW}\b[^.;]{{0,20}}\((?:was|before|formerly|previously|down from|up from) {_OLD}",
    )
)
_BY_FORM = frozenset(
    stems("price prices cost costs fee rent charge pay paid owe much now finally end agreed we you they have get")
)
_LONGEST = 400  # characters of a sentence
_DOCUMENTS = 5
_READ = 100_000  # characters of a document that is looked through


def quote_changed_amount(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """The one sentence that changes the amount; None for other questions, where none does, and where the old amount
    stands nowhere else."""
    if _ASKS.search(query.text) is None or _OTHERWISE.search(query.text):
        return None
    subject = frozenset(content_stems(query.text)) - _BY_FORM
    if not subject:
        return None
    wholes = list(whole_documents(passages, texts, _DOCUMENTS, _READ))
    found: list[Statement] = []
    for whole in wholes:
        for start, end in cached_sentences(whole.text):
            if end - start > _LONGEST:
                continue
            sentence = whole.text[start:end]
            change = next((change for pattern in _CHANGES if (change := pattern.search(sentence))), None)
            if change is None or not prices_in(sentence) or row_at(whole, start) is not None:
                continue
            if _is_about(subject, sentence, whole, _says_old(change["old"], wholes, subject, sentence)):
                value = Source(whole, start + change.start("new"), start + change.end("new"))
                found.append(Statement(readable(whole, start, end), (Source(whole, start, end),), value))
    return Worked((found[0],), 1.0) if len(found) == 1 else None


def _is_about(subject: Set[str], sentence: str, whole: Passage, old: Set[str]) -> bool:
    """Whether a sentence names something of what is asked for, and its document's title or head, or the sentence with
    the ``old`` amount, the rest."""
    here = frozenset(stems(sentence))
    there = here | old | frozenset(stems(f"{above(whole)} {whole.text[:400]}"))
    own, prefixes = prefixes_of(here), prefixes_of(there)
    return (
        bool(old)
        and any(match(term, here, own) > 0 for term in subject)
        and all(match(term, there, prefixes) > 0 for term in subject)
    )


def _says_old(amount: str, wholes: Sequence[Passage], subject: Set[str], besides: str) -> frozenset[str]:
    """The stems of another sentence that says the old amount of something that is asked for; none without one."""
    old = numbers.value(amount)
    for whole in wholes:
        for start, end in cached_sentences(whole.text):
            sentence = whole.text[start:end]
            if sentence == besides or not any(numbers.value(found) == old for found in _numbers(sentence)):
                continue
            here = frozenset(stems(sentence))
            if any(match(term, here, prefixes_of(here)) > 0 for term in subject):
                return here
    return frozenset()


def _numbers(text: str) -> list[str]:
    return [found[0] for found in re.finditer(numbers.PATTERN, text)]
