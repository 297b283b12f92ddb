"""A child process that parses and chunks one file after the other (``parse_worker``), and its limits.

The process is killed when a file takes too much processor time or memory, and replaced when it dies. What may not be
the file's fault, such as a process that somebody else has killed, is tried again at once and otherwise left for the
next sync; what a crashed process was at is read with caution then. Documents travel through pipes in frames and wait in
temporary files: the parent holds little of them.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import psutil

from docent import cause_of
from rag.errors import LibraryError, ReadError, SkippedError
from rag.ingest.children.file_times import times_of
from rag.ingest.children.frames import read_frame, write_frame
from rag.ingest.children.parse_job import Chunking, OnProgress, ParseLimits, ParseResult
from rag.ingest.children.parse_worker import CAUTION, NO_CAUTION, OUT_OF_MEMORY, PROGRESS, REPLY, content_hash
from rag.ingest.children.prepared import PreparedDocument, printable, spool_in
from rag.ingest.children.scratch import Scratch
from rag.ingest.children.worker_meter import Excess, Meter
from rag.store.schema import path_key

_log = logging.getLogger(__name__)

_MIB = 1 << 20
_TRIES = 3  # of a file whose process is killed from outside, one after the other
_CRASHES = 2  # of a file, after which it is the cause
# What ends a process from outside rather than by its own mistakes; on Windows a process that is ended returns 1.
_FROM_OUTSIDE = frozenset(
    {-getattr(signal, name) for name in ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT") if hasattr(signal, name)}
    | ({1} if os.name == "nt" else set())
)
_CRASHED = "The program part that reads this file crashed on it."
_KILLED = "The program part that reads this file was ended from outside each time; the next sync tries again."
_NO_ANSWER = "The file's disk or drive did not answer; the next sync tries again."

# -I: neither the current folder nor PYTHON* variables decide what the child imports; it gets our own search path.
_BOOTSTRAP = (
    "import json, sys; a = json.loads(sys.argv[1]); sys.path[:] = a['path']; "
    "from rag.ingest.children.parse_worker import main; main(*a['arguments'])"
)


class ParseProcess:
    """One child process, started when its first file comes and again after it was killed; ``temporary`` is the folder
    for temporary files (None: the system's)."""

    is_lost = False  # a process that dies is replaced

    def __init__(
        self,
        limits: ParseLimits,
        parser_module: str,
        temporary: Path | None,
        chunking: Chunking,
        on_progress: OnProgress,
    ) -> None:
        self._limits = limits
        self._on_progress = on_progress  # called on the thread that parses
        self._temporary = temporary
        counter = (chunking.counter.module, chunking.counter.argument)
        # Far above the limit on resident memory: it only stops what would outgrow it between two looks.
        address_space = 2 * self._limits.memory_mb * _MIB + 1024 * _MIB
        self._arguments = (parser_module, address_space, counter, chunking.target_tokens)
        self._lock = threading.Lock()  # between the thread that serves and the one that watches
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch = Scratch(temporary)
        self._meter: Meter | None = None  # None while idle
        self._killed_for: Excess | Literal["cancel"] | None = None
        self._cancelled = False

    def parse(self, path: str, size: int) -> ParseResult:
        crashes = 0
        for _ in range(_TRIES):
            try:
                process = self._start()
            except OSError as error:
                self._scratch.clear()
                return ParseResult(path, interrupted=f"No process could be started to read it ({cause_of(error)}).")
            spool = spool_in(self._temporary)
            reply, killed_for = self._ask(process, path, size, spool, CAUTION if crashes else NO_CAUTION)
            if reply is not None:
                if killed_for is not None:  # the limit and the reply met
                    process.wait()
                    self._discard()
                elif _resident_mb(process.pid) > self._limits.memory_mb / 4:
                    self.stop()  # what this file left behind must not count against the next
                return _result(path, json.loads(reply.decode("utf-8", "surrogatepass")), spool)
            spool.close()
            status = process.wait()
            self._discard()
            if self._cancelled:
                return ParseResult(path, interrupted="Reading the file was cancelled.")
            if killed_for == "wait":
                return ParseResult(path, interrupted=_NO_ANSWER)
            at_fault = _cause_of_death(killed_for, status)
            if at_fault is not None:
                return _identified(ParseResult(path, error=at_fault))
            crashes += status not in _FROM_OUTSIDE
            if crashes == _CRASHES:
                return _identified(ParseResult(path, error=ReadError(_CRASHED, "It may be damaged.")))
        return ParseResult(path, interrupted=_KILLED)

    def _ask(
        self, process: subprocess.Popen[bytes], path: str, size: int, spool: BinaryIO, caution: bytes
    ) -> tuple[bytes | None, Excess | Literal["cancel"] | None]:
        """Returns the reply of the process, None where it died, and what it was killed for, if anything."""
        seconds = self._limits.timeout_s + self._limits.timeout_s_per_mb * size / _MIB
        with self._lock:
            self._killed_for = None
            self._meter = Meter(process.pid, seconds, self._limits.memory_mb)
        try:
            reply = _exchange(process, caution + path_key(path), spool, partial(self._on_progress, path))
        except OSError as error:
            self.kill_if_busy()
            raise LibraryError(
                f"There is no room for temporary files ({cause_of(error)}).",
                "Free some space and sync again; everything read so far is kept.",
            ) from error
        with self._lock:
            self._meter = None
            return reply, self._killed_for

    def enforce(self) -> None:
        """Kills the process if its file has taken too long or too much."""
        with self._lock:
            if self._process is None or self._meter is None or self._killed_for is not None:
                return
            self._killed_for = self._meter.exceeded()
            if self._killed_for:
                self._process.kill()

    def kill_if_busy(self) -> None:
        """Ends what is being read, if anything; nothing is tried again afterwards."""
        with self._lock:
            self._cancelled = True
            if self._process is not None and self._meter is not None:
                self._killed_for = "cancel"
                self._process.kill()

    def stop(self) -> None:
        """Ends an idle process by closing its stdin, or kills it."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        _close(process)
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._scratch.clear()

    def _discard(self) -> None:
        """Lets go of a process that has died."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            _close(process)
        self._scratch.clear()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._discard()  # it died while it was idle
        if self._process is None:
            arguments = {
                "path": [entry for entry in sys.path if entry and Path(entry).is_absolute()],
                "arguments": self._arguments,
            }
            process = subprocess.Popen(
                [sys.executable, "-I", "-c", _BOOTSTRAP, json.dumps(arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if _log.isEnabledFor(logging.DEBUG) else subprocess.DEVNULL,
                cwd=Path(sys.executable).anchor,
                env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} | self._scratch.made(),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
            with self._lock:
                self._process = process
        assert self._process is not None
        return self._process


def _exchange(
    process: subprocess.Popen[bytes], request: bytes, spool: BinaryIO, on_progress: Callable[[int, int], None]
) -> bytes | None:
    """Returns the end of the reply and writes what comes before it to the spool; None when the process has died.

    Raises OSError when the spool cannot be written.
    """
    requests, replies = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
    try:
        write_frame(requests, request)
        requests.flush()
    except OSError:
        return None
    while (frame := _received(replies)) is not None:
        if frame[:1] == REPLY:
            return frame[1:]
        if frame[:1] == PROGRESS:
            on_progress(*json.loads(frame[1:]))
        else:
            write_frame(spool, frame)
    return None


def _received(replies: BinaryIO) -> bytes | None:
    try:
        return read_frame(replies)
    except OSError:
        return None


def _close(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            try:
                stream.close()
            except OSError:
                continue  # unsent bytes for a dead process


def _resident_mb(pid: int) -> float:
    try:
        return float(psutil.Process(pid).memory_info().rss) / _MIB
    except psutil.Error:
        return 0.0


def _identified(result: ParseResult) -> ParseResult:
    """Adds the version of the file that killed its parser, so that no later sync tries the same bytes again."""
    try:
        status = Path(result.path).stat()
        digest = content_hash(Path(result.path))
    except OSError:
        return result
    mtime_ns, ctime_ns = times_of(status)
    return replace(result, size=status.st_size, mtime_ns=mtime_ns, ctime_ns=ctime_ns, content_hash=digest)


def _cause_of_death(killed_for: str | None, status: int) -> ReadError | None:
    """Returns what is wrong with a file that exceeded a limit; None where its process died of something else."""
    if killed_for == "time":
        return ReadError("Reading the file took too long and was stopped.", "It may be damaged or far too complex.")
    if killed_for == "memory" or status == OUT_OF_MEMORY:
        return ReadError(
            "Reading the file took too much memory and was stopped.", "It may be damaged, or made to harm."
        )
    return None


def _result(path: str, reply: dict[str, Any], spool: BinaryIO) -> ParseResult:
    if "document" in reply:
        document = PreparedDocument(reply["document"], spool)
    else:
        document = None
        spool.close()
    if reply.get("changed"):
        return ParseResult(path, changed=True)
    version = (reply.get("size", 0), reply.get("mtime_ns", 0), reply.get("hash", ""), reply.get("ctime_ns", 0))
    result = ParseResult(path, *version, document=document, real_path=reply.get("real_path", ""))
    if "error" in reply:
        kind = SkippedError if reply["skipped"] else ReadError
        return replace(result, error=kind(printable(reply["error"]), printable(reply["remedy"])))
    return result
