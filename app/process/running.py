"""The one Docent that runs on a data folder, and how a second start finds it.

The running one holds a lock for as long as it lives, so that what a killed one left behind is never taken for a running
one, and keeps its port and the token of its launch in a file that its owner alone can read. The token is worth nothing
once that Docent has ended, and stands on no command line.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from app.errors import AppError
from files import LockHeld, is_ours, locked, make_private, new_private, replace_text

_CHECKED_S = 1.0  # while another start looks whether somebody holds the lock
_BEGINS_S = 20.0  # until one that has just been started tells its port
_ANSWERS_S = 60.0  # it may open a window before it answers
_LOOPBACK = "127.0.0.1"

Announce: TypeAlias = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class Running:
    """A Docent that runs now: its port on 127.0.0.1, and the token of its launch."""

    port: int
    token: str

    @property
    def address(self) -> str:
        return f"http://{_LOOPBACK}:{self.port}/"

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Sends a request and returns the reply. Raises AppError where it fails or nobody answers."""
        import http.client

        connection = http.client.HTTPConnection(_LOOPBACK, self.port, timeout=_ANSWERS_S)
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        try:
            connection.request("POST", path, json.dumps(body), headers)
            response = connection.getresponse()
            reply = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise AppError(
                f"Docent is running already at port {self.port}, and does not answer.",
                "Wait a moment, or end it (Ctrl-C where it was started) and try again.",
            ) from error
        finally:
            connection.close()
        if response.status >= http.client.BAD_REQUEST or not isinstance(reply, dict):
            problem = reply.get("error", {}) if isinstance(reply, dict) else {}
            raise AppError(str(problem.get("message", "")) or "Docent refused.", str(problem.get("remedy", "")))
        return reply


@contextmanager
def alone(file: Path) -> Iterator[Announce]:
    """Claims the data folder for this process, for as long as the block lasts; ``file`` is where it tells of itself.

    Yields what writes port and token. Raises LockHeld where another Docent runs, and OSError where the folder cannot be
    written to.
    """
    lock = file.with_suffix(".lock")
    new_private(lock)
    with locked(lock, _CHECKED_S):
        file.unlink(missing_ok=True)  # of one that was killed

        def announce(port: int, token: str) -> None:
            with suppress(OSError):  # a full disk must not keep anyone from asking
                replace_text(file, json.dumps({"port": port, "token": token}))

        try:
            yield announce
        finally:
            with suppress(OSError):
                file.unlink(missing_ok=True)


def find(file: Path) -> Running | None:
    """The Docent that runs on this data folder. None where none does, whatever an earlier one left there.

    Waits for one that has just been started. Raises AppError where it does not get ready.
    """
    until = time.monotonic() + _BEGINS_S
    while _is_held(file.with_suffix(".lock")):
        found = _read(file)
        if found is not None:
            return found
        if time.monotonic() > until:
            raise AppError("Another Docent is starting on this data folder.", "Wait until it is open, or end it.")
        time.sleep(0.1)
    return None


def _is_held(lock: Path) -> bool:
    if not lock.exists():
        return False
    try:
        with locked(lock):
            return False
    except LockHeld:
        return True
    except OSError:
        return False


def _read(file: Path) -> Running | None:
    try:
        if not is_ours(file):
            return None
        make_private(file)
        told = json.loads(file.read_text(encoding="utf-8"))
        return Running(int(told["port"]), str(told["token"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
