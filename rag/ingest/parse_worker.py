"""Runs as the child process that parses files: requests come on stdin, documents go to stdout, and nothing else does.

    request:  path                    (UTF-8 with surrogates passed, see rag.store.schema.path_key)
    reply:    JSON: {"size", "mtime_ns", "ctime_ns", "hash"} of the version that was read, with "document" or "error",
              "remedy" and "skipped"; or {"changed": true} when the file was written to meanwhile

Each message is a length (8 bytes, big endian) and that many bytes. The parser (a module with ``parse(path)``) and the
limit on memory come as arguments. What a library prints goes to stderr. The process ends when its stdin does, even in
the middle of a file. ``rag.ingest.parse_pool`` starts, times and kills it.
"""

import contextlib
import hashlib
import importlib
import json
import os
import queue
import sys
import threading
import traceback
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO

from rag.errors import ReadError, SkippedError
from rag.types import Block, ParsedDocument

_LENGTH_BYTES = 8
_plain_values = attrgetter(*(field.name for field in fields(Block) if field.name != "table"))
UNREAD = "unread"  # in place of a hash: a folder of films is not read through to learn that it holds no documents
OUT_OF_MEMORY = 77  # exit status


def write_frame(stream: BinaryIO, payload: bytes) -> None:
    stream.write(len(payload).to_bytes(_LENGTH_BYTES, "big"))
    stream.write(payload)
    stream.flush()


def read_frame(stream: BinaryIO) -> bytes | None:
    """Returns the next message; None when the stream ends before or within it."""
    header = stream.read(_LENGTH_BYTES)
    if len(header) < _LENGTH_BYTES:
        return None
    length = int.from_bytes(header, "big")
    payload = stream.read(length)
    return payload if len(payload) == length else None


def content_hash(path: Path) -> str:
    """Returns the BLAKE2b hash (160 bits) of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).hexdigest()


def main(parser_module: str, address_space: int) -> None:
    """Serves requests until stdin ends. ``address_space`` is in bytes; 0 sets no limit."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # from here on a print() of any library, C libraries included, goes to stderr
    _die_with_parent()
    _limit_memory(address_space)
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(requests,), daemon=True).start()
    while True:
        path = Path(requests.get().decode("utf-8", "surrogatepass"))
        try:
            reply = _parse(parser_module, path)
            payload = json.dumps(reply, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        write_frame(replies, payload)


def _receive(requests: "queue.SimpleQueue[bytes]") -> None:
    """Takes requests off stdin; when it ends the parent is gone or wants no more, whatever is being read."""
    stdin = sys.stdin.buffer
    while (request := read_frame(stdin)) is not None:
        requests.put(request)
    os._exit(0)


def _parse(parser_module: str, path: Path) -> dict[str, Any]:
    """Parses one version of the file: reports ``changed`` when it was written to or replaced meanwhile."""
    try:
        before = path.stat()
        with path.open("rb"):
            pass
    except OSError as error:
        remedy = "Allow your account to read it, then sync again." if isinstance(error, PermissionError) else ""
        return _failure(f"The file could not be opened ({error.strerror or error}).", remedy)
    reply = _document(parser_module, path)
    try:
        digest = UNREAD if reply.get("skipped") else content_hash(path)
        after = path.stat()
    except OSError:
        return {"changed": True}
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        return {"changed": True}
    times = {"mtime_ns": before.st_mtime_ns, "ctime_ns": before.st_ctime_ns}
    return reply | {"size": before.st_size, "hash": digest} | times


def _document(parser_module: str, path: Path) -> dict[str, Any]:
    try:
        document: ParsedDocument = importlib.import_module(parser_module).parse(path)
    except ReadError as error:
        return _failure(error.message, error.remedy, skipped=isinstance(error, SkippedError))
    except MemoryError:
        raise
    except RecursionError:
        return _failure("The file is nested too deeply to be read.")
    except Exception as error:  # noqa: BLE001 - the edge: a defect in a parser costs one file, and its trace is logged
        traceback.print_exc(file=sys.stderr)
        return _failure(f"The file could not be read: {type(error).__name__}: {error}"[:300], "It may be damaged.")
    return {
        "document": {
            "text": document.text,
            "blocks": [_block_values(block) for block in document.blocks],  # there may be 100,000
            "title": document.title,
            "media_type": document.media_type,
            "warnings": document.warnings,
            "metadata": dict(document.metadata),
        }
    }


def _block_values(block: Block) -> tuple[Any, ...]:
    """Returns the fields in order, ``table`` last."""
    return (*_plain_values(block), None if block.table is None else block.table.to_json())


def _failure(error: str, remedy: str = "", *, skipped: bool = False) -> dict[str, Any]:
    return {"error": error, "remedy": remedy, "skipped": skipped}


def _limit_memory(address_space: int) -> None:
    if not address_space or sys.platform in ("win32", "darwin"):  # there the parent watches the size alone
        return
    import resource

    with contextlib.suppress(ValueError, OSError):  # a lower limit is already set
        resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))


def _die_with_parent() -> None:
    """Asks Linux to kill this process with the thread that started it: none is left busy behind a killed parent."""
    if sys.platform != "linux":
        return
    import ctypes
    import signal

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1: PR_SET_PDEATHSIG
