"""Checks the citations of a streamed answer sentence by sentence and gives them the numbers that a person sees.

A sentence is judged when the first word after it is complete, so the text is shown about a word late. Shown text is
never taken back. ``citations`` holds one entry for each number in the parts, in order.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rag.answer.citations import Locate, Numbering, citation_for, support
from rag.answer.evidence_weights import evidence_weights
from rag.answer.refusal import refuses
from rag.protocols import Embedder
from rag.text.markers import AnswerPart, Marker, MarkerParser, joined, marker, skip_markers, strip_markers
from rag.text.sentences import cached_sentences, split_sentences
from rag.text.words import content_stems, match, prefixes_of, stems, weight
from rag.types import Citation, Passage

_LAST_WORD = re.compile(r"\S*$")
_LONG_WORD = 24  # characters without white space; more is a script that does not use it
_FEW_WORDS = 2  # a sentence with fewer words of meaning says too little to be checked


@dataclass(frozen=True, slots=True)
class _Placed:
    """A marker that stands at ``start:end`` of the pending text."""

    start: int
    end: int
    number: int

    def moved(self, by: int) -> "_Placed":
        return _Placed(self.start + by, self.end + by, self.number)


class CitedStream:
    """``labels`` leads from a number as the model writes it to the passage it means; a reference to none is dropped.
    In the text passages are numbered by first mention.

    Feed it, then close it; ``citations`` and ``refused`` are final then.
    """

    def __init__(
        self, labels: Mapping[int, Passage], embedder: Embedder | None = None, locate: Locate | None = None
    ) -> None:
        self._labels = labels
        self._passages = list({passage.number: passage for passage in labels.values()}.values())
        self._embedder = embedder
        self._locate = locate
        self._parser = MarkerParser()
        self._numbering = Numbering()
        self._mentioned: dict[int, Passage] = {}  # by the citation's number
        self._pending = ""  # from the beginning of the sentence under way
        self._markers: list[_Placed] = []  # of the pending text, in order
        self._shown = 0  # characters of it that were returned already
        self._enough = evidence_weights().supported
        self._statements = 0
        self._refusals = 0
        self.unsupported = 0  # statements
        self.citations: list[Citation] = []

    @property
    def refused(self) -> bool:
        """Whether the text says that the passages do not hold the answer, and says nothing else."""
        return self._refusals > 0 and self._statements == 0

    @property
    def supported(self) -> bool:
        """Whether a passage supports at least one statement."""
        return self._statements > 0

    def feed(self, text: str) -> tuple[AnswerPart, ...]:
        """Takes the next piece; returns what can be shown now."""
        self._take(self._parser.feed(text))
        out = self._finished_sentences()
        safe = max(self._shown, self._safe_end())
        out += self._parts(self._shown, safe)
        self._shown = safe
        return joined(out)

    def close(self) -> tuple[AnswerPart, ...]:
        """The rest of the text. A sentence that was cut off in the middle is judged as it stands."""
        self._take(self._parser.close())
        out = self._finished_sentences(final=True)
        rest = self._pending.rstrip()
        if rest:
            out += [*self._parts(self._shown, len(rest)), *self._judge(rest)]
        self._pending, self._markers, self._shown = "", [], 0
        return joined(out)

    def _take(self, pieces: Iterable[str | Marker]) -> None:
        for piece in pieces:
            if isinstance(piece, str):
                self._pending += piece
            elif piece.number in self._labels:
                number = self._mention(self._labels[piece.number])
                start = len(self._pending)
                self._pending += marker(number)
                self._markers.append(_Placed(start, len(self._pending), number))
            else:
                self._pending = self._pending[: self._shown] + self._pending[self._shown :].rstrip(" ")

    def _mention(self, passage: Passage) -> int:
        number = self._numbering.of(passage)
        self._mentioned[number] = passage
        return number

    def _parts(self, start: int, end: int) -> list[AnswerPart]:
        """The pending text between two positions, neither of which lies within a marker."""
        found: list[AnswerPart] = []
        for placed in self._markers:
            if start <= placed.start < end:
                found.append(AnswerPart(self._pending[start : placed.start], (placed.number,)))
                start = placed.end
        return [*found, AnswerPart(self._pending[start:end])] if start < end else found

    def _finished_sentences(self, *, final: bool = False) -> list[AnswerPart]:
        out: list[AnswerPart] = []
        while (end := _sentence_end(self._pending, final)) is not None:
            bare = self._pending[:end].rstrip()
            # Rarely the word that tells where a sentence ended was shown before; then the mark follows late.
            out += [*self._parts(self._shown, len(bare)), *self._judge(bare)]
            out += self._parts(max(len(bare), self._shown), end)
            self._pending, self._shown = self._pending[end:], max(0, self._shown - end)
            self._markers = [placed.moved(-end) for placed in self._markers if placed.start >= end]
        return out

    def _judge(self, sentence: str) -> list[AnswerPart]:
        """Notes a sentence's citations; returns what is to be added behind it."""
        claim = strip_markers(sentence)
        cited = [self._mentioned[placed.number] for placed in self._markers if placed.end <= len(sentence)]
        for passage in cited:
            self._cite(claim, passage)
        if refuses(claim) and not any(support(claim, passage) >= self._enough for passage in cited):
            self._refusals += 1
            return []
        if claim.endswith(":") or len(content_stems(claim)) < _FEW_WORDS:
            return []
        if self._best_support(claim, cited) >= self._enough:
            self._statements += 1
            return []
        others = [passage for passage in self._passages if passage not in cited]
        best = max(others, key=lambda passage: support(claim, passage), default=None)
        if best is not None and self._best_support(claim, [best]) >= self._enough:
            self._statements += 1
            number = self._mention(best)
            self._cite(claim, best)
            return [AnswerPart(" ", (number,))]
        self.unsupported += 1
        return [AnswerPart("", supported=False)]

    def _best_support(self, claim: str, passages: Iterable[Passage]) -> float:
        """By words first; the embedder is asked only where they do not decide."""
        best = 0.0
        for passage in passages:
            best = max(best, support(claim, passage))
            if best < self._enough and self._embedder is not None:
                best = max(best, support(claim, passage, self._embedder))
        return best

    def _cite(self, claim: str, passage: Passage) -> None:
        start, end = best_quote(claim, passage.text)
        number = self._numbering.of(passage)
        self.citations.append(citation_for(passage, start, end, self._locate, number=number))

    def _safe_end(self) -> int:
        """How much of the unfinished sentence can be shown: what stands before its last, perhaps unfinished, word."""
        found = _LAST_WORD.search(self._pending)
        assert found is not None
        if len(found[0]) <= _LONG_WORD:
            return len(self._pending[: found.start()].rstrip())
        safe = len(self._pending) - 2
        return next((placed.start for placed in self._markers if placed.start < safe < placed.end), safe)


def best_quote(claim: str, text: str) -> tuple[int, int]:
    """The span of the sentence of ``text`` that shares most with a claim; the first one where none shares anything."""
    spans = cached_sentences(text)
    assert spans, "a passage holds text"
    terms = content_stems(claim)

    def shared(span: tuple[int, int]) -> tuple[float, int]:
        there = frozenset(stems(text[slice(*span)]))
        prefixes = prefixes_of(there)
        return sum(weight(term) * match(term, there, prefixes) for term in terms), span[0] - span[1]

    best = max(spans, key=shared)
    return best if shared(best)[0] > 0 else spans[0]


def _sentence_end(text: str, final: bool) -> int | None:
    """Where the first sentence ends, markers behind it and white space included; None until that is certain."""
    spans = split_sentences(text)
    if len(spans) < 2:
        return None
    start = spans[1][0]
    behind = skip_markers(text, start)
    rest = text[behind:].lstrip(" \t") if behind > start else text[start:]
    if not rest:
        return None
    decided = final or len(rest) > _LONG_WORD or any(map(str.isspace, rest)) or not rest[0].isascii()
    return len(text) - len(rest) if decided else None
