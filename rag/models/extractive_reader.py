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

from tokenizers import Tokenizer

from rag.errors import ModelFilesError
from rag.models.onnx_encoders import OnnxPairEncoder, open_session
from rag.models.readout import Readout, readout_of
from rag.protocols import OnCard, PairEncoder
from rag.text.as_written import as_written
from rag.text.context import context_of, document_label
from rag.types import Hit, Passage, Reading, Span

QUESTION_TOKENS, CONTEXT_TOKENS, MAX_TOKENS = 64, 24, 384  # as in training
_RANK_SPREAD = 6.0  # rank scores lie between about -15 and 15: divided by it, 0 to 1 keeps their distances


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
        pairs = [context_and_text(hit) for hit in hits]
        readouts = self.readouts(question, pairs)
        return ranked(hits, [self.reading(r, stretch_of(h)) for r, h in zip(readouts, hits, strict=True)])

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """One Reading a passage, in the passages' order."""
        readouts = self.readouts(question, [context_and_text(passage) for passage in passages])
        return [self.reading(r, stretch_of(p)) for r, p in zip(readouts, passages, strict=True)]

    def supports(self, claim: str, passages: Sequence[Passage]) -> list[float] | None:
        """How far each passage supports a statement, as a probability; None by a model that judges none."""
        if not self._encoder.judges:
            return None
        readouts = self.readouts(claim, [context_and_text(passage) for passage in passages])
        return [1 / (1 + math.exp(-readout.support)) for readout in readouts]

    def reading(self, readout: Readout, stretch: Span) -> Reading:
        """What was read in a stretch of a document."""
        c = self._calibration
        relevance, odds, span = readout.features
        found = Span(
            stretch.document_id,
            stretch.start + readout.start,
            stretch.start + readout.end,
            stretch.text[readout.start : readout.end],
        )
        return Reading(
            found,
            rank_score=relevance + c.rank_odds_weight * odds,
            answer_score=relevance + c.answer_odds_weight * odds + c.answer_span_weight * span,
            probability=_logistic(c.passage, readout.features),
            confidence=_logistic(c.answer, readout.features),
        )

    def readouts(self, question: str, pairs: Sequence[tuple[str, str]]) -> list[Readout]:
        """The model's view of each (context, text) for the question in the text's own spelling; a pair that occurs
        twice is computed once."""
        spelled: dict[str, list[tuple[str, str]]] = {}
        for pair in dict.fromkeys(pairs):
            spelled.setdefault(as_written(question, pair[1]), []).append(pair)
        known: dict[tuple[str, str], Readout] = {}
        for asked, own in spelled.items():
            known.update(zip(own, self._computed(asked, own), strict=True))
        return [known[pair] for pair in pairs]

    def _computed(self, question: str, pairs: Sequence[tuple[str, str]]) -> list[Readout]:
        if not pairs:
            return []
        asked = self._tokenizer.encode_batch([question], add_special_tokens=False)[0].ids[:QUESTION_TOKENS]
        contexts = self._tokenizer.encode_batch([c for c, _ in pairs], add_special_tokens=False)
        texts = self._tokenizer.encode_batch([t for _, t in pairs], add_special_tokens=False)
        rows = [self._row(asked, c.ids, t.ids) for c, t in zip(contexts, texts, strict=True)]
        scores = self._encoder.pair_scores([ids for ids, _ in rows], len(asked) + 2)
        return [
            readout_of(own, first, len(ids) - 1, encoded.offsets, text)
            for own, (ids, first), encoded, (_, text) in zip(scores, rows, texts, pairs, strict=True)
        ]

    def _row(self, question: list[int], context: list[int], passage: list[int]) -> tuple[list[int], int]:
        """-> token ids, position of the passage's first token."""
        head = [self._cls, *question, self._sep]
        if context:
            head += [*_in_the_middle(context), self._sep]
        return [*head, *passage[: MAX_TOKENS - len(head) - 1], self._sep], len(head)


def context_and_text(place: Hit | Passage) -> tuple[str, str]:
    """Where a text stands, and the text; the file's name is part of it, for it often says whom or what a document is
    about."""
    label = document_label(place.document.path, place.document.title)
    stretch = place.chunk if isinstance(place, Hit) else place
    return context_of(label, stretch.heading_path), stretch.text


def stretch_of(place: Hit | Passage) -> Span:
    """The stretch of its document that a hit's chunk or a passage is."""
    if isinstance(place, Passage):
        return place.span(0, len(place.text))
    chunk = place.chunk
    return Span(chunk.document_id, chunk.start, chunk.end, chunk.text)


def ranked(hits: Sequence[Hit], readings: Sequence[Reading]) -> list[Hit]:
    """The hits with what was read in them, best first; scores are 0 to 1, comparable within one question."""
    marked = [
        replace(hit, score=1 / (1 + math.exp(-reading.rank_score / _RANK_SPREAD)), reading=reading)
        for hit, reading in zip(hits, readings, strict=True)
    ]
    return sorted(marked, key=lambda hit: -hit.score)


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


def _logistic(weights: Sequence[float], features: Sequence[float]) -> float:
    x = weights[-1] + sum(w * f for w, f in zip(weights[:-1], features, strict=True))
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, x))))
