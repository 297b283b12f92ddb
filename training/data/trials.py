"""Questions of a SQuAD-format set over a library of its articles: once with the article that answers, once without, and
once changed so that nothing answers them.

Each article is one text file that goes through the product's own sync and retrieval.
"""

import json
import lzma
import random
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.sync import Syncer, SyncSettings
from rag.protocols import Embedder, RankingReader
from rag.query.query import make_query
from rag.retrieve.retriever import Retriever
from rag.store.faiss_index import VectorIndex
from rag.store.library import Library
from rag.types import Filter, Passage
from training.data.changed import Pool, change, names_in
from training.data.search import STOP

DATA = Path(__file__).parents[2] / "../shared/data"
QUESTIONS_FILE = "qa/squad-train-v1.1.json.xz"
# Of the set's articles; the reader is trained on articles 0 to 353.
TUNING, REPORTING, VALIDATION = range(300), range(354, 398), range(398, 442)


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
    """A question with what was retrieved for it; ``answerable`` when its own article was searched too. ``changed``: the
    article was searched, but one thing in the question was changed, so that nothing answers it."""

    asked: Asked
    passages: list[Passage]
    answerable: bool
    changed: bool = False


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
    """Yields each question with its passages from an index of ``articles``, with those from all articles but its own,
    and changed, where something in it can be."""
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
                if changed := _changed(each, rnd):
                    yield Trial(changed, stack.passages(changed.text), False, changed=True)


def _changed(asked: Asked, rnd: random.Random) -> Asked | None:
    article = asked.article
    start, end = next(span for span in article.paragraphs if span[0] <= asked.start < span[1])
    names = names_in(article.text)
    words = sorted({word for word in re.findall(r"\b[a-z]{4,}\b", article.text) if word not in STOP})
    made = change(asked.text, article.text[start:end], Pool(names, words, names), rnd)
    return None if made is None else replace(asked, text=made[0])
