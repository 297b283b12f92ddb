"""Where a statement stands: exact citations, the ``[n]`` markers of an answer, what a passage supports.

Spans go in relative to a passage and come out relative to the document. ``Locate`` is the library's page and time
lookup; without it a citation takes its passage's page and time. Knows nothing of how an answer was written.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from rag.protocols import Embedder
from rag.sentences import cached_sentences
from rag.types import Citation, Passage
from rag.words import content_stems, match, prefixes_of, stems, weight, words

Locate = Callable[[int, int], tuple[int | None, float | None]]
"""(document id, character position) -> (page, second)"""

SUPPORTED = 0.7  # support below this is worth a mark; python benchmarks/support.py prints what that keeps and catches

_MARKER = re.compile(r"\[(\d{1,3}(?: ?[,;] ?\d{1,3})*)\]")
_SPACED_MARKER = re.compile(rf"\s*{_MARKER.pattern}")
_MARKER_BEGUN = re.compile(r"\[(?:\d{1,3}(?: ?[,;] ?\d{1,3})*(?: ?[,;] ?)?)?$")
_LONGEST_MARKER = 40  # characters; an opened bracket longer than this is ordinary text


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
    page, start_s = locate(passage.document.id, first) if locate else (passage.page, passage.start_s)
    return Citation(
        number=passage.number if number is None else number,
        document_id=passage.document.id,
        source=passage.document.path,
        title=passage.document.title,
        page=page,
        start_s=start_s,
        quote=passage.text[start:end],
        start=first,
        end=passage.start + end,
        score=passage.score if score is None else score,
    )


@dataclass(frozen=True, slots=True)
class Marker:
    """A reference ``[n]`` in an answer. ``[1, 3]`` counts as two."""

    number: int


class MarkerParser:
    """Splits a streamed answer into text and markers, however the stream was cut; never lets half a marker through.

    The pieces joined, markers written as ``[n]``, are the text that was fed (``[1, 3]`` becomes ``[1][3]``).
    ``numbers`` holds the markers seen so far, each once, in order of first use.
    """

    def __init__(self) -> None:
        self._held = ""
        self.numbers: list[int] = []

    def feed(self, text: str) -> list[str | Marker]:
        """What is now certain: stretches of plain text and markers."""
        pending = self._held + text
        begun = _MARKER_BEGUN.search(pending, max(0, len(pending) - _LONGEST_MARKER))
        cut = begun.start() if begun else len(pending)
        self._held = pending[cut:]
        return self._split(pending[:cut])

    def close(self) -> list[str | Marker]:
        """What was held back at the end of the stream: an opened bracket that never became a marker."""
        held, self._held = self._held, ""
        return [held] if held else []

    def _split(self, text: str) -> list[str | Marker]:
        pieces: list[str | Marker] = []
        position = 0
        for found in _MARKER.finditer(text):
            if found.start() > position:
                pieces.append(text[position : found.start()])
            position = found.end()
            for number in re.findall(r"\d+", found[1]):
                pieces.append(Marker(int(number)))
                if int(number) not in self.numbers:
                    self.numbers.append(int(number))
        if position < len(text):
            pieces.append(text[position:])
        return pieces


def tell_markers(pieces: Iterable[str], numbers: Mapping[int, int]) -> Iterator[str]:
    """A streamed text with its markers renumbered by ``numbers``; those that are not in it are left out."""
    parser = MarkerParser()
    for piece in pieces:
        yield _renumbered(parser.feed(piece), numbers)
    yield _renumbered(parser.close(), numbers)


def _renumbered(parts: Iterable[str | Marker], numbers: Mapping[int, int]) -> str:
    known = (p if isinstance(p, str) else f"[{numbers[p.number]}]" if p.number in numbers else "" for p in parts)
    return "".join(known)


def strip_markers(text: str) -> str:
    """A sentence without its ``[n]``."""
    return _SPACED_MARKER.sub("", text).strip()


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
