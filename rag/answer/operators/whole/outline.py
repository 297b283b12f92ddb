"""Summarises a whole document by its sentences: of every section those that say most.

Not the passages that a question happened to find, but the document from its beginning to its end. The first sentence of
a section mostly says what it is about; of many, and beside these, a sentence counts by how central it is to the
document and by the names, numbers and dates that it holds.
"""

import re
from collections.abc import Sequence

import numpy as np

from rag.answer.expected import is_date, names_in
from rag.answer.operators.tables.grid import Texts
from rag.answer.operators.whole_document import whole_document
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import PARAGRAPH, Quote, cut, readable
from rag.answer.rows import units_of
from rag.answer.summary import main_document
from rag.protocols import Embedder
from rag.text.sentences import Unit
from rag.text.words import content_stems, stems
from rag.types import Passage, Query

_MOST = 8  # sentences
_EMBEDDED = 64  # compared with each other
_MAIL_FIELD = re.compile(r"(?:From|To|Cc|Bcc|Date|Sent|Reply-To): ")
_POINTS_ELSEWHERE = re.compile(
    r"(?:please |also )?(?:refer to|see|for (?:further|more|additional) \w+,? (?:see|refer))\b", re.I
)
_CAPITALS = 0.5  # share of a text's letters from which it is a heading
_SHORTEST, _LONGEST = 5, 60  # words
_LIST, _LONGEST_ITEM = 3, 12  # items that make a list, words of one
_TOO_ALIKE = 0.85  # cosine
_FACT = 0.04  # what a name, number or date adds to a sentence's centrality, up to _FACTS of them
_FACTS = 6
_ABOUT = re.compile(r"\babout\b", re.IGNORECASE)
_LONGEST_TITLE = 200  # characters
_READ = 400_000  # characters of a document; of a longer one the beginning is summarised


def outline(query: Query, passages: Sequence[Passage], texts: Texts, embedder: Embedder) -> Worked | None:
    """The sentences, in the order of the document; None where it has too few for a summary."""
    if query.kind != "overview" or not passages:
        return None
    document = main_document(query, passages)
    first = next(passage for passage in passages if passage.document.id == document)
    whole = whole_document(first, texts, _READ)
    sections = _sections(whole)
    quotes = [quote for section in sections for quote in section]
    if len(quotes) <= 2:
        return None
    chosen = _chosen(sections, embedder)
    statements = [*_called(query, whole, chosen[0])]
    for quote in chosen:
        start, end = quote.start, quote.end
        if "\n" not in quote.text:
            start, end = cut(whole.text, start, end, start)
        statements.append(Statement(readable(whole, start, end), (Source(whole, start, end),)))
    return Worked(tuple(statements), 1.0)


def _called(query: Query, whole: Passage, first: Quote) -> list[Statement]:
    """The document's title, where it is asked what the document is about and its first sentence does not say it."""
    title = " ".join(whole.document.title.split())
    if (
        _ABOUT.search(query.text) is None
        or not title
        or frozenset(content_stems(title)) <= frozenset(stems(first.text))
    ):
        return []
    end = whole.text.find("\n", len(whole.text) - len(whole.text.lstrip()))
    return [Statement(f"{title.rstrip('.')}.", (Source(whole, 0, min(max(end, 1), _LONGEST_TITLE)),))]


def _sections(whole: Passage) -> list[list[Quote]]:
    """What each section says: its sentences, or its list as a whole where it has nothing else."""
    sections: list[list[Quote]] = []
    sentences: list[Quote] = []
    items: list[Unit] = []

    def close() -> None:
        nonlocal sentences, items
        if len(items) >= _LIST and not sentences:
            sentences = [Quote(whole, items[0].start, items[-1].end, 1.0)]
        if sentences:
            sections.append(sentences)
        sentences, items = [], []

    for unit in units_of(whole, len(whole.text)):
        length = len(whole.text[unit.first : unit.end].split())
        if unit.is_label or whole.text[unit.first : unit.end] == whole.document.title:
            close()
        elif _MAIL_FIELD.match(whole.text, unit.first, unit.end):
            continue
        elif unit.is_list_item and length < _LONGEST_ITEM and not _is_sentence(whole.text, unit, length):
            items.append(unit)
        elif _is_in_capitals(whole.text[unit.first : unit.end]) or _POINTS_ELSEWHERE.match(
            whole.text, unit.first, unit.end
        ):
            continue  # a heading in a line of its own, or where something is told
        elif _SHORTEST <= length <= _LONGEST and not (unit.is_header_row or unit.asks or unit.is_table_row):
            sentences.append(Quote(whole, unit.first, unit.end, 1.0))
    close()
    if len(sections) == 1:  # without headings every paragraph is one
        return _paragraphs(sections[0])
    return sections


def _is_in_capitals(text: str) -> bool:
    letters = [letter for letter in text if letter.isalpha()]
    return sum(map(str.isupper, letters)) > _CAPITALS * len(letters)


def _is_sentence(text: str, unit: Unit, length: int) -> bool:
    """Whether an item of a list says something by itself: "1. The jetty has lost its outer nine metres."."""
    return length >= _SHORTEST and text[unit.end - 1] in ".!" and text[unit.first].isupper()


def _paragraphs(sentences: Sequence[Quote]) -> list[list[Quote]]:
    found: list[list[Quote]] = []
    for quote in sentences:
        text = quote.passage.text
        if found and PARAGRAPH.search(text, found[-1][-1].end, quote.start) is None:
            found[-1].append(quote)
        else:
            found.append([quote])
    return found


def _chosen(sections: Sequence[Sequence[Quote]], embedder: Embedder) -> list[Quote]:
    """The first sentence of each section, which mostly says what it is about, then the best of the others."""
    leads = [section[0] for section in sections]
    others = [quote for section in sections for quote in section[1:]]
    if len(leads) >= _MOST:
        return _best(leads, _MOST, embedder)
    return sorted([*leads, *_best(others, _MOST - len(leads), embedder)], key=lambda quote: quote.start)


def _best(quotes: Sequence[Quote], most: int, embedder: Embedder) -> list[Quote]:
    """The most central sentences that hold most facts, in order, none like another; the first of a document is kept."""
    step = max(1.0, len(quotes) / _EMBEDDED)
    quotes = [quotes[int(index * step)] for index in range(min(len(quotes), _EMBEDDED))]
    if not quotes:
        return []
    vectors = embedder.embed_passages([quote.text[:400] for quote in quotes])
    centre = vectors.mean(axis=0)
    scores = vectors @ centre / (float(np.linalg.norm(centre)) or 1.0)
    scores = scores + np.array([_FACT * min(_FACTS, _facts(quote.text)) for quote in quotes])
    taken: list[int] = []
    for index in sorted(range(len(quotes)), key=lambda at: -float(scores[at])):
        if len(taken) == most:
            break
        if all(float(vectors[index] @ vectors[other]) < _TOO_ALIKE for other in taken):
            taken.append(index)
    return [quotes[index] for index in sorted(taken)]


def _facts(sentence: str) -> int:
    """How many names and numbers a sentence holds; a date counts as one more."""
    return len(names_in(sentence)) + is_date(sentence)
