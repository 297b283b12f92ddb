"""Measures extractive answers and refusals, and fits the constants in rag/answer/evidence.py.

    python -m benchmarks.answers                 # report: articles 354-397 of the question set, never used for fitting
    python -m benchmarks.answers --reader none   # ... without the reader
    python -m benchmarks.answers --model builtin # ... and sentences by docent-nano, or by the model in a folder
    python -m benchmarks.answers --fit           # fit SENTENCE_WEIGHTS and FOUND_WEIGHTS on articles 0-299
    python -m benchmarks.answers --fit-reader    # fit READ_WEIGHTS on articles 398-441, which validate the reader
    python -m benchmarks.answers --words         # count rag/text/common_words.txt anew, from articles 0-299
    python -m benchmarks.answers --questions 400 --data ../shared/data --reader FOLDER

Each question is asked twice: with all articles of the index, where it has an answer, and with its own article left out,
where it has none. Whole articles are held out; the reader is trained on articles 0-353. Each article is one text file
that goes through the product's own sync and retrieval.
"""

import argparse
import json
import lzma
import math
import random
import re
import statistics
import tempfile
import textwrap
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.models.generator import EngineGenerator
from app.models.setup import open_model
from app.settings.model import ModelSettings, Settings
from rag.answer import evidence
from rag.answer.evidence import Candidate, found_features, rank_sentences
from rag.answer.extractive import ExtractiveAnswerer
from rag.answer.reading import find_spans
from rag.answer.small_model import SmallModelAnswerer
from rag.ingest.parse_pool import ParsePool
from rag.ingest.sync import Syncer, SyncSettings
from rag.models.embedder import OnnxEmbedder
from rag.models.extractive_reader import ExtractiveReader
from rag.protocols import Answerer, Embedder, RankingReader
from rag.query.query import make_query
from rag.retrieve.retriever import Retriever
from rag.store.faiss_index import VectorIndex
from rag.store.library import Library
from rag.text.words import stems
from rag.types import Answer, Filter, Passage, Query

QUESTIONS_FILE = "qa/squad-train-v1.1.json.xz"
TUNING, REPORTING, VALIDATION = range(300), range(354, 398), range(398, 442)
READER = Path(__file__).parents[1] / "rag" / "models" / "weights" / "docent-reader"
WORDS_FILE = Path(__file__).parents[1] / "rag" / "text" / "common_words.txt"


@dataclass(frozen=True)
class Article:
    """One article as one document: its paragraphs joined by blank lines."""

    number: int
    title: str
    text: str
    paragraphs: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Asked:
    """A question, the article it is about, and every place of its gold answer in the article's text."""

    text: str
    article: Article
    gold: tuple[str, ...]
    start: int


@dataclass(frozen=True)
class Trial:
    """A question with what was retrieved for it; ``answerable`` when its own article was searched too."""

    asked: Asked
    passages: list[Passage]
    answerable: bool


def read_articles(data: Path, which: range) -> tuple[list[Article], dict[int, list[Asked]]]:
    """Reads the articles of a range and the questions about each."""
    with lzma.open(data / QUESTIONS_FILE, "rt", encoding="utf-8") as file:
        rows = json.load(file)["data"]
    articles: list[Article] = []
    questions: dict[int, list[Asked]] = {}
    for number in which:
        article, asked = _article(number, rows[number])
        articles.append(article)
        questions[number] = asked
    return articles, questions


def _article(number: int, row: Mapping[str, Any]) -> tuple[Article, list[Asked]]:
    spans: list[tuple[int, int]] = []
    position = 0
    for paragraph in row["paragraphs"]:
        spans.append((position, position + len(paragraph["context"])))
        position = spans[-1][1] + 2
    text = "\n\n".join(paragraph["context"] for paragraph in row["paragraphs"])
    article = Article(number, row["title"].replace("_", " "), text, tuple(spans))
    asked = [
        Asked(
            text=qa["question"].strip(),
            article=article,
            gold=tuple(answer["text"] for answer in qa["answers"]),
            start=span[0] + qa["answers"][0]["answer_start"],
        )
        for span, paragraph in zip(spans, row["paragraphs"], strict=True)
        for qa in paragraph["qas"]
    ]
    return article, asked


class Stack:
    """A library of some articles, one text file each, behind the product's own sync and retrieval."""

    def __init__(
        self, articles: Sequence[Article], embedder: Embedder, folder: Path, reader: RankingReader | None
    ) -> None:
        files = folder / "articles"
        files.mkdir()
        self._numbers: dict[str, int] = {}
        for article in articles:
            path = files / f"{article.title.replace('/', ' ')}.txt"
            path.write_text(article.text, encoding="utf-8", newline="")
            self._numbers[str(path)] = article.number
        self.library = Library.open(folder / "library.db")
        syncer = Syncer(self.library, embedder, ParsePool(), SyncSettings())
        syncer.add(str(files))
        syncer.run()
        vectors = VectorIndex(self.library, None)
        vectors.refresh()
        self._retriever = Retriever(self.library, vectors, embedder, reranker=reader)
        self._documents = {self._numbers[d.path]: d.id for d in self.library.documents()}

    def passages(self, question: str, without: int | None = None) -> list[Passage]:
        """Retrieves as the product does, optionally without one article; documents are numbered like the articles."""
        others = frozenset(id_ for number, id_ in self._documents.items() if number != without)
        found = self._retriever.passages(make_query(question), Filter(others) if without is not None else Filter())
        return [replace(p, document=replace(p.document, id=self._numbers[p.document.path])) for p in found]


def trials(
    data: Path, which: range, articles: int, questions: int, embedder: Embedder, reader: RankingReader | None
) -> Iterator[Trial]:
    """Yields each question with its passages from an index of ``articles``, and with those from all articles but its
    own."""
    everything, asked = read_articles(data, which)
    rnd = random.Random(7)
    rnd.shuffle(everything)
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(everything[:articles], embedder, Path(folder), reader)
        with stack.library:
            print(f"{min(articles, len(everything))} articles, {stack.library.counts()['chunks']} chunks")
            pool = [each for article in everything[:articles] for each in asked[article.number]]
            for each in rnd.sample(pool, min(questions, len(pool))):
                yield Trial(each, stack.passages(each.text), True)
                yield Trial(each, stack.passages(each.text, each.article.number), False)


def report(runs: Sequence[Trial], answerer: Answerer, reader: RankingReader | None) -> None:
    """Prints the figures of the README."""
    answers: list[tuple[Trial, Answer, float]] = []
    for trial in runs:
        began = time.perf_counter()
        *_, answer = answerer.answer(make_query(trial.asked.text), trial.passages)
        assert isinstance(answer, Answer)
        answers.append((trial, answer, (time.perf_counter() - began) * 1000))
    answerable = [(trial, answer) for trial, answer, _ in answers if trial.answerable]
    found = [(trial, answer) for trial, answer in answerable if answer.found]
    for k in (1, 5):
        print(f"right passage in the first {k}:          {_share(_retrieved(trial, k) for trial, _ in answerable)}")
    print(f"a quote contains the gold answer:     {_share(_contains(t, answer) for t, answer in answerable)}")
    print(
        f"the first quote contains it:          {_share(_contains(trial, answer, 1) for trial, answer in answerable)}"
    )
    right_document = (answer.citations[0].document_id == trial.asked.article.number for trial, answer in found)
    print(f"first citation names the right file:  {_share(right_document)}")
    print(f"wrongly refused:                      {_share(not answer.found for _, answer in answerable)}")
    print(f"rightly refused (article not there):  {_share(not a.found for t, a, _ in answers if not t.answerable)}")
    if reader is not None:
        exact = (answer.span is not None and _holds_gold(answer.span.text, t.asked) for t, answer in answerable)
        print(f"the words read hold the gold answer:  {_share(exact)}")
    if answerer.name != "extractive":
        worded = [(trial, answer) for trial, answer in answerable if answer.answerer == answerer.name]
        print(f"worded by {answerer.name}:                {_share(a.answerer == answerer.name for _, a in answerable)}")
        print(f"  of these hold the gold answer:      {_share(_holds_gold(a.text, t.asked) for t, a in worded)}")
        print(f"  ... and name the right file:        {_share(_from_its_article(t, a) for t, a in worded)}")
        print(f"all answers hold the gold answer:     {_share(_holds_gold(a.text, t.asked) for t, a in answerable)}")
        for trial, answer in worded[:20]:
            print(f"    {trial.asked.text} -> {answer.text} (gold: {trial.asked.gold[0]})")
    print(f"sentences an answer: {statistics.mean(len(answer.citations) for _, answer in found):.2f}")
    print(f"median ms an answer: {statistics.median(ms for _, _, ms in answers):.0f}")


def _from_its_article(trial: Trial, answer: Answer) -> bool:
    return any(citation.document_id == trial.asked.article.number for citation in answer.citations)


def _share(flags: Iterator[bool]) -> str:
    values = list(flags)
    return f"{sum(values) / max(1, len(values)):6.1%} of {len(values)}"


def _retrieved(trial: Trial, k: int) -> bool:
    return any(
        passage.document.id == trial.asked.article.number and passage.start <= trial.asked.start < passage.end
        for passage in trial.passages[:k]
    )


def _contains(trial: Trial, answer: Answer, most: int | None = None) -> bool:
    return any(_holds_gold(citation.quote, trial.asked) for citation in answer.citations[:most])


def _holds_gold(text: str, asked: Asked) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(gold)}(?!\w)", text, re.IGNORECASE) is not None for gold in asked.gold)


def fit(runs: Sequence[Trial], embedder: Embedder) -> None:
    """Prints both sets of weights, the second one fitted on rankings by the first."""
    judged = [(trial, make_query(trial.asked.text)) for trial in runs]
    ranked = [rank_sentences(question, trial.passages, embedder) for trial, question in judged]
    names = [name for name in evidence.SENTENCE_WEIGHTS if name not in evidence.SET_BY_HAND]
    groups = [
        (_matrix(candidates, names), np.array([_is_gold(trial, candidate) for candidate in candidates]))
        for (trial, _), candidates in zip(judged, ranked, strict=True)
        if trial.answerable and candidates
    ]
    sentence_weights = dict(zip(names, conditional_logit(groups), strict=True))
    print("SENTENCE_WEIGHTS", {name: round(float(value), 2) for name, value in sentence_weights.items()})
    features = [
        _best_features(question, candidates, sentence_weights)
        for (_, question), candidates in zip(judged, ranked, strict=True)
    ]
    names = list(evidence.FOUND_WEIGHTS)
    kept = [(row, trial.answerable) for row, (trial, _) in zip(features, judged, strict=True) if row]
    inputs = np.array([[row[name] for name in names] for row, _ in kept])
    labels = np.array([float(label) for _, label in kept])
    weights = logistic_regression(inputs, labels)
    print("FOUND_WEIGHTS", {name: round(float(value), 2) for name, value in zip(names, weights, strict=True)})
    _print_refusals(1 / (1 + np.exp(-inputs @ weights)), labels)


def _print_refusals(probabilities: NDArray[np.float64], labels: NDArray[np.float64]) -> None:
    for threshold in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
        wrongly = float((probabilities[labels == 1] < threshold).mean())
        rightly = float((probabilities[labels == 0] < threshold).mean())
        print(f"  at {threshold}: wrongly refused {wrongly:.1%}, rightly refused {rightly:.1%}")


def fit_reader(runs: Sequence[Trial], embedder: Embedder, reader: RankingReader) -> None:
    """Prints READ_WEIGHTS and what they refuse."""
    rows: list[tuple[float, float]] = []
    labels: list[float] = []
    for trial in runs:
        question = make_query(trial.asked.text)
        spans = find_spans(question.text, trial.passages, reader)
        ranked = rank_sentences(question, trial.passages, embedder, spans)
        if ranked:
            rows.append(evidence.found_odds(found_features(question, ranked), spans))
            labels.append(float(trial.answerable))
    inputs = np.array([(1.0, *row) for row in rows])
    answerable = np.array(labels)
    weights = logistic_regression(inputs, answerable)
    named = zip(("bias", "evidence", "reader"), weights, strict=True)
    print("READ_WEIGHTS", {name: round(float(value), 2) for name, value in named})
    _print_refusals(1 / (1 + np.exp(-inputs @ weights)), answerable)


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


def count_words(data: Path) -> None:
    """Writes the table of common words: stems of at least 12 articles, by how many paragraphs hold them."""
    articles, _ = read_articles(data, TUNING)
    paragraphs: Counter[str] = Counter()
    holders: dict[str, set[int]] = defaultdict(set)
    total = 0
    for article in articles:
        for start, end in article.paragraphs:
            total += 1
            for word in set(stems(article.text[start:end])):
                paragraphs[word] += 1
                holders[word].add(article.number)
    levels: dict[float, list[str]] = defaultdict(list)
    for word, count in paragraphs.items():
        if len(holders[word]) >= 12 and not word[0].isdigit():
            levels[round(math.log(total / count) * 2) / 2].append(word)
    lines = WORDS_FILE.read_text(encoding="utf-8").splitlines()[:2]
    for level in sorted(levels):
        lines += [f"{level} {line}" for line in textwrap.wrap(" ".join(sorted(levels[level])), 110)]
    WORDS_FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{sum(map(len, levels.values()))} stems from {total} paragraphs")


def timed(action: Callable[[], None]) -> None:
    began = time.perf_counter()
    action()
    print(f"{time.perf_counter() - began:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[1] / "../shared/data")
    parser.add_argument("--articles", type=int, default=44)
    parser.add_argument("--questions", type=int, default=300, help="each asked with and without its article")
    parser.add_argument("--min-confidence", type=float)
    parser.add_argument("--reader", default=str(READER), help='a folder, or "none"')
    parser.add_argument("--model", help='"builtin", or a folder whose model was tuned for docent-nano\'s prompts')
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--fit-reader", action="store_true")
    parser.add_argument("--words", action="store_true")
    options = parser.parse_args()
    if options.words:
        count_words(options.data)
        return
    embedder = OnnxEmbedder.load()
    reader = None if options.reader == "none" or options.fit else ExtractiveReader.load(Path(options.reader))
    which = TUNING if options.fit else VALIDATION if options.fit_reader else REPORTING
    runs = list(trials(options.data, which, options.articles, options.questions, embedder, reader))
    if options.fit:
        timed(lambda: fit(runs, embedder))
    elif options.fit_reader:
        assert reader is not None, "--fit-reader needs a reader"
        fit_reader(runs, embedder, reader)
    else:
        quotes = ExtractiveAnswerer(embedder, min_confidence=options.min_confidence, reader=reader)
        if options.model is None:
            timed(lambda: report(runs, quotes, reader))
        else:
            with open_model(Settings(model=ModelSettings(name=options.model))) as model:
                guided = SmallModelAnswerer(EngineGenerator(model), quotes, embedder)
                timed(lambda: report(runs, guided, reader))


if __name__ == "__main__":
    main()
