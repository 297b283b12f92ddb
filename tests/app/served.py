"""``docent serve`` as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def start(tmp_path: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Starts it over ``tmp_path/data``; it prints one line when it answers."""
    command = [sys.executable, "-m", "ui.main", "--data-dir", str(tmp_path / "data"), "serve", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
