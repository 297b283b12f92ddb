"""Drives an installed Firefox by WebDriver BiDi (https://w3c.github.io/webdriver-bidi/), which Firefox speaks itself.

Playwright drives builds of its own, or a Firefox newer than the extended support release.
"""

import itertools
import json
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

_STARTS_S = 60.0  # an upper bound for a busy machine
_ANSWERS_S = 60.0
_LOOK_S = 0.1
PREFERENCES = {
    "ui.prefersReducedMotion": 1,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.auto": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,#nothing",
}
KEYS = {
    "Enter": "\ue007",
    "Escape": "\ue00c",
    "Tab": "\ue004",
    "Backspace": "\ue003",
    "Delete": "\ue017",
    "ArrowLeft": "\ue012",
    "ArrowUp": "\ue013",
    "ArrowRight": "\ue014",
    "ArrowDown": "\ue015",
    "End": "\ue010",
    "F2": "\ue032",
    "Space": " ",
    "Control": "\ue009",
    "Alt": "\ue00a",
    "Shift": "\ue008",
}
_STILL = """async (css, text) => {
  const one = [...document.querySelectorAll(css)].find((other) => other.textContent.includes(text));
  if (!one || one.disabled) return "";
  one.scrollIntoView({ block: "nearest" });
  const place = () => {
    const { left, top, width, height } = one.getBoundingClientRect();
    return [left + width / 2, top + height / 2].map(Math.round).join(" ");
  };
  const before = place();
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  const there = document.elementFromPoint(...before.split(" ").map(Number));
  return place() === before && there && (one.contains(there) || there.contains(one)) ? before : "";
}"""
"""Where the middle of an element is, which has not moved for two frames and on which a press would come."""


@contextmanager
def running(binary: str, profile: Path) -> Iterator["Firefox"]:
    """A headless Firefox with a profile of its own, as long as the context lasts."""
    profile.mkdir(parents=True)
    lines = [f'user_pref("{name}", {json.dumps(value)});' for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
    command = [binary, "--headless", "--profile", str(profile), "--no-remote", "--remote-debugging-port", "0"]
    with (
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process,
        connect(f"{_address(profile)}/session", max_size=None, open_timeout=_STARTS_S) as socket,
    ):
        opened = Firefox(socket)
        try:
            yield opened
        finally:
            opened.send("browser.close")
            process.wait(_STARTS_S)


def _address(profile: Path) -> str:
    """Where Firefox listens, which it writes into its profile."""
    told = profile / "WebDriverBiDiServer.json"
    end = time.monotonic() + _STARTS_S
    while not (told.exists() and (text := told.read_text(encoding="utf-8")).rstrip().endswith("}")):
        assert time.monotonic() < end, "Firefox did not begin"
        time.sleep(_LOOK_S)
    found = json.loads(text)
    return f"ws://{found['ws_host']}:{found['ws_port']}"


class Firefox:
    """A running Firefox. ``complaints`` and ``requests`` are what its pages told, by page."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.complaints: dict[str, list[str]] = defaultdict(list)
        self.requests: dict[str, list[str]] = defaultdict(list)
        self.send("session.new", capabilities={})
        self.send("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])

    def send(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            told = json.loads(self._socket.recv(timeout=_STARTS_S))
            self._note(told.get("method"), told.get("params", {}))
            if told.get("id") == number:
                assert told["type"] == "success", told
                return told["result"]

    def _note(self, event: str | None, params: dict[str, Any]) -> None:
        if event == "log.entryAdded" and params["level"] == "error":
            self.complaints[params["source"].get("context", "")].append(params["text"])
        elif event == "network.beforeRequestSent":
            self.requests[params.get("context") or ""].append(params["request"]["url"])

    @contextmanager
    def visit(self) -> Iterator["Visit"]:
        """A visit with cookies and storage of its own."""
        made = Visit(self, self.send("browser.createUserContext")["userContext"])
        try:
            yield made
        finally:
            self.send("browser.removeUserContext", userContext=made.number)


class Visit:
    """What one person has open."""

    def __init__(self, firefox: Firefox, number: str) -> None:
        self.firefox = firefox
        self.number = number

    def page(self) -> "FirefoxPage":
        """Another tab, which comes to the front."""
        context = self.firefox.send("browsingContext.create", type="tab", userContext=self.number)["context"]
        self.firefox.send("browsingContext.setViewport", context=context, viewport={"width": 1440, "height": 900})
        return FirefoxPage(self.firefox, context)


class FirefoxPage:
    """One page of a Firefox."""

    def __init__(self, firefox: Firefox, context: str) -> None:
        self._firefox = firefox
        self._context = context

    def _send(self, method: str, **params: Any) -> Any:
        return self._firefox.send(method, context=self._context, **params)

    def assert_quiet(self, address: str) -> None:
        """Everything went to this address, and nothing failed in the page."""
        self.run("() => null")  # what was told until now is read
        requests = self._firefox.requests[self._context]
        assert [url for url in requests if not url.startswith((address, "data:", "blob:", "about:"))] == []
        assert self._firefox.complaints[self._context] == []

    def to_front(self) -> None:
        self._send("browsingContext.activate")

    def open(self, address: str) -> None:
        self._send("browsingContext.navigate", url=address, wait="complete")

    def reload(self) -> None:
        self._send("browsingContext.reload", wait="complete")

    def back(self) -> None:
        self._send("browsingContext.traverseHistory", delta=-1)

    def run(self, function: str, *values: str) -> Any:
        """Calls a JavaScript function with texts; returns what it gives: a text, number, boolean or null."""
        result = self._firefox.send(
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

    def has(self, selector: str, value: str) -> None:
        """Waits until a field has a value."""
        self.wait("(css, value) => document.querySelector(css)?.value === value", selector, value)

    def counts(self, selector: str, count: int) -> None:
        self.wait("(css, count) => document.querySelectorAll(css).length === Number(count)", selector, str(count))

    def focuses(self, selector: str) -> None:
        """Waits until the focus is on an element that fits."""
        self.wait("(css) => document.activeElement.matches(css)", selector)

    def middle(self, selector: str, text: str = "") -> tuple[int, int]:
        """Waits until the first element that fits and holds the text lies still, can be used and is not covered."""
        self.wait(f"async (css, text) => Boolean(await ({_STILL})(css, text))", selector, text)
        x, y = self.run(_STILL, selector, text).split()
        return int(x), int(y)

    def click(self, selector: str, text: str = "") -> None:
        """Presses the mouse in the middle of the first element that fits and holds the text."""
        x, y = self.middle(selector, text)
        press = [{"type": "pointerMove", "x": x, "y": y}, {"type": "pointerDown", "button": 0}]
        self._act("pointer", [*press, {"type": "pointerUp", "button": 0}])

    def drag(self, x: int, y: int, to_x: int, to_y: int) -> None:
        """Presses the mouse at a point and lets go of it at another one."""
        moves = [{"type": "pointerMove", "x": at_x, "y": at_y} for at_x, at_y in ((x, y), (to_x, to_y))]
        down, up = ({"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp"))
        self._act("pointer", [moves[0], down, moves[1], up])

    def type(self, text: str) -> None:
        self._act("key", [{"type": kind, "value": sign} for sign in text for kind in ("keyDown", "keyUp")])

    def press(self, keys: str) -> None:
        """Presses keys together, such as "Control+k"."""
        signs = [KEYS.get(name, name) for name in keys.split("+")]
        down = [{"type": "keyDown", "value": sign} for sign in signs]
        self._act("key", [*down, *({"type": "keyUp", "value": sign} for sign in reversed(signs))])

    def write(self, selector: str, text: str) -> None:
        """Puts a text in the place of what stands in a field, by keyboard."""
        self.click(selector)
        self.press("Control+a")
        self.press("Backspace")
        self.type(text)

    def choose_files(self, selector: str, *files: Path) -> None:
        """Hands files to the field of a form."""
        found = self._firefox.send(
            "browsingContext.locateNodes", context=self._context, locator={"type": "css", "value": selector}
        )
        self._send("input.setFiles", element=found["nodes"][0], files=[str(file) for file in files])

    def _act(self, kind: str, actions: list[dict[str, Any]]) -> None:
        self._send("input.performActions", actions=[{"type": kind, "id": kind, "actions": actions}])
