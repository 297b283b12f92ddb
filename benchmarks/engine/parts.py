"""Parts that the engine's benchmarks share: a synthetic model behind an Engine, and a line about the machine.

The tokens of a synthetic model have no meaning, so its tokenizer writes each as one letter.
"""

import os
import platform
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from benchmarks.engine.runtimes import open_runtime
from engines.model.checkpoint import Checkpoint
from engines.model.synthetic import SHAPES, write_checkpoint
from engines.page_size import PAGE_TOKENS
from engines.serving.engine import Engine, EngineConfig


class LetterTokenizer:
    """A tokenizer that writes one letter for each token; no token ends an answer."""

    eos_ids: frozenset[int] = frozenset()

    def encode(self, text: str) -> list[int]:
        return [ord(letter) for letter in text]

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(chr(97 + token % 26) for token in tokens)


@contextmanager
def model_folder(kept: Path | None, shape: str) -> Iterator[Path]:
    """Yields a folder with the shape's checkpoint in ``shape`` and builds in ``cache``; it is removed unless it is
    ``kept``."""
    with tempfile.TemporaryDirectory(prefix="docent-bench-") as temporary:
        folder = kept or Path(temporary)
        if not (folder / shape / "model.safetensors.index.json").exists():
            write_checkpoint(folder / shape, SHAPES[shape])
        yield folder


@contextmanager
def synthetic_engine(
    folder: Path, shape: str, tokens: int, threads: int, config: EngineConfig, runtime: str
) -> Iterator[Engine]:
    """Makes an Engine over one of ``RUNTIMES`` with a cache of ``tokens``."""
    pages = -(-tokens // PAGE_TOKENS)
    opened = open_runtime(runtime, Checkpoint(folder / shape), pages, threads=threads, cache=folder / "cache")
    with Engine(opened, LetterTokenizer(), config) as engine:
        yield engine


def machine(threads: int) -> str:
    """Returns processor, threads and versions in one line, to be printed beside the figures."""
    versions = ", ".join(f"{name} {_version(name)}" for name in ("llvmlite", "onnxruntime"))
    return f"{_processor()}, {os.cpu_count()} cores seen, {threads} threads; {versions}"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "is not installed"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
