"""Measures the perplexity of a model on held-out text: as it is, rounded to nearest INT4, by AWQ, and by our quantizer.

    python -m benchmarks.engine.quantization MODEL --text TEXT  # special tokens in the text count as such
    python -m benchmarks.engine.quantization MODEL --text squad-train.json.xz   # its last 44 articles
    python -m benchmarks.engine.quantization MODEL --text TEXT --group 128 64 --calibration PAGES.txt --runtime onnx

Every variant reads the same ``--tokens`` tokens in pieces of 512 with nothing before them; the first token of a piece
is not counted. ``reference`` computes in float32, so that only the weights' rounding shows; ``onnx`` is what answers
people, with INT8 activations.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from app.models.quantize import sample_text
from benchmarks.engine.runtimes import RUNTIMES, open_runtime
from engines.base import Runtime, StepBatch
from engines.model.checkpoint import Checkpoint
from engines.model.tokenizer import ModelTokenizer
from engines.page_size import PAGE_TOKENS
from engines.quantize.quantizer import QuantizeOptions, quantize
from training.data.corpus import read_squad, split_articles

PIECE = 512
VARIANTS = (("rounded to nearest", False, False), ("AWQ", True, False), ("AWQ with GPTQ", True, True))
_Kind = TypeVar("_Kind", bound=str)


def read_text(path: Path) -> str:
    if ".json" in path.suffixes:
        articles = split_articles(read_squad(path))["val"]
        return "".join(f"<|bos|>{a.title}\n" + "\n".join(p.text for p in a.paragraphs) for a in articles)
    return path.read_text(encoding="utf-8")


def pieces_of(tokens: Sequence[int], most: int) -> list[list[int]]:
    """Cuts the text into pieces, spread evenly over it where it is longer than needed."""
    pieces = [list(tokens[at : at + PIECE]) for at in range(0, len(tokens) - PIECE + 1, PIECE)] or [list(tokens)]
    wanted = max(1, min(len(pieces), most // PIECE))
    return [pieces[i * len(pieces) // wanted] for i in range(wanted)]


def perplexity(runtime: Runtime, pieces: Sequence[Sequence[int]]) -> float:
    total, count = 0.0, 0
    for piece in pieces:
        n = len(piece)
        tokens, positions = np.asarray(piece, np.int64), np.arange(n)
        batch = StepBatch(
            tokens=tokens,
            positions=positions,
            slots=positions,
            sequence_starts=np.array([0, n]),
            context_lengths=np.array([n]),
            page_table=np.arange(-(-n // PAGE_TOKENS))[None],
            logits_for=np.arange(n - 1),
        )
        logits = runtime.step(batch)
        top = logits.max(-1)
        spread = np.log(np.exp(logits - top[:, None]).sum(-1, dtype=np.float64)) + top
        total += float((spread - logits[np.arange(n - 1), tokens[1:]]).sum(dtype=np.float64))
        count += n - 1
    return math.exp(total / count)


def compare_kinds(
    about: str | None, kinds: Sequence[_Kind], opened: Callable[[Checkpoint, int, _Kind], Runtime]
) -> None:
    """The command line of a benchmark that prints a model's perplexity with each kind of something, beside that with
    the first; ``opened(checkpoint, pages, kind)`` computes it."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=16384)
    arguments = parser.parse_args()
    checkpoint = Checkpoint(arguments.model)
    tokenizer = ModelTokenizer.from_folder(arguments.model, checkpoint.config.eos_ids)
    pieces = pieces_of(tokenizer.encode(read_text(arguments.text)), arguments.tokens)
    pages = -(-max(len(piece) for piece in pieces) // PAGE_TOKENS)
    first = None
    for kind in kinds:
        found = perplexity(opened(checkpoint, pages, kind), pieces)
        first = first or found
        print(f"{kind:6} {found:8.4f} {100 * (found / first - 1):+.3f} %", flush=True)


def measured(folder: Path, runtime: str, pieces: Sequence[Sequence[int]]) -> float:
    checkpoint = Checkpoint(folder)
    pages = PIECE // PAGE_TOKENS
    return perplexity(open_runtime(runtime, checkpoint, pages, PIECE), pieces)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a full-precision model's folder")
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=20_480)
    parser.add_argument("--calibration", type=Path, default=None, help="default: the sample documents")
    parser.add_argument("--calibration-tokens", type=int, default=32_768)
    parser.add_argument("--group", type=int, nargs="+", default=[128])
    parser.add_argument("--runtime", choices=RUNTIMES, default="reference")
    parser.add_argument("--ready", type=Path, nargs="*", default=[], help="quantised folders to measure as well")
    options = parser.parse_args()
    tokenizer = ModelTokenizer.from_folder(options.model, Checkpoint(options.model).config.eos_ids)
    pieces = pieces_of(tokenizer.encode(read_text(options.text)), options.tokens)
    calibration = options.calibration.read_text(encoding="utf-8") if options.calibration else sample_text()
    calibrating = pieces_of(tokenizer.encode(calibration), options.calibration_tokens)
    full = measured(options.model, options.runtime, pieces)
    print(
        f"{sum(map(len, pieces))} tokens, {sum(map(len, calibrating))} for calibration, {options.runtime}", flush=True
    )
    print(f"full precision: {full:.3f}", flush=True)
    for folder in options.ready:
        value = measured(folder, options.runtime, pieces)
        print(f"{folder.name}: {value:.3f} ({value / full - 1:+.2%})", flush=True)
    for group in options.group if not options.ready else []:
        for name, awq, gptq in VARIANTS:
            with tempfile.TemporaryDirectory() as folder:
                began = time.perf_counter()
                made = QuantizeOptions(group=group, awq=awq, gptq=gptq)
                quantize(options.model, Path(folder), calibrating, made)
                seconds = time.perf_counter() - began
                value = measured(Path(folder), options.runtime, pieces)
            print(
                f"INT4, groups of {group}, {name}: {value:.3f} ({value / full - 1:+.2%}), {seconds:.0f} s", flush=True
            )


if __name__ == "__main__":
    main()
