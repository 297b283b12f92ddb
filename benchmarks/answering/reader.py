"""Measures the time to rerank 20 passages of 220 tokens and read the best of them, on two processor threads.

    python -m benchmarks.answering.reader                        # the reader that is shipped
    python -m benchmarks.answering.reader --folder FOLDER --threads 1

The passages are cut from the samples. Besides wall-clock time it prints the processor's time, which other
work on the machine changes less.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from rag.answer.reading import find_spans
from rag.models.extractive_reader import ExtractiveReader
from rag.parsers.registry import parse
from rag.protocols import PairEncoder
from rag.types import Chunk, Document, Hit, PairScores, Passage

ROOT = Path(__file__).parents[2]
QUESTIONS = (
    "Who kept the light in the winter of the great storm?", "How often are the batteries checked, and by whom?",
    "What did the inspection of 1987 find?", "When was the tower built?", "Where are the spare lamps kept?",
    "How much did the new lens cost?", "Which boats may land at the pier?", "Why was the old house given up?",
    "What does a volunteer do first in the morning?", "How high is the light above the sea?",
    "Who paints the railings?", "What is written in the log at noon?",
)  # fmt: skip


class Timed:
    """A ``PairEncoder`` that adds up the time another one takes."""

    seconds = 0.0
    encoder: PairEncoder

    def around(self, file: Path, encoder: PairEncoder) -> PairEncoder:
        self.encoder = encoder
        return self

    @property
    def judges(self) -> bool:
        return self.encoder.judges

    def pair_scores(self, rows: Sequence[Sequence[int]], second_from: int) -> list[PairScores]:
        began = time.perf_counter()
        try:
            return self.encoder.pair_scores(rows, second_from)
        finally:
            self.seconds += time.perf_counter() - began


def passages(tokenizer: Tokenizer, count: int, tokens: int) -> list[str]:
    """Cuts consecutive passages from the samples' text and begins anew where it ends."""
    files = sorted(p for p in (ROOT / "samples").iterdir() if p.suffix in {".md", ".txt", ".docx", ".csv", ".html"})
    text = "\n".join(parse(p).text for p in files)
    offsets = tokenizer.encode(text, add_special_tokens=False).offsets
    text, offsets = text * 8, [(a + n * len(text), b + n * len(text)) for n in range(8) for a, b in offsets]
    return [text[offsets[i * tokens][0] : offsets[(i + 1) * tokens - 1][1]] for i in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / "rag/models/weights/docent-reader")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--passages", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=220)
    args = parser.parse_args()
    network = Timed()
    reader = ExtractiveReader.load(args.folder, args.threads, network.around)
    document = Document(1, 1, "", "Gull Rock Light", "text/plain", "ok", None, 1, 1, 1, "", 0.0)
    texts = passages(reader._tokenizer, args.passages, args.tokens)
    hits = [Hit(Chunk(1, i, 0, len(t), t, id=i), document, 0.0) for i, t in enumerate(texts)]
    rows = []
    for question in QUESTIONS:
        network.seconds, processor, began = 0.0, time.process_time(), time.perf_counter()
        ranked = reader.rerank(question, hits)
        ordered = time.perf_counter()
        best = [
            Passage(n, document, 0, len(h.chunk.text), h.chunk.text, h.score, hits=(h,))
            for n, h in enumerate(ranked[:5], 1)
        ]
        find_spans(question, best, reader)
        end, used, computed = time.perf_counter(), time.process_time() - processor, network.seconds
        reader.read(question, best)
        new = time.perf_counter() - end
        rows.append([end - began, ordered - began, computed, end - began - computed, used, new])
    names = (
        f"rerank and read {args.passages} passages of {args.tokens} tokens", "  reordering", "  of it the network",
        "  the rest: tokens, spans", "  processor time", "reading 5 passages that were not reordered before",
    )  # fmt: skip
    for name, column in zip(names, np.array(rows[2:]).T, strict=True):
        print(f"{name:52s} {1000 * statistics.median(column):6.0f} ms (fastest {1000 * column.min():.0f})")


if __name__ == "__main__":
    main()
