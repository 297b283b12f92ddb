"""``docent serve`` in a process of its own, as people run it."""

import json
import os
import subprocess
import sys
from pathlib import Path


class Docent:
    """A running ``docent serve``; ``stop`` and ``start`` end it and start another one on the same data."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self._command = [
            sys.executable, "-m", "ui.main", "--data-dir", str(data), "serve", "--json", "--no-browser", "--port", "0"
        ]  # fmt: skip
        self.link = ""
        self.data = data
        self.start(*arguments)

    def start(self, *arguments: str) -> None:
        root = Path(__file__).resolve().parents[2]
        environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [*self._command, *arguments], cwd=root, env=environment, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.link = json.loads(self._process.stdout.readline())["url"]

    def start_again(self) -> None:
        """Ends it and starts another one at the same address."""
        place = self.address
        self.stop()
        self.start("--port", place.rpartition(":")[2])
        assert self.address == place

    @property
    def address(self) -> str:
        return self.link.partition("/?")[0]

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()
