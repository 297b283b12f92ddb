"""Measures embedder and reader on an NVIDIA card and on the processor, in one run.

    python -m benchmarks.search.embedding_card [--threads 2] [--documents FOLDER] [--questions FILE]

Passages of 200 tokens, from text to vector: passages a second on the card, on ``--threads`` threads of the processor,
and of tokenising alone, which all cores take part in (``taskset -c 0,1`` in front leaves two to everything); then a
question with 50 passages to read; and how long a model takes to be opened on the card, the first time with its kernels
to compile. The rounds alternate, the best of each counts.

With documents and questions: in which order both ways put the chunks for each question, and both mixed (a question from
one, passages from the other).
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.models.encoders import CardEncoders
from app.settings.paths import builtin_reader
from benchmarks.search.embedding import TOKENS, texts_of
from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.settings import SyncSettings
from rag.ingest.sync import Syncer
from rag.models.embedder import OnnxEmbedder
from rag.models.extractive_reader import ExtractiveReader
from rag.store.library import Library
from rag.text.context import context_of
from rag.types import Document, Passage

Vectors = NDArray[np.float32]
_SHARED = 8  # the processor embeds one of so many passages, so that its rounds are no longer
_READ = 50  # passages of a question


def best(rounds: int, ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The least seconds of each."""
    seconds = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, run in ways.items():
            began = time.perf_counter()
            run()
            seconds[name] = min(seconds[name], time.perf_counter() - began)
    return seconds


def embedding(card: OnnxEmbedder, processor: OnnxEmbedder, count: int, rounds: int, threads: int) -> None:
    texts = texts_of(count)
    few = texts[: count // _SHARED]
    for size in (count, 64):  # 64: what a sync hands over at a time
        pieces = [texts[at : at + size] for at in range(0, count, size)]
        ways: dict[str, tuple[int, Callable[[], object]]] = {
            "card": (count, partial(in_turn, card.embed_passages, pieces)),
            "processor": (len(few), partial(processor.embed_passages, few)),
            "tokenising": (count, partial(in_turn, card.count_tokens, pieces)),
        }
        seconds = best(rounds, {name: run for name, (_, run) in ways.items()})
        rates = {name: done / seconds[name] for name, (done, _) in ways.items()}
        print(f"{count:,} passages of {TOKENS} tokens, {size:,} at a time, a second:", end=" ")
        print(", ".join(f"{name} {rate:,.0f}" for name, rate in rates.items()), end="; ")
        print(f"card / {threads} threads {rates['card'] / rates['processor']:.1f}")
    cosines = (card.embed_passages(few) * processor.embed_passages(few)).sum(axis=1)
    print(f"cosine of card and processor: mean {cosines.mean():.4f}, least {cosines.min():.4f}")


def in_turn(run: Callable[[Sequence[str]], object], pieces: Sequence[Sequence[str]]) -> None:
    for piece in pieces:
        run(piece)


def reading(card: ExtractiveReader, processor: ExtractiveReader, rounds: int, threads: int) -> None:
    document = Document(1, 1, "", "Title", "text/plain", "ok", None, 1, 1, 0, "", 0.0)
    passages = [Passage(1, document, 0, len(text), text, 1.0) for text in texts_of(_READ)]
    question = "When was the lamp of the lighthouse lit for the first time?"
    ways = {"card": card, "processor": processor}
    seconds = best(rounds, {name: partial(way.read, question, passages) for name, way in ways.items()})
    found = ", ".join(f"{name} {1000 * took:.1f} ms" for name, took in seconds.items())
    print(f"a question with {_READ} passages read: {found} ({threads} threads)")


def ordering(card: OnnxEmbedder, processor: OnnxEmbedder, folder: Path, questions: Sequence[str]) -> None:
    texts = chunks_of(folder, processor)
    passages = {"processor": processor.embed_passages(texts), "card": card.embed_passages(texts)}
    asked = {
        name: np.stack([way.embed_query(question) for question in questions])
        for name, way in (("processor", processor), ("card", card))
    }
    cosines = (passages["card"] * passages["processor"]).sum(axis=1)
    print(
        f"{len(texts)} chunks, {len(questions)} questions; cosine mean {cosines.mean():.4f}, least {cosines.min():.4f}"
    )
    expected = ranks(asked["processor"], passages["processor"])
    for question_by, passages_by in (("card", "card"), ("processor", "card"), ("card", "processor")):
        found = ranks(asked[question_by], passages[passages_by])
        first = np.mean(found[:, 0] == expected[:, 0])
        shared = np.mean([len(set(a[:10]) & set(b[:10])) / 10 for a, b in zip(found, expected, strict=True)])
        print(f"question by {question_by}, passages by {passages_by}:", end=" ")
        print(f"the same first {first:.1%}, of the first ten {shared:.1%}")


def ranks(asked: Vectors, passages: Vectors) -> NDArray[np.int64]:
    return np.argsort(-(asked @ passages.T), axis=1, kind="stable")


def chunks_of(folder: Path, embedder: OnnxEmbedder) -> list[str]:
    """What a sync embeds of the folder's documents."""
    with tempfile.TemporaryDirectory() as data, Library.open(Path(data) / "library.db") as library:
        syncer = Syncer(library, embedder, ParsePool(), SyncSettings())
        syncer.add(str(folder))
        syncer.run()
        texts = []
        for document in library.documents():
            for chunk in library.chunk_range(document.id, 0, document.chunks):
                context = context_of(document.title, chunk.heading_path)
                texts.append(f"{context}\n{chunk.text}" if context else chunk.text)
        return texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--texts", type=int, default=8192)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--documents", type=Path)
    parser.add_argument("--questions", type=Path, default=Path("tests/golden/questions.json"))
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as builds:
        opened = []
        for _ in range(2):  # the second one finds the kernels compiled
            began = time.perf_counter()
            cards = CardEncoders(Path(builds))
            embedder = OnnxEmbedder.load(threads=options.threads, on_card=cards.sentences)
            opened.append(time.perf_counter() - began)
            if cards.card is None:
                raise SystemExit("No card computes the embedder here; the log says why.")
        began = time.perf_counter()
        processor = OnnxEmbedder.load(threads=options.threads)
        alone = time.perf_counter() - began
        print(f"{cards.card}, {time.strftime('%Y-%m-%d')}")
        print(
            f"opened in {opened[0]:.2f} s with kernels to compile, {opened[1]:.2f} s without; processor {alone:.2f} s"
        )
        embedding(embedder, processor, options.texts, options.rounds, options.threads)
        readers = [ExtractiveReader.load(builtin_reader(), options.threads, way) for way in (cards.pairs, None)]
        reading(readers[0], readers[1], options.rounds, options.threads)
        if options.documents is not None:
            recorded = json.loads(options.questions.read_text(encoding="utf-8"))
            asked = [question for conversation in recorded.values() for question in conversation]
            ordering(embedder, processor, options.documents, asked)
        cards.close()


if __name__ == "__main__":
    main()
