"""Compares Docent's own kernels with llama.cpp on the same GGUF file: what is said, how likely, and how fast.

    python -m benchmarks.engine.gguf --llama-python OTHER/bin/python MODEL.gguf 1B
    python -m benchmarks.engine.gguf --llama-python OTHER/bin/python --parts speed --threads 2 1B 3B

A model is a file, or the name of a shape of ``engines.model.synthetic``, made with random weights in Q4_K_M (for
speeds alone: it has no tokenizer). ``text``: 20 prompts are continued greedily; where the texts part, the lead that the
other engine's token would have needed is given, in logits and in standard deviations of the row. ``perplexity``: 20,000
tokens of a text file, or of Docent's documentation, in windows of 512. ``speed``: as in benchmarks/engine/cpu.py, both
in one run, turn by turn. OTHER is a Python with llama-cpp-python and gguf.
"""

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.engine.cpu import INSTALL, Worker, measure

if TYPE_CHECKING:
    from engines.base import Runtime
    from engines.model.chat import ChatEncoder

PROMPTS = (
    "What is the capital of France?", "Name three fruits.", "Write one sentence about the sea.",
    "How many days has a week?", "Who wrote Hamlet?", "What is 12 plus 7?", "Explain rain to a child.",
    "Translate 'good morning' into French.", "Name a large animal.", "What do bees make?",
    "Write a title for a story about a lighthouse.", "Is the sun a star?", "What is ice made of?",
    "List two metals.", "Why do leaves fall?", "What does a baker do?", "Name a river in Africa.",
    "Give an antonym of 'cold'.", "What is a triangle?", "Tell me a fact about the moon.",
)  # fmt: skip
_ANSWER, _WINDOW, _TOKENS = 64, 512, 20_000
_CONTEXT = 1024
_PARTS = ("text", "perplexity", "speed")


class Ours:
    """Docent's engine on one sequence, for what is said."""

    def __init__(self, folder: Path, cache: Path, threads: int) -> None:
        from benchmarks.engine.runtimes import open_runtime
        from engines.model.checkpoint import Checkpoint
        from engines.page_size import PAGE_TOKENS

        pages = _CONTEXT // PAGE_TOKENS
        checkpoint = Checkpoint(folder)
        self._runtime: Runtime = open_runtime("native", checkpoint, pages, _CONTEXT, threads=threads, cache=cache)
        self._table = np.arange(pages)[None]

    def logits(self, tokens: Sequence[int], start: int, rows: Sequence[int]) -> NDArray[np.float32]:
        """[rows, vocabulary] of tokens behind ``start`` others."""
        from engines.base import StepBatch
        from engines.page_size import PAGE_TOKENS

        count = len(tokens)
        at = np.arange(start, start + count)
        batch = StepBatch(
            tokens=np.asarray(tokens),
            positions=at,
            slots=at,
            sequence_starts=np.array([0, count]),
            context_lengths=np.array([start + count]),
            page_table=self._table[:, : -(-(start + count) // PAGE_TOKENS)],
            logits_for=np.asarray(rows),
        )
        return self._runtime.step(batch)

    def along(self, prompt: Sequence[int], said: Sequence[int]) -> NDArray[np.float32]:
        """The rows from which each token of ``said`` was to be chosen, computed one by one as an answer is."""
        rows = [self.logits(prompt, 0, [len(prompt) - 1])[0]]
        rows += [self.logits([token], len(prompt) + i, [0])[0] for i, token in enumerate(said[:-1])]
        return np.stack(rows)

    def loss(self, tokens: Sequence[int]) -> float:
        rows = self.logits(tokens, 0, range(len(tokens) - 1))
        top = rows.max(axis=1)
        whole = top + np.log(np.exp(rows - top[:, None]).sum(axis=1, dtype=np.float64))
        return float((whole - rows[np.arange(len(rows)), tokens[1:]]).sum())


def compare_text(ours: Ours, theirs: Worker, chat: "ChatEncoder") -> None:
    equal, tokens, partings = 0, 0, []
    for prompt in PROMPTS:
        given = chat.encode([{"role": "user", "content": prompt}])
        said = theirs.call({"op": "greedy", "prompt": given, "count": _ANSWER})["tokens"]
        rows = ours.along(given, said)
        other = rows.argmax(axis=1) != np.asarray(said)
        first = int(np.flatnonzero(other)[0]) if other.any() else len(said)
        equal += first == len(said)
        tokens += first
        if first < len(said):
            lead = float(rows[first].max() - rows[first][said[first]])
            partings.append((lead / float(rows[first].std()), lead, first, prompt))
    print(f"  text: {equal} of {len(PROMPTS)} answers of {_ANSWER} tokens equal, {tokens} tokens before they part")
    for share, lead, place, prompt in sorted(partings):
        print(f"    parts at token {place}, {lead:.3f} logits = {share:.3f} standard deviations: {prompt}")


def compare_perplexity(ours: Ours, theirs: Worker, tokens: Sequence[int]) -> None:
    """Beside the difference its standard error over the windows; runs over parts of a text can be joined by their
    losses."""
    windows = [list(tokens[at : at + _WINDOW]) for at in range(0, len(tokens) - 1, _WINDOW)]
    pairs = np.array([(ours.loss(window), theirs.call({"op": "loss", "prompt": window})["loss"]) for window in windows])
    counted = sum(len(window) - 1 for window in windows)
    mine, other = (math.exp(total / counted) for total in pairs.sum(axis=0))
    spread = float((pairs[:, 0] - pairs[:, 1]).std() * math.sqrt(len(pairs)) / counted)
    apart = f"{mine / other - 1:+.3%} (± {spread:.3%})"
    losses = f"{pairs[:, 0].sum():.3f}, {pairs[:, 1].sum():.3f}"
    print(f"  perplexity of {counted} tokens: {mine:.4f}, llama.cpp {other:.4f}: {apart}; losses {losses}")


def compare_speed(folder: Path, model: Path, cache: Path, arguments: argparse.Namespace) -> None:
    threads, context = str(arguments.threads), str(_CONTEXT)
    ours = [
        sys.executable,
        "-m",
        "benchmarks.engine.cpu",
        "--serve",
        "native",
        str(folder),
        str(cache),
        threads,
        context,
    ]
    Worker([*ours, "0"]).close()  # builds
    workers = [Worker([*ours, "0"]), _llama(model, arguments)]
    mine, other = measure(workers, arguments.rounds, past=64)
    for name, unit in (("prefill", 512), ("decode", 64)):
        a, b = getattr(mine, name), getattr(other, name)
        print(f"  {name} of {unit}: {a:,.1f} tok/s, llama.cpp {b:,.1f}: {a / b:.2f} x")


def _llama(model: Path, arguments: argparse.Namespace) -> Worker:
    script = str(Path(__file__).with_name("llama_cpp_worker.py"))
    return Worker([arguments.llama_python, script, "-", str(model), str(arguments.threads), str(_CONTEXT)])


def _text(path: Path | None) -> str:
    """What the perplexity is of; Docent's documentation where there is no ``path``."""
    if path is not None:
        return path.read_text(encoding="utf-8")
    root = Path(__file__).parents[2]
    return "\n\n".join(path.read_text(encoding="utf-8") for path in sorted((root / "docs").glob("*.md")))


def main() -> None:
    from benchmarks.engine.random_gguf import write_q4_k_m
    from engines.model.chat import ChatEncoder
    from engines.model.gguf.file import GgufFile
    from engines.model.gguf.folder import write_folder
    from engines.model.gguf.settings import read_settings
    from engines.model.synthetic import SHAPES
    from engines.model.tokenizer import ModelTokenizer

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="GGUF files, or shapes: " + ", ".join(SHAPES))
    parser.add_argument("--llama-python", required=True, help=f"a Python with llama-cpp-python and gguf: {INSTALL}")
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=_PARTS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=_TOKENS, help="tokens of the perplexity")
    parser.add_argument("--skip", type=int, default=0, help="tokens of the text before those")
    parser.add_argument("--text", type=Path, help="a file in UTF-8 for the perplexity")
    parser.add_argument("--folder", type=Path, help="where models are kept between runs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        kept = arguments.folder or Path(temporary)
        for name in arguments.models:
            model = kept / f"{name}-Q4_K_M.gguf" if name in SHAPES else Path(name).resolve()
            if name in SHAPES and not model.exists():
                write_q4_k_m(model, SHAPES[name])
            folder = kept / f"{model.stem}-folder"
            folder.mkdir(exist_ok=True, parents=True)
            if not (folder / "model.gguf").exists():
                (folder / "model.gguf").symlink_to(model)
            print(f"{model.name}, {arguments.threads} threads")
            if name in SHAPES:
                (folder / "config.json").write_text(json.dumps(read_settings(GgufFile(model))), encoding="utf-8")
            else:
                write_folder(GgufFile(model), folder)
                if {"text", "perplexity"} & set(arguments.parts):
                    tokenizer = ModelTokenizer.from_folder(folder)
                    ours, theirs = Ours(folder, kept / "cache", arguments.threads), _llama(model, arguments)
                    if "text" in arguments.parts:
                        compare_text(ours, theirs, ChatEncoder(tokenizer))
                    if "perplexity" in arguments.parts:
                        tokens = tokenizer.encode_prompt(_text(arguments.text))[arguments.skip :]
                        compare_perplexity(ours, theirs, tokens[: arguments.tokens])
                    theirs.close()
            if "speed" in arguments.parts:
                compare_speed(folder, model, kept / "cache", arguments)


if __name__ == "__main__":
    main()
