"""``docent serve`` in a process of its own, asked over its HTTP API: nothing of the project is imported."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
_THREADS = 2  # fixed: how the models' sums are rounded depends on it
# One parser at a time: ids of documents follow the order in which parsing ends, and prompts list passages by id.
_SETTINGS = (
    "server.watch=false",
    "library.workers=1",
    f"embedder.threads={_THREADS}",
    "embedder.device=cpu",
    f"model.threads={_THREADS}",
)
_WAIT_S = 120  # for one answer on a busy machine


class Docent:
    """A running server. ``client`` carries the token of this launch."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def sync(self, folders: Sequence[Path]) -> None:
        """Reads folders, in this order; every document must be read without a failure."""
        for folder in folders:
            report = self._lines("/api/sync", {"locations": [str(folder)]})[-1]
            assert report["event"] == "report", report
            assert [d for d in report["documents"] if d["status"] != "ok"] == []

    def ask(self, question: str, conversation: str | None) -> tuple[str, dict[str, Any]]:
        """The stand-alone question that was searched for, and the finished answer."""
        lines = self._lines("/api/ask", {"question": question, "conversation": conversation})
        retrieved, answered = lines[0], lines[-1]
        assert (retrieved["event"], answered["event"]) == ("retrieved", "answered"), lines
        return retrieved["question"], answered

    def _lines(self, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        response = self._client.post(path, json=body)
        assert response.status_code == 200, response.text
        return [json.loads(line) for line in response.text.splitlines()]


@contextmanager
def running(data: Path, settings: Sequence[str] = ()) -> Iterator[Docent]:
    """A server on the data folder ``data`` with default settings, ``settings`` ("section.key=value") excepted.

    Settings of the person who runs this (DOCENT_* variables) do not count.
    """
    overrides = [part for setting in (*_SETTINGS, *settings) for part in ("--set", setting)]
    command = [sys.executable, "-m", "ui.main", "--data-dir", str(data), *overrides, "serve"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCENT_")}
    process = subprocess.Popen(
        [*command, "--no-window", "--port", "0", "--json"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, f"docent serve ended with {process.wait()}"
        link = json.loads(line)
        with httpx.Client(
            base_url=f"http://127.0.0.1:{link['port']}",
            headers={"authorization": f"Bearer {link['token']}"},
            timeout=_WAIT_S,
            trust_env=False,
        ) as client:
            yield Docent(client)
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()
