"""Reads the weights and thresholds for judging evidence from ``rag/models/weights/evidence.json``.

``python -m training.reader.fit_evidence`` fits the weights; ``python -m benchmarks.answering.questions`` and
``python -m benchmarks.answering.support`` print what the thresholds refuse and keep.
"""

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FILE = Path(__file__).parents[1] / "models" / "weights" / "evidence.json"


@dataclass(frozen=True, slots=True)
class EvidenceWeights:
    """Weights by the names of features (``rag.answer.evidence``), and probabilities.

    ``sentence``: a conditional logit over the sentences of one question; only differences count, so there is no bias.
    ``set_by_hand`` names those of its features that the fitted articles do not have. ``found``: a logistic regression
    over ``found_features`` of the best sentence. ``read``: one over the log odds of the reader and whether the quoted
    sentence holds what was read best. ``min_confidence`` is what an answer needs,
    ``min_confidence_read`` where a reader was asked; ``min_confidence_foreign`` is what the reader alone needs for a
    question in another language than English. ``stated`` are the log odds from which a quote is an answer, not merely
    what stands nearest, for ``english`` and ``foreign`` ones.
    ``supported`` is the support below which a sentence gets a mark.
    """

    sentence: Mapping[str, float]
    set_by_hand: Set[str]
    found: Mapping[str, float]
    read: Mapping[str, float]
    min_confidence: float
    min_confidence_read: float
    min_confidence_foreign: float
    stated: Mapping[str, float]
    supported: float


@lru_cache(maxsize=1)
def evidence_weights() -> EvidenceWeights:
    """The shipped weights, read once."""
    raw = json.loads(FILE.read_text(encoding="utf-8"))
    return EvidenceWeights(**{**raw, "set_by_hand": frozenset(raw["set_by_hand"])})
