"""Fits the weights in rag/models/weights/evidence.json, by which sentences and whole answers are judged.

    python -m training.reader.fit_evidence sentences    # "sentence" and "found", on articles 0-299, without the reader
    python -m training.reader.fit_evidence reader       # "read", on articles 398-441, which validate the reader
    python -m training.reader.fit_evidence questions    # "read", on what people ask (training.evaluate.questions)
    python -m training.reader.fit_evidence questions --write --data ../shared/data --reader FOLDER

Prints the weights and what thresholds on the resulting probabilities would refuse; with ``--write`` the weights are
written into the file. Each question of an article is asked with all articles of the index, where it has an answer, with
its own article left out, where it has none, and changed. Of what people ask, what counts is whether the first quotes
are right. The shipped weights of "read" were fitted in the same way on held-out everyday documents (docs/LOG.md,
2026-11-27).
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.assistant import Assistant
from app.events import Retrieved
from app.settings.schema import Settings
from rag.answer.evidence import Candidate, found_features, found_odds, holds, rank_sentences
from rag.answer.evidence_weights import FILE, evidence_weights
from rag.answer.extractive import ExtractiveAnswerer
from rag.answer.reading import find_spans
from rag.models.embedder import OnnxEmbedder
from rag.models.extractive_reader import ExtractiveReader
from rag.protocols import Embedder, RankingReader
from rag.query.query import make_query
from rag.types import Answer, Query, Reading
from training.data.trials import DATA, TUNING, VALIDATION, Trial, trials
from training.evaluate.questions.documents import write_documents
from training.evaluate.questions.judge import judged
from training.evaluate.questions.questions import REFUSED, read_questions

READER = FILE.parent / "docent-reader"
Weights = dict[str, float]


def fit_sentences(runs: Sequence[Trial], embedder: Embedder) -> dict[str, Weights]:
    """Both sets of weights, the second one fitted on rankings by the first."""
    judged = [(trial, make_query(trial.asked.text)) for trial in runs]
    ranked = [rank_sentences(question, trial.passages, embedder) for trial, question in judged]
    names = [name for name in evidence_weights().sentence if name not in evidence_weights().set_by_hand]
    groups = [
        (_matrix(candidates, names), np.array([_is_gold(trial, candidate) for candidate in candidates]))
        for (trial, _), candidates in zip(judged, ranked, strict=True)
        if trial.answerable and candidates
    ]
    sentence_weights = dict(zip(names, conditional_logit(groups), strict=True))
    features = [
        _best_features(question, candidates, sentence_weights)
        for (_, question), candidates in zip(judged, ranked, strict=True)
    ]
    found_names = list(evidence_weights().found)
    kept = [(row, trial.answerable) for row, (trial, _) in zip(features, judged, strict=True) if row]
    inputs = np.array([[row[name] for name in found_names] for row, _ in kept])
    labels = np.array([float(label) for _, label in kept])
    weights = logistic_regression(inputs, labels)
    _print_refusals(1 / (1 + np.exp(-inputs @ weights)), labels)
    return {"sentence": _rounded(names, list(sentence_weights.values())), "found": _rounded(found_names, weights)}


def _print_refusals(probabilities: NDArray[np.float64], labels: NDArray[np.float64]) -> None:
    for threshold in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
        wrongly = float((probabilities[labels == 1] < threshold).mean())
        rightly = float((probabilities[labels == 0] < threshold).mean())
        print(f"  at {threshold}: wrongly refused {wrongly:.1%}, rightly refused {rightly:.1%}")


def fit_reader(runs: Sequence[Trial], embedder: Embedder, reader: RankingReader) -> dict[str, Weights]:
    """The weights of the reader and of a quote that holds what was read."""
    rows: list[tuple[float, ...]] = []
    labels: list[float] = []
    for trial in runs:
        question = make_query(trial.asked.text)
        spans = find_spans(question.text, trial.passages, reader)
        ranked = rank_sentences(question, trial.passages, embedder, spans)
        if ranked:
            rows.append(_read(question, ranked, spans))
            labels.append(float(trial.answerable))
    inputs = np.array(rows)
    answerable = np.array(labels)
    weights = logistic_regression(inputs, answerable)
    _print_refusals(1 / (1 + np.exp(-inputs @ weights)), answerable)
    return {"read": _rounded(("bias", "reader", "held"), weights)}


def fit_questions(data: Path, work: Path, reader: RankingReader) -> dict[str, Weights]:
    """The same weights by whether the quotes are right."""
    folder = work.resolve() / "development"
    write_documents("development", data, folder / "documents")
    rows: list[tuple[float, ...]] = []
    labels: list[float] = []
    with Assistant.open(Settings(data_dir=folder / "library")) as assistant:
        assistant.sync([str(folder / "documents")])
        embedder = assistant.embedder()
        answerer = ExtractiveAnswerer(embedder, min_confidence=0.0, reader=reader)
        for question in read_questions("development"):
            if question.language or question.before:
                continue
            retrieved = next(
                event for event in assistant.ask(question.text, remember=False) if isinstance(event, Retrieved)
            )
            query = make_query(retrieved.question)
            spans = find_spans(query.text, retrieved.passages, reader)
            ranked = rank_sentences(query, retrieved.passages, embedder, spans)
            if not ranked or query.kind == "overview":
                continue
            *_, answer = answerer.answer(query, retrieved.passages)
            assert isinstance(answer, Answer)
            rows.append(_read(query, ranked, spans))
            labels.append(
                float(question.kind not in REFUSED and judged(question, answer.text, found=True).right == 1.0)
            )
    inputs, right = np.array(rows), np.array(labels)
    weights = logistic_regression(inputs, right)
    _print_refusals(1 / (1 + np.exp(-inputs @ weights)), right)
    return {"read": _rounded(("bias", "reader", "held"), weights)}


def _read(question: Query, ranked: Sequence[Candidate], spans: Sequence[Reading]) -> tuple[float, ...]:
    """1, the reader's log odds, and whether the best sentence holds what was read best."""
    _, odds = found_odds(found_features(question, ranked), spans)
    return 1.0, odds, float(any(holds(ranked[0], span.span) for span in spans[:1]))


def _rounded(names: Sequence[str], weights: Sequence[float] | NDArray[np.float64]) -> Weights:
    return {name: round(float(weight), 2) for name, weight in zip(names, weights, strict=True)}


def _matrix(candidates: Sequence[Candidate], names: Sequence[str]) -> NDArray[np.float64]:
    return np.array([[candidate.features[name] for name in names] for candidate in candidates])


def _is_gold(trial: Trial, candidate: Candidate) -> bool:
    """Says whether the gold answer was taken from this very sentence."""
    start, end = candidate.passage.start + candidate.start, candidate.passage.start + candidate.end
    return candidate.passage.document.id == trial.asked.article.number and start <= trial.asked.start < end


def _best_features(question: Query, candidates: Sequence[Candidate], weights: Mapping[str, float]) -> dict[str, float]:
    def score(candidate: Candidate) -> float:
        return sum(weight * candidate.features[name] for name, weight in weights.items())

    return found_features(question, sorted(candidates, key=score, reverse=True)) if candidates else {}


def conditional_logit(
    groups: Sequence[tuple[NDArray[np.float64], NDArray[np.bool_]]], ridge: float = 0.5
) -> NDArray[np.float64]:
    """Fits weights that make the gold rows of each group likeliest among all of its rows (damped Newton steps)."""
    useful = [(rows, gold) for rows, gold in groups if gold.any() and not gold.all()]
    weights = np.zeros(useful[0][0].shape[1])
    for _ in range(60):
        gradient, curvature = -ridge * weights, ridge * np.eye(len(weights))
        for rows, gold in useful:
            logits = rows @ weights
            odds = np.exp(logits - logits.max())
            share = odds / odds.sum()
            mean = share @ rows
            gradient = gradient + (odds * gold / (odds * gold).sum()) @ rows - mean
            curvature = curvature + (rows * share[:, None]).T @ rows - np.outer(mean, mean)
        weights = weights + 0.7 * np.linalg.solve(curvature, gradient)
    return weights


def logistic_regression(
    rows: NDArray[np.float64], labels: NDArray[np.float64], ridge: float = 1.0
) -> NDArray[np.float64]:
    """Fits weights by Newton's method."""
    weights = np.zeros(rows.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-rows @ weights))
        curvature = (rows * (p * (1 - p))[:, None]).T @ rows + ridge * np.eye(len(weights))
        weights = weights + np.linalg.solve(curvature, rows.T @ (labels - p) - ridge * weights)
    return weights


def write(fitted: Mapping[str, Weights]) -> None:
    """Puts fitted weights into evidence.json; those that were set by hand stay."""
    raw = json.loads(FILE.read_text(encoding="utf-8"))
    for name, weights in fitted.items():
        raw[name].update(weights)
    FILE.write_text(json.dumps(raw, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("sentences", "reader", "questions"))
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--articles", type=int, default=44)
    parser.add_argument("--questions", type=int, default=300, help="each asked with and without its article")
    parser.add_argument("--work", type=Path, default=Path("out/questions"), help="where documents and library are kept")
    parser.add_argument("--reader", type=Path, default=READER, help="the reader's folder")
    parser.add_argument("--write", action="store_true", help="write the weights into rag/models/weights/evidence.json")
    options = parser.parse_args()
    embedder = OnnxEmbedder.load()
    reader = ExtractiveReader.load(options.reader) if options.what != "sentences" else None
    if options.what == "questions":
        assert reader is not None, "only sentences are fitted without one"
        _report(fit_questions(options.data, options.work, reader), options)
        return
    which = TUNING if reader is None else VALIDATION
    runs = list(trials(options.data, which, options.articles, options.questions, embedder, reader))
    fitted = fit_sentences(runs, embedder) if reader is None else fit_reader(runs, embedder, reader)
    _report(fitted, options)


def _report(fitted: Mapping[str, Weights], options: argparse.Namespace) -> None:
    print(json.dumps(fitted, indent=2))
    if options.write:
        write(fitted)


if __name__ == "__main__":
    main()
