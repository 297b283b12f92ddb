"""The few commands of the Chrome DevTools Protocol that bring a browser's window forward, over the browser's own pipe.

A pipe belongs to the two processes alone, unlike a port, to which any program of this computer could speak.
https://chromedevtools.github.io/devtools-protocol/ (messages end with a zero byte)
"""

import json
import queue
import threading
from contextlib import suppress
from typing import IO, Any

_ANSWERS_S = 5.0


class DevTools:
    """``commands`` is what the browser reads, ``replies`` what it writes. Thread-safe."""

    def __init__(self, commands: IO[bytes], replies: IO[bytes]) -> None:
        self._commands = commands
        self._replies = replies
        self._lock = threading.Lock()
        self._number = 0
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="devtools", daemon=True).start()

    def bring_forward(self, address: str) -> bool:
        """Shows the window whose page lies at ``address``, minimised or not; false where there is none."""
        try:
            targets = self._ask("Target.getTargets")["targetInfos"]
            pages = [one for one in targets if one["type"] == "page" and one["url"].startswith(address)]
            if not pages:
                return False
            target = pages[0]["targetId"]
            window = self._ask("Browser.getWindowForTarget", targetId=target)
            if window["bounds"].get("windowState") == "minimized":
                self._ask("Browser.setWindowBounds", windowId=window["windowId"], bounds={"windowState": "normal"})
            self._ask("Target.activateTarget", targetId=target)
        except (OSError, ValueError, KeyError, queue.Empty):  # the browser has ended, or says something else
            return False
        return True

    def close(self) -> None:
        """Ends the browser."""
        with self._lock, suppress(OSError):
            self._commands.close()

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Raises OSError, ValueError, KeyError (an error of the browser) or queue.Empty (no answer in time)."""
        with self._lock:
            self._number += 1
            message = {"id": self._number, "method": method, "params": params}
            self._commands.write(json.dumps(message).encode() + b"\0")
            self._commands.flush()
            while True:
                answer = self._answers.get(timeout=_ANSWERS_S)
                if answer.get("id") == self._number:
                    return dict(answer["result"])

    def _read(self) -> None:
        waiting = b""
        with self._replies, suppress(OSError, ValueError):
            while data := self._replies.read1(65_536):  # type: ignore[attr-defined]
                *whole, waiting = (waiting + data).split(b"\0")
                for one in whole:
                    self._answers.put(json.loads(one))
