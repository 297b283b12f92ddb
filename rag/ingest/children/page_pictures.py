"""Draws pages of PDFs in child processes, so that a page made to harm costs itself alone.

A page that took too long or too much is remembered as long as its file stays the same, and refused at once.
"""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

import psutil

from docent import cause_of
from rag.errors import BusyError, ReadError
from rag.ingest.children.frames import read_frame, write_frame
from rag.ingest.children.page_worker import COUNT, ERROR, MARKS, PICTURE
from rag.parsers.pdf.page.page_box import Box

K = TypeVar("K")
V = TypeVar("V")
_POLL_S = 0.05  # how often time and memory are looked at
_MIB = 1 << 20
_REMEMBERED = 4096  # files and pages whose outcome is kept
_BOOTSTRAP = (
    "import json, sys; a = json.loads(sys.argv[1]); sys.path[:] = a['path']; "
    "from rag.ingest.children.page_worker import main; main(a['address_space'])"
)


@dataclass(frozen=True, slots=True)
class PageLimits:
    """What one page may take: seconds of processor time and of waiting for the processor, and memory.

    ``wait_s``: how long a request waits for a process that is free.
    """

    workers: int = 2
    processor_s: float = 8.0
    wall_s: float = 60.0
    memory_mb: int = 1000
    wait_s: float = 20.0


_Version = tuple[str, int, int]  # path, size, time of change


class PagePictures:
    """May be used from several threads. Close it, which ends its processes."""

    def __init__(self, limits: PageLimits = PageLimits()) -> None:
        self._limits = limits
        self._free: queue.LifoQueue[_Process] = queue.LifoQueue()
        self._processes = [_Process(limits) for _ in range(limits.workers)]
        for process in self._processes:
            self._free.put(process)
        self._counts: dict[_Version, int] = {}
        self._failed: dict[tuple[_Version, int | None], ReadError] = {}

    def count(self, path: Path) -> int:
        """Counts the pages. Raises ReadError when the file cannot be opened within the limits."""
        version = _version(path)
        if version not in self._counts:
            reply = self._asked(version, None, {})
            _remember(self._counts, version, int(reply))
        return self._counts[version]

    def draw(self, path: Path, page: int, quote: str = "", scale: float = 2.0, read: str = "") -> bytes:
        """Draws a page (from 1) as PNG with ``quote`` highlighted, and ``read``, a part of it, more so.

        Raises ReadError when the page cannot be drawn within the limits, BusyError when too many are asked for.
        """
        return self._asked(_version(path), page, {"page": page, "quote": quote, "read": read, "scale": scale})

    def marks(self, path: Path, page: int, quote: str, read: str = "") -> tuple[list[Box], list[Box]]:
        """Finds where ``quote`` stands from a page (from 1) on, and ``read``, a part of it. Raises as ``draw`` does."""
        found = json.loads(self._asked(_version(path), page, {"page": page, "quote": quote, "read": read}))
        whole, part = ([Box(*box) for box in boxes] for boxes in found)
        return whole, part

    def close(self) -> None:
        for process in self._processes:
            process.close()

    def _asked(self, version: _Version, page: int | None, request: dict[str, object]) -> bytes:
        try:
            process = self._free.get(timeout=self._limits.wait_s)
        except queue.Empty:
            raise BusyError("Too many pages are being drawn.", "Try again in a moment.") from None
        try:
            if (version, page) in self._failed:
                raise self._failed[version, page]
            path = os.fsencode(version[0]).hex()
            reply = process.ask(json.dumps({"path": path, **request}).encode())
        finally:
            self._free.put(process)
        if reply is None:
            error = ReadError(
                "The page is too complex to be drawn." if page else "The PDF is too complex to be opened.",
                "Its text can be read all the same.",
            )
            _remember(self._failed, (version, page), error)
            raise error
        if reply[:1] == ERROR:
            raise ReadError(**json.loads(reply[1:]))
        assert reply[:1] in (PICTURE, COUNT, MARKS)
        return reply[1:]


class _Process:
    """One child process, started when it is first needed and again after it was killed."""

    def __init__(self, limits: PageLimits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._in_use = threading.Lock()
        self._closed = False

    def ask(self, request: bytes) -> bytes | None:
        """Returns the reply; None when the request took more than it may, or the process died of it. BusyError once it
        is closed."""
        with self._in_use:
            return self._ask(request)

    def _ask(self, request: bytes) -> bytes | None:
        while True:
            process, is_new = self._started()
            if self._closed:
                self._kill()
                raise BusyError("Docent is ending.", "Start it again.")
            done, overrun = threading.Event(), threading.Event()
            watch = threading.Thread(
                target=self._watch, args=(process, done, overrun), name="docent-page-watch", daemon=True
            )
            watch.start()
            reply = _exchange(process, request)
            done.set()
            watch.join()
            if reply is not None:
                return reply
            self._kill()
            if (is_new or overrun.is_set()) and not self._closed:
                return None  # else it may have been what earlier requests had left behind

    def _watch(self, process: subprocess.Popen[bytes], done: threading.Event, overrun: threading.Event) -> None:
        """Kills the process when it takes too long or too much."""
        began, used = time.monotonic(), _processor_s(process.pid)
        while not done.wait(_POLL_S):
            took = _processor_s(process.pid) - used
            wall = time.monotonic() - began
            if (
                took > self._limits.processor_s
                or wall > self._limits.wall_s
                or _resident_mb(process.pid) > self._limits.memory_mb
            ):
                overrun.set()
                process.kill()
                return

    def _started(self) -> tuple[subprocess.Popen[bytes], bool]:
        if self._process is not None and self._process.poll() is None:
            return self._process, False
        self._kill()
        arguments = {
            "path": [entry for entry in sys.path if entry and Path(entry).is_absolute()],
            "address_space": 2 * self._limits.memory_mb * _MIB + 1024 * _MIB,
        }
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _BOOTSTRAP, json.dumps(arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=Path(sys.executable).anchor,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise BusyError(
                f"No process could be started to draw the page ({cause_of(error)}).", "Try again later."
            ) from error
        return self._process, True

    def close(self) -> None:
        """Ends the process and what it is asked for."""
        self._closed = True
        if (process := self._process) is not None:
            process.kill()
        with self._in_use:
            self._kill()

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            try:
                cast(BinaryIO, stream).close()
            except OSError:
                continue  # unsent bytes for a dead process


def _exchange(process: subprocess.Popen[bytes], request: bytes) -> bytes | None:
    stdin, stdout = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
    try:
        write_frame(stdin, request)
        stdin.flush()
        return read_frame(stdout)
    except (OSError, ValueError):  # it died, or was closed while this waited
        return None


def _version(path: Path) -> _Version:
    try:
        status = path.stat()
    except OSError as error:
        raise ReadError(f"The PDF cannot be opened: {cause_of(error)}.") from error
    return str(path), status.st_size, status.st_mtime_ns


def _remember(kept: dict[K, V], key: K, value: V) -> None:
    while len(kept) >= _REMEMBERED:
        kept.pop(next(iter(kept)))
    kept[key] = value


def _processor_s(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _resident_mb(pid: int) -> float:
    try:
        return float(psutil.Process(pid).memory_info().rss) / _MIB
    except psutil.Error:
        return 0.0
