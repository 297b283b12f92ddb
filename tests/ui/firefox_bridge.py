"""Stands between Playwright and an installed Firefox, and answers what this Firefox does not know.

    python -m tests.ui.firefox_bridge FIREFOX ARGUMENTS...

Playwright drives an installed Firefox by WebDriver BiDi (channel ``moz-firefox``), and stops where this Firefox does
not know how a page is emulated or what it is permitted. Such a command has done nothing here, and counts as done.
"""

import contextlib
import json
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TextIO

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

PREFERENCES = {
    "ui.prefersReducedMotion": 1,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.auto": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,#nothing",
    "dom.events.testing.asyncClipboard": True,
}
_TOLD = "WebDriver BiDi listening on "
_PREPARES = ("emulation.", "permissions.")


def executable(folder: Path, firefox: str) -> Path:
    """Writes a program that Playwright starts as it would start Firefox."""
    root = Path(__file__).resolve().parents[2]
    made = folder / "firefox"
    made.write_text(
        f"#!/bin/sh\nPYTHONPATH='{root}' exec '{sys.executable}' -m {__name__} '{firefox}' \"$@\"\n", encoding="utf-8"
    )
    made.chmod(0o700)
    return made


def main(firefox: str, *arguments: str) -> int:
    with subprocess.Popen([firefox, *arguments], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = _listening(process.stderr)
        with serve(partial(_between, address), "127.0.0.1", 0, max_size=None) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            sys.stderr.write(f"{_TOLD}ws://127.0.0.1:{server.socket.getsockname()[1]}\n")
            sys.stderr.flush()
            for line in process.stderr:
                sys.stderr.write(line)
            server.shutdown()
    return process.returncode


def _listening(told: TextIO) -> str:
    for line in told:
        if line.startswith(_TOLD):
            return line.removeprefix(_TOLD).strip()
    raise SystemExit("Firefox has ended")


def _between(address: str, playwright: ServerConnection) -> None:
    """Passes on what each of the two says, until one of them leaves."""
    assert playwright.request is not None
    preparing: set[int] = set()
    with connect(address + playwright.request.path, max_size=None) as firefox:
        threading.Thread(target=_replies, args=(firefox, playwright, preparing), daemon=True).start()
        with contextlib.suppress(ConnectionClosed):
            for message in playwright:
                command = json.loads(message)
                if command["method"].startswith(_PREPARES):
                    preparing.add(command["id"])
                firefox.send(message)


def _replies(firefox: ClientConnection, playwright: ServerConnection, preparing: set[int]) -> None:
    with contextlib.suppress(ConnectionClosed):
        for message in firefox:
            playwright.send(_forgiven(message, preparing))
    playwright.close()


def _forgiven(message: str | bytes, preparing: set[int]) -> str | bytes:
    """The reply to a command; that to a preparation which Firefox does not know says that it is done."""
    if not preparing:
        return message
    reply = json.loads(message)
    if reply.get("id") not in preparing:
        return message
    preparing.discard(reply["id"])
    if reply["type"] != "error":
        return message
    return json.dumps({"type": "success", "id": reply["id"], "result": {}})


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
