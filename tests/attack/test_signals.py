"""``docent serve`` is asked to end, or killed, while it does many things at once: it ends in time and leaves nothing
half done.

DOCENT_KILLS sets the number of signals (100 for a full run, some ten seconds each) and DOCENT_SEED the seed.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from app.doctor import examine
from app.settings.schema import Settings
from tests.app.served import start

COUNT = int(os.environ.get("DOCENT_KILLS", "2"))
SEED = int(os.environ.get("DOCENT_SEED", "1"))
ENDS_S = 60.0  # far beyond the server's own limit of ten: other work may have the processors
Request = tuple[str, str, dict[str, Any] | None]
QUESTION = "How long was the light out?"
CHAT = {"model": "docent-nano", "messages": [{"role": "user", "content": QUESTION}], "max_tokens": 500}
REQUESTS: tuple[Request, ...] = (
    ("POST", "/api/ask", {"question": QUESTION}),
    ("POST", "/api/ask", {"question": QUESTION, "stream": False}),
    ("POST", "/api/runs", {"question": QUESTION}),
    ("POST", "/api/sync", {"anew": True}),
    ("POST", "/v1/chat/completions", {**CHAT, "stream": True}),
    ("POST", "/v1/chat/completions", CHAT),
    ("GET", "/api/documents/1/page/1.png", None),
    ("GET", "/api/documents/1/text", None),
    ("GET", "/gradio/gradio_api/call/news/", None),
)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.skipif(sys.platform == "win32", reason="signals cannot be sent to one process there")
def test_a_signal_ends_the_server_whatever_it_does(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    for number in range(COUNT):
        process = start(tmp_path, "--port", "0", "--json", "--samples", "--no-browser")
        assert process.stdout is not None
        link = json.loads(process.stdout.readline())
        clients = [threading.Thread(target=_ask_on, args=(link, request)) for request in REQUESTS]
        for client in clients:
            client.start()
        time.sleep(chance.uniform(0, 8))
        children = psutil.Process(process.pid).children(recursive=True)
        began = time.monotonic()
        sent = chance.choice((signal.SIGTERM, signal.SIGINT, signal.SIGKILL))
        process.send_signal(sent)
        _, errors = process.communicate(timeout=ENDS_S)
        print(f"{number}: {time.monotonic() - began:.1f} s")  # noqa: T201 - shown with pytest -s
        ends = (-signal.SIGKILL,) if sent == signal.SIGKILL else (0, 130)
        assert (process.returncode in ends, errors) == (True, ""), f"number {number} of seed {SEED}\n{_log(tmp_path)}"
        for client in clients:
            client.join()
        _, alive = psutil.wait_procs(children, timeout=ENDS_S)
        assert alive == []
    assert "Traceback" not in _log(tmp_path)
    assert [check for check in examine(Settings(data_dir=tmp_path / "data")) if check.status == "fail"] == []
    assert [path.name for path in (tmp_path / "data").rglob("*.tmp")] == []


def _ask_on(link: dict[str, Any], request: Request) -> None:
    """Asks for the same until nobody answers."""
    method, path, body = request
    headers = {"authorization": f"Bearer {link['token']}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{link['port']}", headers=headers, timeout=ENDS_S) as client:
        try:
            while True:
                address = path
                if path.endswith("/news/"):
                    address += client.post(path.rstrip("/"), json={"data": []}).json()["event_id"]
                with client.stream(method, address, json=body) as reply:
                    for _ in reply.iter_raw():
                        pass
        except (httpx.HTTPError, ValueError, KeyError):
            return


def _log(tmp_path: Path) -> str:
    path = Settings(data_dir=tmp_path / "data").folder.log
    return path.read_text() if path.is_file() else ""
