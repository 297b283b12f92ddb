"""Reads passages for a question with a model trained by training/: relevance and answer spans.

One model is both reranker (``rerank``; the setting retrieval.reranker turns it on) and extractive reader (``read``).
Its folder holds ``reader.onnx``, ``tokenizer.json`` and ``calibration.json`` (docs/models/reader.md: input, output,
calibration). May be used from several threads.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from rag.errors import ModelFilesError
from rag.models.onnx_encoders import OnnxPairEncoder, open_session
from rag.protocols import OnCard, PairEncoder
from rag.text.as_written import as_written
from rag.text.context import context_of, document_label
from rag.types import Document, Hit, PairScores, Passage, Reading, Span

QUESTION_TOKENS, CONTEXT_TOKENS, MAX_TOKENS = 64, 24, 384  # as in training
_RANK_SPREAD = 6.0  # rank scores lie between about -15 and 15: divided by it, 0 to 1 keeps their distances
_CANDIDATES = 20  # spans of a passage among which its answer is settled

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Logistic weights over (relevance, log odds of an answer against none, log probability of the span)."""

    rank_odds_weight: float
    answer_odds_weight: float
    answer_span_weight: float
    passage: tuple[float, float, float, float]
    passage_threshold: float
    answer: tuple[float, float, float, float]
    answer_threshold: float

    @classmethod
    def read(cls, path: Path) -> "Calibration":
        raw = json.loads(path.read_text(encoding="utf-8"))
        weights = {k: (*raw[k]["weights"], raw[k]["bias"]) for k in ("passage", "answer")}
        return cls(
            raw["rank_odds_weight"],
            raw["answer_odds_weight"],
            raw["answer_span_weight"],
            weights["passage"],
            raw["passage"]["threshold"],
            weights["answer"],
            raw["answer"]["threshold"],
        )


@dataclass(frozen=True, slots=True)
class _Scored:
    features: tuple[float, float, float]
    start: int
    end: int
    support: float = 0.0  # log odds


class ExtractiveReader:
    """A ``Reranker`` (see rag.protocols) that also reads. Make one with ``load``. It counts as one that learnt English
    alone; ``ReaderByLanguage`` puts one for other languages beside it."""

    reads_any_language = False

    def __init__(self, encoder: PairEncoder, tokenizer: Tokenizer, calibration: Calibration) -> None:
        self._encoder = encoder
        self._tokenizer = tokenizer
        self._calibration = calibration
        self._cls, self._sep = _marks(tokenizer)

    @classmethod
    def load(cls, folder: Path, threads: int | None = None, on_card: OnCard[PairEncoder] | None = None) -> Self:
        """Opens the model in ``folder`` on ``threads`` threads (None: as many as ONNX Runtime likes). ``on_card`` may
        put what computes on a card in the place of what does on the processor.

        Raises ModelFilesError naming the file that is missing.
        """
        for name in ("reader.onnx", "tokenizer.json", "calibration.json"):
            if not (folder / name).is_file():
                raise ModelFilesError(
                    f"{folder} lacks {name}. Make it with training/reader/export.py, or set retrieval.reranker to null."
                )
        file = folder / "reader.onnx"
        encoder: PairEncoder = OnnxPairEncoder(open_session(file, threads or 0))
        if on_card is not None:
            encoder = on_card(file, encoder)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return cls(encoder, tokenizer, Calibration.read(folder / "calibration.json"))

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """The same hits with what was read in them, best first; scores are 0 to 1, comparable within one question."""
        pairs = [(_context(h.document, h.chunk.heading_path), h.chunk.text) for h in hits]
        marked = []
        for hit, scored in zip(hits, self._scored(question, pairs), strict=True):
            chunk = hit.chunk
            reading = self._reading(scored, Span(chunk.document_id, chunk.start, chunk.end, chunk.text))
            score = 1 / (1 + math.exp(-reading.rank_score / _RANK_SPREAD))
            marked.append(replace(hit, score=score, reading=reading))
        return sorted(marked, key=lambda h: -h.score)

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """One Reading a passage, in the passages' order."""
        pairs = [(_context(p.document, p.heading_path), p.text) for p in passages]
        scored = self._scored(question, pairs)
        return [self._reading(s, p.span(0, len(p.text))) for p, s in zip(passages, scored, strict=True)]

    def supports(self, claim: str, passages: Sequence[Passage]) -> list[float] | None:
        """How far each passage supports a statement, as a probability; None by a model that judges none."""
        if not self._encoder.judges:
            return None
        pairs = [(_context(p.document, p.heading_path), p.text) for p in passages]
        return [1 / (1 + math.exp(-scored.support)) for scored in self._scored(claim, pairs)]

    def _reading(self, scored: _Scored, stretch: Span) -> Reading:
        """What was read in a stretch of a document."""
        c = self._calibration
        relevance, odds, span = scored.features
        found = Span(
            stretch.document_id,
            stretch.start + scored.start,
            stretch.start + scored.end,
            stretch.text[scored.start : scored.end],
        )
        return Reading(
            found,
            rank_score=relevance + c.rank_odds_weight * odds,
            answer_score=relevance + c.answer_odds_weight * odds + c.answer_span_weight * span,
            probability=_logistic(c.passage, scored.features),
            confidence=_logistic(c.answer, scored.features),
        )

    def _scored(self, question: str, pairs: Sequence[tuple[str, str]]) -> list[_Scored]:
        """The model's view of each (context, text) for the question in the text's own spelling; a pair that occurs
        twice is computed once."""
        spelled: dict[str, list[tuple[str, str]]] = {}
        for pair in dict.fromkeys(pairs):
            spelled.setdefault(as_written(question, pair[1]), []).append(pair)
        known: dict[tuple[str, str], _Scored] = {}
        for asked, own in spelled.items():
            known.update(zip(own, self._computed(asked, own), strict=True))
        return [known[pair] for pair in pairs]

    def _computed(self, question: str, pairs: Sequence[tuple[str, str]]) -> list[_Scored]:
        if not pairs:
            return []
        asked = self._tokenizer.encode_batch([question], add_special_tokens=False)[0].ids[:QUESTION_TOKENS]
        contexts = self._tokenizer.encode_batch([c for c, _ in pairs], add_special_tokens=False)
        texts = self._tokenizer.encode_batch([t for _, t in pairs], add_special_tokens=False)
        rows = [self._row(asked, c.ids, t.ids) for c, t in zip(contexts, texts, strict=True)]
        scores = self._encoder.pair_scores([ids for ids, _ in rows], len(asked) + 2)
        return [
            _in_characters(_best_span(own, first, len(ids) - 1), encoded, text)
            for own, (ids, first), encoded, (_, text) in zip(scores, rows, texts, pairs, strict=True)
        ]

    def _row(self, question: list[int], context: list[int], passage: list[int]) -> tuple[list[int], int]:
        """-> token ids, position of the passage's first token."""
        head = [self._cls, *question, self._sep]
        if context:
            head += [*_in_the_middle(context), self._sep]
        return [*head, *passage[: MAX_TOKENS - len(head) - 1], self._sep], len(head)


def _context(document: Document, heading_path: Sequence[str]) -> str:
    """Where a text stands; the file's name is part of it, for it often says whom or what a document is about."""
    return context_of(document_label(document.path, document.title), heading_path)


def _in_the_middle(context: list[int]) -> list[int]:
    """A context that is too long without its middle: name and nearest heading say most."""
    if len(context) <= CONTEXT_TOKENS:
        return context
    return [*context[: CONTEXT_TOKENS // 2], *context[-CONTEXT_TOKENS // 2 :]]


def _marks(tokenizer: Tokenizer) -> tuple[int, int]:
    """The tokens at the beginning and behind each part."""
    for names in (("[CLS]", "[SEP]"), ("<s>", "</s>")):
        cls, sep = (tokenizer.token_to_id(name) for name in names)
        if cls is not None and sep is not None:
            return cls, sep
    raise ModelFilesError("The reader's tokenizer has neither [CLS] and [SEP] nor <s> and </s>: it is another model's.")


def _best_span(scores: PairScores, first: int, stop: int) -> _Scored:
    """Tokens first..stop-1 are the passage; spans of the result are (first, last) token of it."""
    relevance, band, support = scores.relevance, scores.band, scores.support or 0.0
    null = float(band[0, 0])
    if stop <= first:  # an empty passage answers nothing
        return _Scored((relevance, -15.0, 0.0), 0, -1, support)
    starts, widths = np.indices((stop - first, band.shape[1]))
    inside = np.where(starts + widths < stop - first, band[first:stop], -np.inf)
    top = float(inside.max())
    spans = top + math.log(float(np.exp(inside - top).sum()))
    flat = inside.ravel()
    likely = np.argpartition(-flat, min(_CANDIDATES, len(flat)) - 1)[:_CANDIDATES]
    first_token, width = np.divmod(likely, band.shape[1])
    at = _settled(first_token, first_token + width, np.exp(flat[likely] - top))
    start, end = int(first_token[at]), int(first_token[at] + width[at])
    odds = min(15.0, max(-15.0, spans - null))
    return _Scored((relevance, odds, float(flat[likely[at]]) - spans), start, end, support)


def _settled(first: NDArray[np.int64], last: NDArray[np.int64], chance: Floats) -> int:
    """Which span overlaps best with what else is likely (expected F1 of tokens, plus its own chance)."""
    shared = np.minimum(last[:, None], last) - np.maximum(first[:, None], first) + 1
    size = last - first + 1
    f1 = 2 * np.maximum(shared, 0) / (size[:, None] + size)
    return int((f1 @ chance + chance).argmax())


def _in_characters(scored: _Scored, encoded: Encoding, text: str) -> _Scored:
    if scored.end < 0:
        return replace(scored, start=0, end=0)
    start, end = encoded.offsets[scored.start][0], encoded.offsets[scored.end][1]
    return replace(scored, start=start + len(text[start:end]) - len(text[start:end].lstrip()), end=end)


def _logistic(weights: Sequence[float], features: Sequence[float]) -> float:
    x = weights[-1] + sum(w * f for w, f in zip(weights[:-1], features, strict=True))
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, x))))
