"""What goes into parsing a file and what comes out: limits, how chunks are cut, the result."""

from collections.abc import Callable
from dataclasses import dataclass

from rag.errors import ReadError
from rag.ingest.children.prepared import PreparedDocument
from rag.ingest.chunks.chunk import TARGET_TOKENS
from rag.types import CounterSpec

OnProgress = Callable[[str, int, int], None]
"""Takes a path, and how many parts of that file (pages, characters) are read, of how many."""


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """The processor time and memory that one file may take.

    A large file gets ``timeout_s_per_mb`` on top for each of its megabytes.
    """

    workers: int = 0  # 0: one for each core, at most 4
    timeout_s: float = 120.0
    timeout_s_per_mb: float = 4.0
    memory_mb: int = 1500
    in_flight_mb: int = 256  # files handed out and not yet taken back; bounds what waits in temporary files


@dataclass(frozen=True, slots=True)
class Chunking:
    """How documents are chunked: what counts tokens, and how many a chunk shall have."""

    counter: CounterSpec
    target_tokens: int = TARGET_TOKENS


@dataclass(frozen=True, slots=True)
class ParseResult:
    """What became of a file: its ``document``, or the ``error`` in its place.

    ``changed``: the file was written to while it was parsed, so that there is neither. ``interrupted`` says what else
    has kept it from being read, for which the file is not to blame: it is to be read again. ``content_hash`` is empty
    when the file could not be opened and ``parse_worker.UNREAD`` when it was skipped. ``real_path`` is where the links
    in ``path`` led while it was read.
    """

    path: str
    size: int = 0
    mtime_ns: int = 0
    content_hash: str = ""
    ctime_ns: int = 0
    document: PreparedDocument | None = None
    error: ReadError | None = None
    changed: bool = False
    interrupted: str = ""
    real_path: str = ""
