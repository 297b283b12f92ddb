"""Runs as the child process that parses and chunks files: requests come on stdin, documents go to stdout, and nothing
else does.

    request:  path                    (UTF-8 with surrogates passed, see rag.store.schema.path_key), behind the byte
              "1" where an earlier process has died of the file (``rag.parsers.caution``), else "0"
    reply:    any number of frames of a document (``prepared``), with "P" and JSON between them, [done, total] of
              its parts, then "R" and JSON: {"size", "mtime_ns",
              "ctime_ns", "hash", "real_path"} of the version that was read, with "document" (its head) or "error",
              "remedy" and "skipped"; or {"changed": true} when the file was written to or replaced meanwhile

Messages are framed as in ``frames``. The parser (a module with ``parse(path)``), the limit on memory, what
counts tokens and how many a chunk shall have come as arguments. What a library prints goes to stderr. The process ends
when its stdin does, even in the middle of a file. ``parse_process`` starts, times and kills it.
"""

import contextlib
import hashlib
import importlib
import json
import os
import queue
import signal
import stat
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from docent import cause_of
from rag.errors import ReadError, SkippedError
from rag.ingest.children.file_times import times_of
from rag.ingest.children.frames import read_frame, write_frame
from rag.ingest.children.prepared import prepare
from rag.parsers import caution, progress
from rag.types import CountTokens

CAUTION, NO_CAUTION = b"1", b"0"
REPLY = b"R"  # the kind of the last frame of a reply
PROGRESS = b"P"
UNREAD = "unread"  # in place of a hash: a folder of films is not read through to learn that it holds no documents
OUT_OF_MEMORY = 77  # exit status
_NICENESS = 5
_TELL_S = 0.5  # between two words on how far it is


def content_hash(path: Path) -> str:
    """Returns the BLAKE2b hash (160 bits) of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).hexdigest()


def main(parser_module: str, address_space: int, counter: tuple[str, str], target_tokens: int) -> None:
    """Serves requests until stdin ends. ``address_space`` is in bytes; 0 sets no limit."""
    replies = os.fdopen(os.dup(1), "wb")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of the terminal; the parent decides
    os.dup2(2, 1)  # from here on a print() of any library, C libraries included, goes to stderr
    die_with_parent()
    limit_memory(address_space)
    yield_to_others()
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=receive, args=(requests,), daemon=True).start()
    module, argument = counter
    count_tokens: CountTokens = importlib.import_module(module).load(argument)
    work = _Work(parser_module, count_tokens, target_tokens, replies)
    progress.listen(_Teller(work))
    while True:
        request = requests.get()
        caution.ask_for(request[:1] == CAUTION)
        path = Path(request[1:].decode("utf-8", "surrogatepass"))
        try:
            reply = _reply(work, path)
            payload = json.dumps(reply, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
            work.emit(REPLY, payload)
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        replies.flush()


@dataclass(frozen=True, slots=True)
class _Work:
    """What is done to each file."""

    parser_module: str
    count_tokens: CountTokens
    target_tokens: int
    replies: BinaryIO

    def head(self, path: Path) -> dict[str, Any]:
        """Parses the file, sends the frames of the document and returns its head."""
        document = importlib.import_module(self.parser_module).parse(path)
        return prepare(document, str(path), self.count_tokens, self.target_tokens, self.emit)

    def emit(self, kind: bytes, payload: bytes) -> None:
        write_frame(self.replies, kind + payload)


class _Teller:
    """Sends how far a file is, now and then."""

    def __init__(self, work: _Work) -> None:
        self._work = work
        self._told = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._told >= _TELL_S:
            self._told = time.monotonic()
            self._work.emit(PROGRESS, json.dumps([done, total]).encode())
            self._work.replies.flush()


def receive(requests: "queue.SimpleQueue[bytes]") -> None:
    """Takes requests off stdin; when it ends the parent is gone or wants no more, whatever is being read."""
    stdin = sys.stdin.buffer
    while (request := read_frame(stdin)) is not None:
        requests.put(request)
    os._exit(0)


def _reply(work: _Work, path: Path) -> dict[str, Any]:
    """Parses one version of the file: reports ``changed`` when it was written to or replaced meanwhile."""
    try:
        real, before = os.path.realpath(path), path.stat()
        if not (stat.S_ISREG(before.st_mode) or stat.S_ISDIR(before.st_mode)):
            return {"changed": True}  # it was a file when it was found; to open a pipe would wait for its other end
        with path.open("rb"):
            pass
    except OSError as error:
        remedy = "Allow your account to read it, then sync again." if isinstance(error, PermissionError) else ""
        return _failure(f"The file could not be opened ({cause_of(error)}).", remedy)
    reply = _document(work, path)
    try:
        digest = UNREAD if reply.get("skipped") else content_hash(path)
        after = path.stat()
    except OSError:
        return {"changed": True}
    if _version(after) != _version(before) or os.path.realpath(path) != real:
        return {"changed": True}
    times = dict(zip(("mtime_ns", "ctime_ns"), times_of(before), strict=True))
    return reply | {"size": before.st_size, "hash": digest, "real_path": real} | times


def _version(status: os.stat_result) -> tuple[int, ...]:
    return status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino


def _document(work: _Work, path: Path) -> dict[str, Any]:
    try:
        return {"document": work.head(path)}
    except ReadError as error:
        return _failure(error.message, error.remedy, skipped=isinstance(error, SkippedError))
    except MemoryError:
        raise
    except RecursionError:
        return _failure("The file is nested too deeply to be read.")
    except Exception:  # noqa: BLE001 - the edge: a defect in a parser costs one file, and its trace is logged
        traceback.print_exc(file=sys.stderr)
        return _failure(
            "Something in the file is not as its format says, and it could not be read.",
            "Open it in the program it comes from and save it again.",
        )


def _failure(error: str, remedy: str = "", *, skipped: bool = False) -> dict[str, Any]:
    return {"error": error, "remedy": remedy, "skipped": skipped}


def yield_to_others() -> None:
    """Lets the process that answers people have the processor first, on systems with a niceness."""
    if sys.platform != "win32":
        os.nice(_NICENESS)


def limit_memory(address_space: int) -> None:
    """Sets a limit on the address space of this process, in bytes; 0 sets none."""
    if not address_space or sys.platform in ("win32", "darwin"):  # there the parent watches the size alone
        return
    import resource

    with contextlib.suppress(ValueError, OSError):  # a lower limit is already set
        resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))


def die_with_parent() -> None:
    """Asks Linux to kill this process with the thread that started it: none is left busy behind a killed parent."""
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1: PR_SET_PDEATHSIG
