"""Drives an installed Firefox by WebDriver BiDi (https://w3c.github.io/webdriver-bidi/), which Firefox speaks itself.

Playwright drives builds of its own, or a Firefox newer than the extended support release.
"""

import itertools
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

_ANSWERS_S = 60.0  # an upper bound for a busy machine
_LOOK_S = 0.1
_PREFERENCES = {
    "ui.prefersReducedMotion": 1,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.auto": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,#nothing",
}
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "ArrowDown": "\ue015", "End": "\ue010", "Space": " "}


@contextmanager
def running(binary: str, profile: Path) -> Iterator["Firefox"]:
    """A headless Firefox with a profile of its own, as long as the context lasts."""
    profile.mkdir(parents=True)
    lines = [f'user_pref("{name}", {json.dumps(value)});' for name, value in _PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
    command = [binary, "--headless", "--profile", str(profile), "--no-remote", "--remote-debugging-port", "0"]
    with (
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process,
        connect(f"{_address(profile)}/session", max_size=None) as socket,
    ):
        opened = Firefox(socket)
        try:
            yield opened
        finally:
            opened.end()
            process.wait(_ANSWERS_S)


def _address(profile: Path) -> str:
    """Where Firefox listens, which it writes into its profile."""
    told = profile / "WebDriverBiDiServer.json"
    end = time.monotonic() + _ANSWERS_S
    while not (told.exists() and (text := told.read_text(encoding="utf-8"))):
        assert time.monotonic() < end, "Firefox did not begin"
        time.sleep(_LOOK_S)
    found = json.loads(text)
    return f"ws://{found['ws_host']}:{found['ws_port']}"


class Firefox:
    """One page of a Firefox. ``complaints`` are the errors that the page told."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.complaints: list[str] = []
        self._send("session.new", capabilities={})
        self._context = self._send("browsingContext.create", type="tab")["context"]
        self._send("session.subscribe", events=["log.entryAdded"], contexts=[self._context])
        self._send("browsingContext.setViewport", context=self._context, viewport={"width": 1440, "height": 900})

    def _send(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            told = json.loads(self._socket.recv(timeout=_ANSWERS_S))
            if told.get("method") == "log.entryAdded" and told["params"]["level"] == "error":
                self.complaints.append(told["params"]["text"])
            if told.get("id") == number:
                assert told["type"] == "success", told
                return told["result"]

    def end(self) -> None:
        """Ends Firefox."""
        self._send("browser.close")

    def open(self, address: str) -> None:
        self._send("browsingContext.navigate", context=self._context, url=address, wait="complete")

    def reload(self) -> None:
        self._send("browsingContext.reload", context=self._context, wait="complete")

    def back(self) -> None:
        self._send("browsingContext.traverseHistory", context=self._context, delta=-1)

    def run(self, function: str, *values: str) -> Any:
        """Calls a JavaScript function with texts; returns what it gives: a text, number, boolean or null."""
        result = self._send(
            "script.callFunction",
            functionDeclaration=function,
            arguments=[{"type": "string", "value": value} for value in values],
            target={"context": self._context},
            awaitPromise=True,
        )
        assert result["type"] == "success", result["exceptionDetails"]["text"]
        return result["result"].get("value")

    def wait(self, function: str, *values: str) -> None:
        """Waits until the function gives something that counts as true."""
        end = time.monotonic() + _ANSWERS_S
        while not self.run(function, *values):
            assert time.monotonic() < end, (function, values, self.run("() => document.body.innerText"))
            time.sleep(_LOOK_S)

    def sees(self, selector: str, text: str) -> None:
        """Waits until an element that fits holds the text."""
        self.wait(
            "(css, text) => [...document.querySelectorAll(css)].some((one) => one.textContent.includes(text))",
            selector,
            text,
        )

    def counts(self, selector: str, count: int) -> None:
        self.wait("(css, count) => document.querySelectorAll(css).length === Number(count)", selector, str(count))

    def click(self, selector: str) -> None:
        """Presses the mouse in the middle of the first element that fits."""
        self.wait("(css) => document.querySelector(css)", selector)
        middle = self.run(
            "(css) => { const box = document.querySelector(css); box.scrollIntoView({ block: 'nearest' });"
            " const { left, top, width, height } = box.getBoundingClientRect();"
            " return `${Math.round(left + width / 2)} ${Math.round(top + height / 2)}`; }",
            selector,
        )
        x, y = map(int, middle.split())
        press = [{"type": "pointerMove", "x": x, "y": y}, {"type": "pointerDown", "button": 0}]
        self._act("pointer", [*press, {"type": "pointerUp", "button": 0}])

    def type(self, text: str) -> None:
        self._act("key", [{"type": kind, "value": sign} for sign in text for kind in ("keyDown", "keyUp")])

    def press(self, name: str) -> None:
        self.type(KEYS[name])

    def _act(self, kind: str, actions: list[dict[str, Any]]) -> None:
        self._send(
            "input.performActions", context=self._context, actions=[{"type": kind, "id": kind, "actions": actions}]
        )
