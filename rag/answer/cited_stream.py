"""Text with ``[n]`` as a model writes it in, the same text with checked citations out, a word behind the stream.

A sentence is judged when the first word after it is complete. Shown text is never taken back. ``citations`` holds one
entry for each ``[n]`` in the text, in order. Knows nothing of models and prompts.
"""

import re
from collections.abc import Iterable, Mapping

from rag.answer.citations import SUPPORTED, Locate, Numbering, citation_for, support
from rag.protocols import Embedder
from rag.text.markers import Marker, MarkerParser, strip_markers
from rag.text.sentences import cached_sentences, split_sentences
from rag.text.words import content_stems, match, prefixes_of, stems, weight
from rag.types import Citation, Passage

UNSUPPORTED = "[?]"

_MARKER = re.compile(r"\[(\d{1,3})\]")
_MARKERS_NEXT = re.compile(r"(?:\s*\[\d{1,3}\])+[ \t]*")
_LAST_WORD = re.compile(r"\S*$")
_LONG_WORD = 24  # characters without white space; more is a script that does not use it
_FEW_WORDS = 2  # a sentence with fewer words of meaning says too little to be checked
REFUSAL = re.compile(
    r"\b(?:could not|couldn't|cannot|can't|can not|unable to|did not|didn't) (?:be )?f(?:i|ou)nd\b"
    r"|\bnot (?:in|found in|contained in|mentioned in) (?:your|the|these) (?:documents?|passages?)"
    r"|\b(?:documents?|passages?|context|text)\b.{0,40}\b(?:do not|does not|don't|doesn't) "
    r"(?:hold|contain|mention|say|state|provide|include|specify|give|answer|discuss|have)"
    r"|\bno (?:information|mention)\b|\bi (?:do not|don't) know\b"
    r"|\bnicht in (?:ihren|den|deinen) (?:dokumenten|texten)|\bkeine (?:information|angabe)"
    r"|\bkonnte .{0,40}nicht finden",
    re.IGNORECASE,
)


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
        self._mentioned: dict[int, Passage] = {}  # by their [n]
        self._pending = ""  # from the beginning of the sentence under way
        self._shown = 0  # characters of it that were returned already
        self._statements = 0
        self._refusals = 0
        self.citations: list[Citation] = []

    @property
    def refused(self) -> bool:
        """Whether the text says that the passages do not hold the answer, and says nothing else."""
        return self._refusals > 0 and self._statements == 0

    def feed(self, text: str) -> str:
        """Takes the next piece; returns what can be shown now."""
        self._take(self._parser.feed(text))
        out = self._finished_sentences()
        safe = max(self._shown, _safe_end(self._pending))
        out += self._pending[self._shown : safe]
        self._shown = safe
        return out

    def close(self) -> str:
        """The rest of the text. A sentence that was cut off in the middle is judged as it stands."""
        self._take(self._parser.close())
        out = self._finished_sentences(final=True)
        rest = self._pending.rstrip()
        if rest:
            out += rest[self._shown :] + self._judge(rest)
        self._pending, self._shown = "", 0
        return out

    def _take(self, parts: Iterable[str | Marker]) -> None:
        for part in parts:
            if isinstance(part, str):
                self._pending += part
            elif part.number in self._labels:
                self._pending += self._mention(self._labels[part.number])
            else:
                self._pending = self._pending[: self._shown] + self._pending[self._shown :].rstrip(" ")

    def _mention(self, passage: Passage) -> str:
        number = self._numbering.of(passage)
        self._mentioned[number] = passage
        return f"[{number}]"

    def _finished_sentences(self, *, final: bool = False) -> str:
        out = ""
        while (end := _sentence_end(self._pending, final)) is not None:
            sentence, self._pending = self._pending[:end], self._pending[end:]
            bare = sentence.rstrip()
            # Rarely the word that tells where a sentence ended was shown before; then the mark follows late.
            out += bare[self._shown :] + self._judge(bare) + sentence[max(len(bare), self._shown) :]
            self._shown = max(0, self._shown - end)
        return out

    def _judge(self, sentence: str) -> str:
        """Notes a sentence's citations; returns what is to be added behind it."""
        claim = strip_markers(sentence)
        cited = [self._mentioned[int(number)] for number in _MARKER.findall(sentence)]
        for passage in cited:
            self._cite(claim, passage)
        if REFUSAL.search(claim) and not any(support(claim, passage) >= SUPPORTED for passage in cited):
            self._refusals += 1
            return ""
        if claim.endswith(":") or len(content_stems(claim)) < _FEW_WORDS:
            return ""
        if self._best_support(claim, cited) >= SUPPORTED:
            self._statements += 1
            return ""
        others = [passage for passage in self._passages if passage not in cited]
        best = max(others, key=lambda passage: support(claim, passage), default=None)
        if best is not None and self._best_support(claim, [best]) >= SUPPORTED:
            self._statements += 1
            mention = self._mention(best)
            self._cite(claim, best)
            return f" {mention}"
        return f" {UNSUPPORTED}"

    def _best_support(self, claim: str, passages: Iterable[Passage]) -> float:
        """By words first; the embedder is asked only where they do not decide."""
        best = 0.0
        for passage in passages:
            best = max(best, support(claim, passage))
            if best < SUPPORTED and self._embedder is not None:
                best = max(best, support(claim, passage, self._embedder))
        return best

    def _cite(self, claim: str, passage: Passage) -> None:
        start, end = best_quote(claim, passage.text)
        number = self._numbering.of(passage)
        self.citations.append(citation_for(passage, start, end, self._locate, number=number))


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
    behind = _MARKERS_NEXT.match(text, start)
    rest = text[behind.end() if behind else start :]
    if not rest:
        return None
    decided = final or len(rest) > _LONG_WORD or any(map(str.isspace, rest)) or not rest[0].isascii()
    return len(text) - len(rest) if decided else None


def _safe_end(text: str) -> int:
    """How much of an unfinished sentence can be shown: what stands before its last, perhaps unfinished, word."""
    found = _LAST_WORD.search(text)
    assert found is not None
    word = found[0]
    if len(word) > _LONG_WORD:
        return len(text) - 2
    return len(text[: found.start()].rstrip())
