"""Makes exact citations, numbers them, and measures how far a passage supports a statement.

Spans go in relative to a passage and come out relative to the document. ``Locate`` is the library's page and time
lookup; without it a citation takes its passage's page and time.
"""

from collections.abc import Callable

from rag.protocols import Embedder
from rag.text.markers import strip_markers
from rag.text.sentences import cached_sentences
from rag.text.words import content_stems, match, prefixes_of, stems, weight, words
from rag.types import Citation, Passage, Place

Locate = Callable[[int, int], Place]
"""(document id, character position) -> where that stands in the document's file"""


class Numbering:
    """The ``[n]`` of an answer: passages count from 1 in the order in which they are first mentioned."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}

    def of(self, passage: Passage) -> int:
        """The number of a passage, given to it now if this is its first mention."""
        return self._numbers.setdefault(passage.number, len(self._numbers) + 1)


def citation_for(
    passage: Passage,
    start: int,
    end: int,
    locate: Locate | None = None,
    score: float | None = None,
    number: int | None = None,
) -> Citation:
    """Citation of ``passage.text[start:end]``, with the page and time at which the quote begins."""
    assert 0 <= start < end <= len(passage.text), "a quote lies within its passage"
    first = passage.start + start
    own = Place(passage.page, passage.start_s, passage.page_label)
    place = locate(passage.document.id, first) if locate else own
    return Citation(
        number=passage.number if number is None else number,
        document_id=passage.document.id,
        source=passage.document.path,
        title=passage.document.title,
        page=place.page,
        start_s=place.start_s,
        quote=passage.text[start:end],
        start=first,
        end=passage.start + end,
        score=passage.score if score is None else score,
        page_label=place.page_label,
    )


def support(sentence: str, passage: Passage, embedder: Embedder | None = None) -> float:
    """How far a passage says what a sentence says, 0 to 1: the share of its words, by rarity, that stand there.

    A number that the passage lacks halves the result: it is what an invented statement most often gets wrong. With an
    embedder, the most similar sentence of the passage can make up for words that were replaced by others.
    """
    claim = strip_markers(sentence)
    terms = content_stems(claim)
    if not terms:
        return 0.0
    heading = " ".join((passage.document.title, *passage.heading_path))
    there = frozenset(stems(passage.text)) | frozenset(stems(heading))
    prefixes = prefixes_of(there)
    total = sum(weight(term) for term in terms)
    if total == 0:  # words that stand in every paragraph prove nothing
        return 0.0
    result = sum(weight(term) * match(term, there, prefixes) for term in terms) / total
    if embedder is not None and result < 1.0:
        result = max(result, (result + _similarity(claim, passage, embedder)) / 2)
    if _numbers(claim) - _numbers(passage.text) - _numbers(heading):
        result /= 2
    return result


def _similarity(claim: str, passage: Passage, embedder: Embedder) -> float:
    """Cosine of the claim and the sentence of the passage that is most like it, 0 to 1."""
    spans = cached_sentences(passage.text)[:32]
    if not spans:
        return 0.0
    vectors = embedder.embed_passages([claim, *(passage.text[start:end] for start, end in spans)])
    return max(0.0, min(1.0, float((vectors[1:] @ vectors[0]).max())))


def _numbers(text: str) -> set[str]:
    return {word for word, _, _ in words(text) if word[0].isdigit()}
