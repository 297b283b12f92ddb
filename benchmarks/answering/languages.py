"""Measures questions in other languages about the sample documents, the product's way: sync, retrieval, readers.

    python -m benchmarks.answering.languages                      # ten facts in thirteen languages
    python -m benchmarks.answering.languages --languages de zh

The facts and their questions were written by hand (training/evaluate/data/languages.json); an answer is right when a
quote of it holds the right words ("elsewhere": those of another document than the fact's own). Each language also gets
questions that nothing in the documents answers.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from app.settings.paths import builtin_foreign_reader, builtin_reader, resource
from rag.answer.extractive import ExtractiveAnswerer
from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.sync import Syncer, SyncSettings
from rag.models.embedder import OnnxEmbedder
from rag.models.extractive_reader import ExtractiveReader
from rag.models.foreign_questions import MAP_FILE, ForeignQuestions
from rag.models.multilingual_reader import MultilingualReader
from rag.models.reader_by_language import ReaderByLanguage
from rag.query.query import make_query
from rag.retrieve.retriever import Retriever
from rag.store.faiss_index import VectorIndex
from rag.store.library import Library
from rag.types import Answer

QUESTIONS = Path(__file__).parents[2] / "training" / "evaluate" / "data" / "languages.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--languages", nargs="*", help="two-letter codes; all without")
    parser.add_argument("--show", action="store_true", help="print what was wrong")
    options = parser.parse_args()
    raw = json.loads(QUESTIONS.read_text(encoding="utf-8"))
    embedder = OnnxEmbedder.load()
    others = builtin_foreign_reader()
    foreign = ForeignQuestions(lambda: OnnxEmbedder.load(others), others / MAP_FILE)
    reader = ReaderByLanguage(
        ExtractiveReader.load(builtin_reader()), lambda: MultilingualReader.load(others, foreign.embedder)
    )
    right: list[bool] = []
    refused: list[bool] = []
    with tempfile.TemporaryDirectory() as folder, Library.open(Path(folder) / "library.db") as library:
        syncer = Syncer(library, embedder, ParsePool(), SyncSettings())
        syncer.run([syncer.add(str(resource("samples")))])
        vectors = VectorIndex(library, None)
        retriever = Retriever(library, vectors, embedder, reranker=reader, foreign=foreign)
        answerer = ExtractiveAnswerer(embedder, library.locate, reader=reader)

        def ask(question: str) -> Answer:
            query = make_query(question)
            *_, answer = answerer.answer(query, retriever.passages(query))
            assert isinstance(answer, Answer)
            return answer

        for language in options.languages or raw["facts"][0]["questions"]:
            held, away, confidences, seconds = [], [], [], []
            for fact in raw["facts"]:
                began = time.perf_counter()
                answer = ask(fact["questions"][language])
                seconds.append(time.perf_counter() - began)
                said = " ".join(" ".join(c.quote.split()) for c in answer.citations)
                held.append(any(a in said for a in (*fact["answers"], *fact.get("elsewhere", ()))))
                confidences.append(answer.confidence or 0.0)
                if options.show and not held[-1]:
                    print(f"    {fact['questions'][language]} -> {said[:120] or '-'} ({confidences[-1]:.2f})")
            for asked in raw["absent"]:
                if language in asked:
                    answer = ask(asked[language])
                    away.append(not answer.found)
                    if options.show and answer.found:
                        print(f"    {asked[language]} -> {answer.text[:120]} ({answer.confidence or 0:.2f})")
            right += held
            refused += away
            print(
                f"{language}: right {sum(held)} of {len(held)}, absent refused {sum(away)} of {len(away)}, "
                f"median {statistics.median(seconds):.1f} s",
                flush=True,
            )
    print(f"all: right {sum(right)} of {len(right)}, absent refused {sum(refused)} of {len(refused)}")


if __name__ == "__main__":
    main()
