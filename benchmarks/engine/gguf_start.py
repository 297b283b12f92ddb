"""Measures how a GGUF file that was never used here begins: its import, its first token, and the first token later.

    python -m benchmarks.engine.gguf_start --vocabulary-of SMALL.gguf       # a file of 5 GB with random weights
    python -m benchmarks.engine.gguf_start --model FILE.gguf

Each step is a process of its own, as a person would start it: ``docent model import --link``, then twice a process that
opens the model and hears the first token after a prompt of about 20 (of 47 with SmolLM2's template). Seconds are by the
clock, from the start of the process, and of the processor, those for the system apart, as beside other work the clock
says little. Memory is the most that the process holds for itself, and with the mapped files, which count only as long
as nobody else needs the room.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.model.synthetic import Shape

_SHAPE = Shape(4096, 14336, 36, 32, 8, vocabulary=49152)  # Mistral 7B with four more layers: 5.0 GB in Q4_K_M
_PROMPT = "Say in one short sentence what a lighthouse is for, please, and nothing else."
_EVERY_S = 0.02


@dataclass(slots=True)
class Step:
    """``own_bytes`` at most of a process's own memory, ``all_bytes`` with mapped files; ``user_s`` and ``system_s`` of
    the processor."""

    seconds: float = 0.0
    user_s: float = 0.0
    system_s: float = 0.0
    own_bytes: int = 0
    all_bytes: int = 0


def run(command: Sequence[str]) -> Step:
    """Runs a process until it prints its first line or ends; its memory is looked at all the time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    step, began = Step(), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        text = status.read_text(encoding="ascii")
        for name in ("RssAnon", "VmHWM"):
            if found := re.search(rf"{name}:\s+(\d+) kB", text):
                size = int(found[1]) * 1024
                step.own_bytes = max(step.own_bytes, size if name == "RssAnon" else 0)
                step.all_bytes = max(step.all_bytes, size if name == "VmHWM" else 0)
        time.sleep(_EVERY_S)
    step.seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    step.user_s, step.system_s = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    if process.returncode:
        sys.exit(f"A measured process failed: {' '.join(command)}")
    return step


def first_token(data: Path, name: str) -> None:
    """Opens the model as Docent does, hears one token and ends at once."""
    from app.models.setup import open_model
    from app.settings.schema import ModelSettings, Settings
    from engines.serving.sampling_params import SamplingParams

    model = open_model(Settings(data_dir=data, model=ModelSettings(name=name)))
    tokens = model.chat_tokens([{"role": "user", "content": _PROMPT}])
    next(iter(model.submit(tokens, SamplingParams(max_tokens=1))))
    os._exit(0)  # what is put away after the token is not what a person waits for


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        first_token(Path(sys.argv[2]), sys.argv[3])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a GGUF file")
    parser.add_argument("--vocabulary-of", type=Path, help="a GGUF file whose vocabulary the random one gets")
    parser.add_argument("--folder", type=Path, help="where the random file is kept between runs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        model = arguments.model or (arguments.folder or Path(temporary)) / "5GB-Q4_K_M.gguf"
        if not model.exists():
            from benchmarks.engine.random_gguf import write_q4_k_m

            if arguments.vocabulary_of is None:
                parser.error("give --model or --vocabulary-of")
            write_q4_k_m(model, _SHAPE, vocabulary_of=arguments.vocabulary_of)
            with model.open("rb+") as written:
                os.fsync(written.fileno())  # what a person imports has been on the disk for a while
        data = Path(temporary) / "data"
        docent = [sys.executable, "-m", "ui.main", "--data-dir", str(data)]
        child = [sys.executable, "-m", "benchmarks.engine.gguf_start", "--child", str(data), "measured"]
        print(f"{model.name}, {model.stat().st_size / 1e9:.2f} GB")
        for name, command in (
            ("import", [*docent, "model", "import", str(model.resolve()), "--link", "--name", "measured"]),
            ("first token", child),
            ("first token later", child),
        ):
            step = run(command)
            print(
                f"{name:18} {step.seconds:6.1f} s, of the processor {step.user_s:5.1f} and for the system "
                f"{step.system_s:5.1f}, {step.own_bytes / 2**20:6,.0f} MiB of its own, "
                f"{step.all_bytes / 2**20:6,.0f} with mapped files"
            )


if __name__ == "__main__":
    main()
