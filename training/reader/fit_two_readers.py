"""python -m training.reader.fit_two_readers [--write]

Fits the weights in rag/models/weights/two-readers.json: how sure two readers together are of an answer. The shipped
reader of English and the one for other languages read the held-out everyday documents (training.everyday.prepare):
each question with all chunks of its document. An answer is right that overlaps the labelled one where it stands; of a
question that nothing answers none is. The regression's log odds are then stretched so that right answers are as sure as
they are with the first reader alone, since what follows (evidence.json, thresholds) was fitted to that one. Prints how
well right and wrong are told apart in six folds by document, and what is given at three thresholds.
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.settings.paths import builtin_foreign_reader, builtin_reader, two_readers
from rag.models.extractive_reader import ExtractiveReader
from rag.models.second_reader import both
from rag.types import Span
from training.everyday.bundles import read_bundles
from training.everyday.evaluate import auc
from training.everyday.prepare import Chunked, chunked, held_out, place_of
from training.reader.fit_evidence import logistic_regression

_FOLDS = 6
_QUANTILES = (0.05, 0.1, 0.2, 0.5, 0.8)  # of right answers, which are to stay as sure as they are
Floats = NDArray[np.float64]
Place = tuple[int, int, int]  # chunk, start, end


@dataclass(frozen=True, slots=True)
class Asked:
    """``features``: both readers' log odds and their agreement. ``alone``: the first one's log odds of its answer."""

    document: str
    features: tuple[float, float, float]
    right: bool
    alone: float
    alone_right: bool


def ask(document: str, question: str, pairs: Sequence[tuple[str, str]], gold: Place | None,
        readers: tuple[ExtractiveReader, ExtractiveReader]) -> Asked:  # fmt: skip
    """What both readers make of a question about chunks (context, text)."""
    first, second = (reader.readouts(question, pairs) for reader in readers)
    stretches = [Span(0, 0, len(text), text) for _, text in pairs]
    one = [readers[0].reading(readout, stretch) for readout, stretch in zip(first, stretches, strict=True)]
    other = [readers[1].reading(readout, stretch) for readout, stretch in zip(second, stretches, strict=True)]
    found = [both(a, b) for a, b in zip(first, second, strict=True)]
    odds = [(_log_odds(a.confidence), _log_odds(b.confidence)) for a, b in zip(one, other, strict=True)]
    best = max(range(len(pairs)), key=lambda i: sum(odds[i]) / 2 + 2 * found[i][2])
    own = max(range(len(pairs)), key=lambda i: one[i].answer_score)
    return Asked(
        document,
        (*odds[best], found[best][2]),
        _overlaps((best, *found[best][:2]), gold),
        odds[own][0],
        _overlaps((own, one[own].span.start, one[own].span.end), gold),
    )


def _overlaps(found: Place, gold: Place | None) -> bool:
    return gold is not None and found[0] == gold[0] and min(found[2], gold[2]) > max(found[1], gold[1])


def _log_odds(chance: float) -> float:
    return float(np.log(chance / (1 - chance)))


def fit(asked: Sequence[Asked]) -> dict[str, float]:
    """The weights of two-readers.json but for those of statements."""
    inputs = np.array([(1.0, *one.features) for one in asked])
    right = np.array([one.right for one in asked])
    alone, alone_right = np.array([one.alone for one in asked]), np.array([one.alone_right for one in asked])
    fold = np.array([int(hashlib.sha256(one.document.encode()).hexdigest(), 16) // 8 % _FOLDS for one in asked])
    apart = np.zeros(len(asked))
    for number in range(_FOLDS):
        weights = logistic_regression(inputs[fold != number], right[fold != number].astype(float))
        apart[fold == number] = inputs[fold == number] @ weights
    before = auc(alone[alone_right], alone[~alone_right])
    print(f"right against all else, AUC in {_FOLDS} folds {auc(apart[right], apart[~right]):.3f}, before {before:.3f}")
    weights = logistic_regression(inputs, right.astype(float))
    odds = inputs @ weights
    slope, shift = np.polyfit(np.quantile(odds[right], _QUANTILES), np.quantile(alone[alone_right], _QUANTILES), 1)
    stretched = slope * odds + shift
    for least in (-1.0, 0.0, 1.0):
        print(f"given at log odds of {least}: right and wrong {_given(stretched, right, least)}, "
              f"by the first reader alone {_given(alone, alone_right, least)}")  # fmt: skip
    bias, first, second, agreement = slope * weights
    return {"first": first, "second": second, "agreement": agreement, "bias": bias + shift}


def _given(odds: Floats, right: NDArray[np.bool_], least: float) -> tuple[int, int]:
    return int((odds[right] >= least).sum()), int((odds[~right] >= least).sum())


def questions(readers: tuple[ExtractiveReader, ExtractiveReader], most: int | None) -> list[Asked]:
    """All held-out questions, of at most so many documents."""
    documents = [document for document in read_bundles() if held_out(document.name)][:most]
    chunks: dict[str, list[Chunked]] = {}
    for one in chunked(documents):
        chunks.setdefault(one.document.name, []).append(one)
    asked: list[Asked] = []
    for name, own in chunks.items():
        pairs = [(one.context, text) for one in own for text in one.texts]
        for item in own[0].document.items:
            gold = None if item.answer is None else place_of(item, [text for _, text in pairs])
            if item.kind == "Q" and (item.answer is None or gold is not None):
                asked.append(ask(name, item.text, pairs, gold, readers))
    return asked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=Path, default=builtin_reader())
    parser.add_argument("--second", type=Path, default=builtin_foreign_reader())
    parser.add_argument("--most", type=int, help="documents; for a first look")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    asked = questions((ExtractiveReader.load(options.first), ExtractiveReader.load(options.second)), options.most)
    fitted = {name: round(value, 3) for name, value in fit(asked).items()}
    print(len(asked), fitted)
    if options.write:
        kept = json.loads(two_readers().read_text(encoding="utf-8"))
        two_readers().write_text(json.dumps(kept | fitted, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
