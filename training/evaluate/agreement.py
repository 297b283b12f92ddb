"""python -m training.evaluate.agreement chunks samples --out out/chunks.json
python -m training.evaluate.agreement fit --chunks out/chunks.json --readers out/multi.safetensors \
    --embedder out/e5-start --tokenizer XLM --compact out/e5-compact --calibration calibration.json --out agreement.json

How the multilingual reader chooses among all chunks of the sample documents, for the translated questions of
``data/languages.json``: by itself, and with the embedder's similarity. Fits the confidence of ``agreement.json``
(rag.models.multilingual_reader) and says what it reaches, each fact left out of the fit in turn. Torch, on a GPU where
there is one; ``chunks`` runs the product's own ingest.
"""

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.compact import CompactTokenizer
from training.data.prepare_squad import Flat
from training.data.store import Shape
from training.evaluate import backends, metrics
from training.evaluate.reader import Pairs, logistic, probability

FACTS = Path(__file__).parent / "data" / "languages.json"
SIMILARITY = (0.0, 20.0, 40.0, 60.0, 80.0, 100.0, 120.0)
LEAST = -4.0  # below this answer score no fitted confidence holds
SURE = 0.6  # confidence from which the product answers


def chunks_of(folder: Path) -> list[tuple[str, str]]:
    """(context, text) of every chunk, as the product cuts the folder's documents."""
    from rag.ingest.children.parse_pool import ParsePool
    from rag.ingest.sync import Syncer, SyncSettings
    from rag.models.embedder import OnnxEmbedder
    from rag.store.library import Library
    from rag.text.context import context_of

    with tempfile.TemporaryDirectory() as work, Library.open(Path(work) / "library.db") as library:
        syncer = Syncer(library, OnnxEmbedder.load(), ParsePool(), SyncSettings())
        syncer.run([syncer.add(str(folder.resolve()))])
        found = library.chunks([int(i) for i in library.chunk_ids()])
    return [(context_of(document.title, chunk.heading_path), chunk.text) for chunk, document in found.values()]


@dataclass(frozen=True)
class Asked:
    """Translated questions with the answers that are right; the fact of a question that nothing answers is below 0."""

    questions: list[str]
    answers: list[list[str]]
    fact: NDArray[np.int64]

    @classmethod
    def read(cls, path: Path) -> "Asked":
        raw = json.loads(path.read_text(encoding="utf-8"))
        rows = [
            (text, [*f["answers"], *f.get("elsewhere", ())], n)
            for n, f in enumerate(raw["facts"])
            for language, text in f["questions"].items()
            if language != "en"
        ]
        rows += [(t, [], -1 - n) for n, asked in enumerate(raw["absent"]) for k, t in asked.items() if k != "en"]
        return cls([r[0] for r in rows], [r[1] for r in rows], np.array([r[2] for r in rows]))


@dataclass(frozen=True)
class Read:
    """What a reader makes of every question and chunk, [questions, chunks] each."""

    score: NDArray[np.float64]
    cosine: NDArray[np.float64]
    right: NDArray[np.bool_]  # the span read in the chunk holds the answer or is a part of it


def read_all(
    reader: backends.ReaderBackend, pairs: Pairs, asked: Asked, cosine: backends.Floats, weights: tuple[float, float]
) -> Read:
    shape = (len(asked.questions), len(pairs.flat.passages))
    out = reader.score([pairs.pair(i, p) for i in range(shape[0]) for p in range(shape[1])])
    relevance, odds, span = out.features().astype(np.float64).T
    right = np.zeros(shape, bool)
    for row, (i, p) in enumerate(np.ndindex(shape)):
        said = metrics.normalise(pairs.text(p, out.span[row]))
        truth = [metrics.normalise(a) for a in asked.answers[i]]
        right[i, p] = any(t in said or (said and said in t) for t in truth)
    return Read((relevance + weights[0] * odds + weights[1] * span).reshape(shape), cosine.astype(np.float64), right)


def chosen(read: Read, similarity: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(answer score, cosine) [questions, 2] of the chosen chunk, and whether what was read there is right."""
    best = (read.score + similarity * read.cosine).argmax(1)
    row = np.arange(len(best))
    return np.stack([read.score[row, best], read.cosine[row, best]], 1), read.right[row, best]


def confidences(
    x: NDArray[np.float64], right: NDArray[np.bool_], fact: NDArray[np.int64]
) -> tuple[NDArray[np.float64], dict[str, object]]:
    """Confidence of each question by a fit without its own fact; and the fit of all."""
    p = np.zeros(len(x))
    for f in np.unique(fact):
        own = fact == f
        p[own] = probability(logistic(x[~own], right[~own].astype(float)), x[own])
    p[x[:, 0] < LEAST] = 0.0
    return p, logistic(x, right.astype(float))


def fit(args: argparse.Namespace) -> None:
    chunks = [(c, t) for c, t in json.loads(args.chunks.read_text(encoding="utf-8"))]
    asked, tokenizer = Asked.read(FACTS), CompactTokenizer(args.tokenizer, args.compact)
    flat = Flat(chunks, [(q, 0, ()) for q in asked.questions], np.zeros(len(chunks), np.int32))
    pairs = Pairs(flat, tokenizer, Shape(cls=0, sep=1))
    embed = backends.torch_embedder(args.embedder, tokenizer)
    passages = embed([f"passage: {c}\n{t}" if c else f"passage: {t}" for c, t in chunks])
    cosine = embed([f"query: {q}" for q in asked.questions]) @ passages.T
    raw = json.loads(args.calibration.read_text(encoding="utf-8"))
    there = asked.fact >= 0
    for path in args.readers:
        read = read_all(
            backends.TorchReader(path), pairs, asked, cosine, (raw["answer_odds_weight"], raw["answer_span_weight"])
        )
        print(f"{path.name}: {there.sum()} questions, {(~there).sum()} that nothing answers, {len(chunks)} chunks")
        for similarity in SIMILARITY:
            x, right = chosen(read, similarity)
            p, whole = confidences(x, right, asked.fact)
            sure = p >= SURE
            print(
                f"  similarity {similarity:5.0f}: chosen {right[there].mean():.3f}, each fact left out at {SURE}: "
                f"right {(sure & right)[there].mean():.3f} wrong {(sure & ~right)[there].mean():.3f}, absent refused "
                f"{1 - sure[~there].mean():.3f}, typical cosine {np.median(x[right, 1]):.3f}, {whole}",
                flush=True,
            )
            if args.out and similarity == args.similarity:
                made = {
                    "similarity": similarity,
                    "typical": round(float(np.median(x[right, 1])), 3),
                    **whole,
                    "least": LEAST,
                }
                args.out.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    cutting = commands.add_parser("chunks")
    cutting.add_argument("folder", type=Path)
    cutting.add_argument("--out", type=Path, required=True)
    fitting = commands.add_parser("fit")
    for name in ("chunks", "embedder", "tokenizer", "compact", "calibration"):
        fitting.add_argument(f"--{name}", type=Path, required=True)
    fitting.add_argument("--readers", type=Path, nargs="+", required=True)
    fitting.add_argument("--similarity", type=float, default=80.0, help="of the agreement that is written")
    fitting.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    if args.command == "chunks":
        args.out.write_text(json.dumps(chunks_of(args.folder), ensure_ascii=False), encoding="utf-8")
    else:
        fit(args)


if __name__ == "__main__":
    main()
