"""A question and passages in, relevance and answer spans out: a reader trained by training/, on ONNX Runtime.

One model is both reranker (``rerank``; the setting retrieval.reranker turns it on) and extractive reader (``read``).
Its folder holds ``reader.onnx``, ``tokenizer.json`` and ``calibration.json`` (docs/models/reader.md: input, output,
calibration). Knows neither retrieval nor how answers are phrased. May be used from several threads.
"""

import json
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from rag.errors import ModelFilesError
from rag.text.context import context_of
from rag.types import Hit, Passage

QUESTION_TOKENS, CONTEXT_TOKENS, MAX_TOKENS = 64, 24, 384  # as in training
_BATCH = 4  # pairs a run: on two cores faster than all at once, the activations stay in the caches
_RANK_SPREAD = 6.0  # rank scores lie between about -15 and 15: divided by it, 0 to 1 keeps their distances
_REMEMBERED = 64  # pairs
_NEAR = 5  # passages among which the answer is chosen
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
class Reading:
    """What the reader makes of one passage. ``text == passage.text[start:end]``, the likeliest answer in it.

    ``probability``: the passage answers the question. ``confidence``: the same for an answer chosen among all passages
    of a library, where below ``ReaderReranker.threshold`` the documents do not hold the answer.
    """

    start: int
    end: int
    text: str
    rank_score: float
    answer_score: float
    probability: float
    confidence: float


@dataclass(frozen=True, slots=True)
class _Scored:
    features: tuple[float, float, float]
    start: int
    end: int


class ReaderReranker:
    """A ``Reranker`` (see rag.protocols) that also reads. Make one with ``load``."""

    def __init__(self, session: Any, tokenizer: Tokenizer, calibration: Calibration) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._calibration = calibration
        cls, sep = (tokenizer.token_to_id(t) for t in ("[CLS]", "[SEP]"))
        if cls is None or sep is None:
            raise ModelFilesError("The reader's tokenizer has no [CLS] and [SEP]: it belongs to another model.")
        self._cls, self._sep = cls, sep
        self._known: dict[tuple[str, str, str], _Scored] = {}  # the hits that were reordered are read right after
        self._lock = threading.Lock()

    @classmethod
    def load(cls, folder: Path, threads: int | None = None) -> Self:
        for name in ("reader.onnx", "tokenizer.json", "calibration.json"):
            if not (folder / name).is_file():
                raise ModelFilesError(
                    f"{folder} lacks {name}. Make it with training/reader/export.py, or set retrieval.reranker to null."
                )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        session = onnxruntime.InferenceSession(str(folder / "reader.onnx"), options, providers=["CPUExecutionProvider"])
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return cls(session, tokenizer, Calibration.read(folder / "calibration.json"))

    @property
    def threshold(self) -> float:
        """Refuse an answer whose ``confidence`` is below this."""
        return self._calibration.answer_threshold

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """The same hits, best first; scores are the reader's, 0 to 1, comparable within one question."""
        pairs = [(context_of(h.document.title, h.chunk.heading_path), h.chunk.text) for h in hits]
        scored = self._score(question, pairs)
        marked = [
            replace(h, score=1 / (1 + math.exp(-self._rank_score(s) / _RANK_SPREAD)))
            for h, s in zip(hits, scored, strict=True)
        ]
        return sorted(marked, key=lambda h: -h.score)

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """One Reading a passage, in the passages' order."""
        pairs = [(context_of(p.document.title, p.heading_path), p.text) for p in passages]
        c = self._calibration
        out = []
        for passage, s in zip(passages, self._score(question, pairs), strict=True):
            relevance, odds, span = s.features
            out.append(
                Reading(
                    s.start,
                    s.end,
                    passage.text[s.start : s.end],
                    self._rank_score(s),
                    relevance + c.answer_odds_weight * odds + c.answer_span_weight * span,
                    _logistic(c.passage, s.features),
                    _logistic(c.answer, s.features),
                )
            )
        return out

    def best(self, readings: Sequence[Reading]) -> int | None:
        """Which reading holds the answer: the best answer among the five most relevant; None where it is refused."""
        near = sorted(range(len(readings)), key=lambda i: -readings[i].rank_score)[:_NEAR]
        if not near:
            return None
        chosen = max(near, key=lambda i: readings[i].answer_score)
        return chosen if readings[chosen].confidence >= self.threshold else None

    def _rank_score(self, scored: _Scored) -> float:
        return scored.features[0] + self._calibration.rank_odds_weight * scored.features[1]

    def _score(self, question: str, pairs: Sequence[tuple[str, str]]) -> list[_Scored]:
        with self._lock:
            known = {pair: self._known[question, *pair] for pair in pairs if (question, *pair) in self._known}
        new = [pair for pair in dict.fromkeys(pairs) if pair not in known]
        known.update(zip(new, self._scored(question, new), strict=True))
        with self._lock:
            self._known.update(((question, *pair), known[pair]) for pair in new)
            while len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]
        return [known[pair] for pair in pairs]

    def _scored(self, question: str, pairs: Sequence[tuple[str, str]]) -> list[_Scored]:
        if not pairs:
            return []
        asked = self._tokenizer.encode(question, add_special_tokens=False).ids[:QUESTION_TOKENS]
        contexts = self._tokenizer.encode_batch([c for c, _ in pairs], add_special_tokens=False)
        texts = self._tokenizer.encode_batch([t for _, t in pairs], add_special_tokens=False)
        rows = [self._row(asked, c.ids, t.ids) for c, t in zip(contexts, texts, strict=True)]
        out: list[_Scored | None] = [None] * len(rows)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]))
        for at in range(0, len(order), _BATCH):
            chosen = order[at : at + _BATCH]
            for i, scored in zip(chosen, self._run([rows[i] for i in chosen], len(asked) + 2), strict=True):
                out[i] = _in_characters(scored, texts[i])
        return [s for s in out if s is not None]

    def _row(self, question: list[int], context: list[int], passage: list[int]) -> tuple[list[int], int]:
        """-> token ids, position of the passage's first token."""
        head = [self._cls, *question, self._sep]
        if context:
            head += [*context[:CONTEXT_TOKENS], self._sep]
        return [*head, *passage[: MAX_TOKENS - len(head) - 1], self._sep], len(head)

    def _run(self, rows: Sequence[tuple[list[int], int]], types_from: int) -> list[_Scored]:
        """Spans of the result are (first, last) token of the passage."""
        length = max(len(ids) for ids, _ in rows)
        ids, mask, types = (np.zeros((len(rows), length), np.int64) for _ in range(3))
        for i, (row, _) in enumerate(rows):
            ids[i, : len(row)], mask[i, : len(row)], types[i, types_from : len(row)] = row, 1, 1
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        relevance, band = self._session.run(["relevance", "band"], feeds)
        return [_best_span(float(relevance[i]), band[i], first, len(row) - 1) for i, (row, first) in enumerate(rows)]


def _best_span(relevance: float, band: Floats, first: int, stop: int) -> _Scored:
    """band [length, width]: score of the span from token t to t + d; tokens first..stop-1 are the passage."""
    null = float(band[0, 0])
    if stop <= first:  # an empty passage answers nothing
        return _Scored((relevance, -15.0, 0.0), 0, -1)
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
    return _Scored((relevance, odds, float(flat[likely[at]]) - spans), start, end)


def _settled(first: NDArray[np.int64], last: NDArray[np.int64], chance: Floats) -> int:
    """Which span overlaps best with what else is likely (expected F1 of tokens, plus its own chance)."""
    shared = np.minimum(last[:, None], last) - np.maximum(first[:, None], first) + 1
    size = last - first + 1
    f1 = 2 * np.maximum(shared, 0) / (size[:, None] + size)
    return int((f1 @ chance + chance).argmax())


def _in_characters(scored: _Scored, text: Encoding) -> _Scored:
    if scored.end < 0:
        return replace(scored, start=0, end=0)
    return replace(scored, start=text.offsets[scored.start][0], end=text.offsets[scored.end][1])


def _logistic(weights: Sequence[float], features: Sequence[float]) -> float:
    x = weights[-1] + sum(w * f for w, f in zip(weights[:-1], features, strict=True))
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, x))))
