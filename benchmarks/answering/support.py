"""Measures how well rag.answer.citations tells supported statements from ones with a changed name or number.

    python -m benchmarks.answering.support                       # articles 398-441 of the question set
    python -m benchmarks.answering.support --reader FOLDER       # ... beside the reader, which judges the statement

A statement is a question with its answer (only words are compared, so grammar does not matter); a changed one has the
answer to another question about the same article, of the same kind (number, name, other words). "absent": that stands
nowhere in the passage; "swapped": it stands elsewhere in it.
"""

import argparse
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.answer.citations import support
from rag.answer.evidence_weights import evidence_weights
from rag.models.embedder import OnnxEmbedder
from rag.models.extractive_reader import ExtractiveReader
from rag.types import Document, Passage
from training.data.trials import DATA, VALIDATION, Article, Asked, read_articles


@dataclass(frozen=True)
class Pair:
    """A true statement and a changed one about the same passage."""

    passage: Passage
    true: str
    changed: str
    where: str


def pairs(article: Article, asked: Sequence[Asked], most: int, chance: random.Random) -> Iterator[Pair]:
    document = Document(article.number, 1, "", article.title, "text/plain", "ok", None, 1, 1, 0, "", 0.0)
    for each in chance.sample(list(asked), min(most, len(asked))):
        start, end = next(span for span in article.paragraphs if span[0] <= each.start < span[1])
        text = article.text[start:end]
        passage = Passage(1, document, start, end, text, 1.0)
        right = each.gold[0]
        others = sorted({o.gold[0] for o in asked if _kind(o.gold[0]) == _kind(right) and not _alike(o.gold[0], right)})
        for where, wanted in (("absent", False), ("swapped", True)):
            fitting = [other for other in others if (other.lower() in text.lower()) is wanted]
            if fitting:
                yield Pair(passage, f"{each.text} {right}", f"{each.text} {chance.choice(fitting)}", where)


def _kind(answer: str) -> str:
    return "number" if re.search(r"\d", answer) else "name" if answer[:1].isupper() else "other"


def _alike(one: str, other: str) -> bool:
    return one.lower() in other.lower() or other.lower() in one.lower()


def report(name: str, judged: Sequence[Pair], score: Callable[[str, Passage], float], chosen: float | None) -> None:
    true = [score(pair.true, pair.passage) for pair in judged if pair.where == "absent"]
    absent = [score(pair.changed, pair.passage) for pair in judged if pair.where == "absent"]
    swapped = [score(pair.changed, pair.passage) for pair in judged if pair.where == "swapped"]
    best = max(true + absent, key=lambda t: sum(x >= t for x in true) + sum(x < t for x in absent))
    for at in dict.fromkeys((chosen if chosen is not None else best, best)):
        kept = sum(x >= at for x in true) / len(true)
        caught, confused = (sum(x < at for x in part) / len(part) for part in (absent, swapped))
        print(
            f"{name:22} at {at:5.2f}: true kept {kept:.1%}, absent caught {caught:.1%}, swapped caught {confused:.1%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--questions", type=int, default=10, help="of each article")
    parser.add_argument("--reader", type=Path)
    options = parser.parse_args()
    articles, asked = read_articles(options.data, VALIDATION)
    chance = random.Random(3)
    judged = [pair for a in articles for pair in pairs(a, asked[a.number], options.questions, chance)]
    print(f"{len(judged)} pairs")
    supported = evidence_weights().supported
    report("words", judged, support, supported)
    embedder = OnnxEmbedder.load()
    report("words and embedder", judged, lambda claim, passage: support(claim, passage, embedder), supported)
    if options.reader is not None:
        reader = ExtractiveReader.load(options.reader)
        report("reader", judged, lambda claim, passage: (reader.supports(claim, [passage]) or [0.0])[0], 0.5)


if __name__ == "__main__":
    main()
