"""Quotes what a list in sentences says of one person: "Ase Thorsson works in room 151 and answers extension 4357."

Every sentence of such a list says the same of another name, so nothing but the name tells them apart. All that the
question says must stand in one sentence alone, the name in one piece, and a number right behind what is asked for.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from rag.answer.asked.superlatives import superlative_in
from rag.answer.operators.tables.grid import Texts
from rag.answer.operators.whole_document import whole_documents
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import readable
from rag.answer.rows import row_at
from rag.text.sentences import cached_sentences
from rag.text.words import stem, stems, words
from rag.types import Passage, Query

_ASKS = re.compile(
    r"^\W*(?:and )?(?:(?:what|which|under (?:what|which)|in (?:what|which))\b|tell me\b|give me\b)", re.IGNORECASE
)
_OTHERWISE = re.compile(
    r"\b(?:not|no|never|without|except|more|less|than|old|former|previous|why|how|difference|total|before|after)\b"
    r"|n['’]t\b",
    re.IGNORECASE,
)
_NUMBER_BEHIND = re.compile(r"\W{1,3}(?:(?:number|no\.?|is|at|on)\W{1,2}){0,2}(?P<value>[^\W_]*\d[\w./-]*\w|\d)")
_NAME_PARTS = 2
_DOCUMENTS = 4
_READ = 200_000  # characters of a document that is looked through


def quote_named_sentence(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """The sentence with the number; None for other questions, and where several sentences or none fit."""
    if _ASKS.match(query.text) is None or _OTHERWISE.search(query.text) or superlative_in(query.text) is not None:
        return None
    name = _full_name(query)
    asked = [term for term in query.rarity if term not in name]
    if len(name) < _NAME_PARTS or not asked:
        return None
    found: dict[str, Statement] = {}
    for whole in whole_documents(passages, texts, _DOCUMENTS, _READ):
        for start, end in cached_sentences(whole.text):
            sentence = whole.text[start:end]
            there = stems(sentence) if any(map(str.isdigit, sentence)) else []
            if not query.rarity.keys() <= set(there) or not _stands_together(name, there):
                continue
            value = _value(sentence, asked)
            if value is None or row_at(whole, start) is not None:
                continue
            shown = readable(whole, start, end)
            source = Source(whole, start, end)
            found[shown] = Statement(shown, (source,), Source(whole, start + value[0], start + value[1]))
    return Worked(tuple(found.values()), 1.0) if len(found) == 1 else None


def _full_name(query: Query) -> list[str]:
    """The stems of the words with a capital that stand side by side in the question, in order."""
    spoken = [(stem(word), start, end) for word, start, end in words(query.text)]
    for at, (term, _, _) in enumerate(spoken):
        run = [term]
        for (_, _, end), (other, start, _) in pairwise(spoken[at:]):
            if query.text[end:start] != " " or other not in query.names:
                break
            run.append(other)
        if len(run) >= _NAME_PARTS and all(each in query.names and each.isalpha() for each in run):
            return run
    return []


def _stands_together(name: Sequence[str], there: Sequence[str]) -> bool:
    return any(list(there[at : at + len(name)]) == list(name) for at in range(len(there)))


def _value(sentence: str, asked: Sequence[str]) -> tuple[int, int] | None:
    """Where the number stands right behind the last word that is asked for."""
    for word, _, end in words(sentence):
        behind = _NUMBER_BEHIND.match(sentence, end) if stem(word) in asked else None
        if behind is not None:
            return behind.span("value")
    return None
