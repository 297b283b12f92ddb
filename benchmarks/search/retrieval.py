"""Measures how often the passage that answers a question is found by keyword search, dense search and both fused.

    python -m benchmarks.search.retrieval                       # both sets, from ../shared/data/qa
    python -m benchmarks.search.retrieval --data DIR --set spans

Documents go the product's way: files on disk, sync (parsers, chunks, embeddings), library, Retriever.

``spans``: chunking-eval (Smith and Troynikov 2024, MIT), 472 questions over five corpora that are searched together,
with the exact characters that answer each. Recall is the share of those characters in the first k chunks, precision
the share of the chunks' characters that answer; "any": at least one answering character was found.

``reports``: sec-10-q (Docugami, MIT), 195 questions over 20 quarterly reports; right when a hit comes from a report
that the question is about.
"""

import argparse
import csv
import fnmatch
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rag.ingest.children.parse_job import ParseLimits
from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.sync import Syncer, SyncSettings
from rag.models.embedder import OnnxEmbedder
from rag.query.query import make_query
from rag.retrieve.retriever import RetrievalSettings, Retriever
from rag.store.faiss_index import VectorIndex
from rag.store.library import Library
from rag.types import Hit, Query

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "qa"
SPANS = Path("chunking-eval/chunking_evaluation/evaluation_framework/general_evaluation_data")
REPORTS = Path("sec-10-q/sec-10-q/data/v1")

LEGS = {
    "BM25": RetrievalSettings(dense_weight=0, proximity_weight=0),
    "dense": RetrievalSettings(keyword_weight=0, proximity_weight=0),
    "fused": RetrievalSettings(),
}

Search = Callable[[Query, int], list[Hit]]


@dataclass(frozen=True)
class SpanQuestion:
    text: str
    corpus: str
    spans: tuple[tuple[int, int], ...]


@contextmanager
def synced(folder: Path, target_tokens: int, model: Path | None) -> Iterator[tuple[dict[str, Search], OnnxEmbedder]]:
    """Syncs the files in ``folder``; returns a search function for each kind of search, and the embedder."""
    embedder = OnnxEmbedder.load(model)
    with tempfile.TemporaryDirectory() as scratch, Library.open(Path(scratch) / "library.db") as library:
        syncer = Syncer(library, embedder, ParsePool(ParseLimits()), SyncSettings(target_tokens=target_tokens))
        started = time.perf_counter()
        report = syncer.run([syncer.add(str(folder))])
        seconds = time.perf_counter() - started
        print(f"{folder.name}: {library.counts()} in {seconds:.0f} s; not read: {report.counts.get('failed', 0)}")
        vectors = VectorIndex(library, None)
        retrievers = {name: Retriever(library, vectors, embedder, leg) for name, leg in LEGS.items()}
        yield {name: retriever.search for name, retriever in retrievers.items()}, embedder


# -- spans -------------------------------------------------------------------------------------------------------------


def span_questions(folder: Path) -> list[SpanQuestion]:
    with (folder / "questions_df.csv").open(encoding="utf-8", newline="") as file:
        return [
            SpanQuestion(
                row["question"],
                row["corpus_id"],
                tuple((span["start_index"], span["end_index"]) for span in json.loads(row["references"])),
            )
            for row in csv.DictReader(file)
        ]


def answered_share(question: SpanQuestion, hits: Sequence[Hit]) -> tuple[float, float]:
    """Returns (recall, precision) in characters."""
    wanted = {position for start, end in question.spans for position in range(start, end)}
    found: set[int] = set()
    read = 0
    for hit in hits:
        read += hit.chunk.end - hit.chunk.start
        if Path(hit.document.path).stem == question.corpus:
            found |= wanted & set(range(hit.chunk.start, hit.chunk.end))
    return len(found) / len(wanted), len(found) / max(1, read)


def spans(data: Path, target_tokens: int, model: Path | None) -> None:
    questions = span_questions(data / SPANS)
    print(f"\n{'':8}recall@5  any@5  recall@10  precision@5  tokens@5   even   odd  (recall@5 of every other question)")
    with synced(data / SPANS / "corpora", target_tokens, model) as (searches, embedder):
        for name, search in searches.items():
            tens = [search(make_query(question.text), 10) for question in questions]
            at5 = np.array([answered_share(q, hits[:5]) for q, hits in zip(questions, tens, strict=True)])
            at10 = np.array([answered_share(q, hits) for q, hits in zip(questions, tens, strict=True)])
            recall, precision = at5[:, 0], at5[:, 1]
            tokens = np.mean([sum(embedder.count_tokens([hit.chunk.text for hit in hits[:5]])) for hits in tens])
            print(
                f"{name:8}{recall.mean():8.3f}{(recall > 0).mean():7.3f}{at10[:, 0].mean():11.3f}"
                f"{precision.mean():13.3f}{tokens:10.0f}{recall[::2].mean():7.3f}{recall[1::2].mean():6.3f}"
            )


# -- reports -----------------------------------------------------------------------------------------------------------


def reports(data: Path, target_tokens: int, model: Path | None) -> None:
    with (data / REPORTS / "qna_data.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [(row["Question"], row["Source Docs"].split(",")) for row in csv.DictReader(file)]
    print(f"\n{'':8}right report at 1      at 5     at 10   share of the ten")
    with synced(data / REPORTS / "docs", target_tokens, model) as (searches, _):
        for name, search in searches.items():
            right = np.zeros((len(rows), 10), dtype=bool)
            for row, (question, patterns) in enumerate(rows):
                for rank, hit in enumerate(search(make_query(question), 10)):
                    stem = Path(hit.document.path).stem
                    right[row, rank] = any(fnmatch.fnmatch(stem, pattern.strip()) for pattern in patterns)
            at = [right[:, :k].any(axis=1).mean() for k in (1, 5, 10)]
            print(f"{name:8}{at[0]:17.3f}{at[1]:10.3f}{at[2]:10.3f}{right.mean():19.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds the question sets")
    parser.add_argument("--set", choices=("spans", "reports", "all"), default="all")
    parser.add_argument("--target-tokens", type=int, default=220)
    parser.add_argument("--embedder", type=Path, help="a model's folder; the shipped one without")
    arguments = parser.parse_args()
    for name, run in (("spans", spans), ("reports", reports)):
        if arguments.set in (name, "all"):
            run(arguments.data, arguments.target_tokens, arguments.embedder)


if __name__ == "__main__":
    main()
