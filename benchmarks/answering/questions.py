"""Measures answers and refusals.

    python -m benchmarks.answering.questions  # articles 354-397 of the question set, never fitted on
    python -m benchmarks.answering.questions --reader none   # ... without the reader
    python -m benchmarks.answering.questions --model builtin # ... and sentences by docent-nano, or a folder's model
    python -m benchmarks.answering.questions --questions 400 --data ../shared/data --reader FOLDER

Each question is asked with all articles of the index, where it has an answer; with its own article left out, where it
has none; and with one thing in it changed, so that nothing answers it. Whole articles are held out; the reader is
trained on articles 0-353. Each article is one text file that goes through the product's own sync and retrieval.
"""

import argparse
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from app.models.generator import EngineGenerator
from app.models.setup import open_model
from app.settings.schema import ModelSettings, Settings
from rag.answer.extractive import ExtractiveAnswerer
from rag.answer.generation.small_model import SmallModelAnswerer
from rag.models.embedder import OnnxEmbedder
from rag.models.extractive_reader import ExtractiveReader
from rag.protocols import Answerer, RankingReader
from rag.query.query import make_query
from rag.types import Answer
from training.data.trials import DATA, REPORTING, Asked, Trial, trials

READER = Path(__file__).parents[2] / "rag" / "models" / "weights" / "docent-reader"


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
    away = [answer for trial, answer, _ in answers if not trial.answerable and not trial.changed]
    print(f"rightly refused (article not there):  {_share(not answer.found for answer in away)}")
    changed = [answer for trial, answer, _ in answers if trial.changed]
    print(f"rightly refused (question changed):   {_share(not answer.found for answer in changed)}")
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


def timed(action: Callable[[], None]) -> None:
    began = time.perf_counter()
    action()
    print(f"{time.perf_counter() - began:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--articles", type=int, default=44)
    parser.add_argument("--questions", type=int, default=300, help="each asked with and without its article")
    parser.add_argument("--min-confidence", type=float)
    parser.add_argument("--reader", default=str(READER), help='a folder, or "none"')
    parser.add_argument("--model", help='"builtin", or a folder whose model was tuned for docent-nano\'s prompts')
    options = parser.parse_args()
    embedder = OnnxEmbedder.load()
    reader = None if options.reader == "none" else ExtractiveReader.load(Path(options.reader))
    runs = list(trials(options.data, REPORTING, options.articles, options.questions, embedder, reader))
    quotes = ExtractiveAnswerer(embedder, min_confidence=options.min_confidence, reader=reader)
    if options.model is None:
        timed(lambda: report(runs, quotes, reader))
    else:
        with open_model(Settings(model=ModelSettings(name=options.model))) as model:
            guided = SmallModelAnswerer(EngineGenerator(model), quotes, embedder, judge=reader)
            timed(lambda: report(runs, guided, reader))


if __name__ == "__main__":
    main()
