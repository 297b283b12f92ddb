"""Runs on a computer of the cluster, as an actor of Ray: parses, chunks and embeds one file after the other.

The file itself is read in a child process with its limits, as it is without a cluster; it must lie there under the same
path.
"""

import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import docent
from rag.ingest.children.parse_job import Chunking, ParseLimits, ParseResult
from rag.ingest.children.parse_process import ParseProcess
from rag.ingest.children.prepared import PreparedDocument, spool_in
from rag.ingest.children.scratch import sweep
from rag.ingest.index_batch import passage_text, slices
from rag.protocols import Embedder

MakeEmbedder = Callable[[], Embedder]
_WATCH_S = 0.1


@dataclass(frozen=True)
class Packed:
    """A ``ParseResult`` as it travels: its document as head, frames and vectors."""

    result: ParseResult
    head: Mapping[str, Any] | None = None
    frames: bytes = b""
    vectors: NDArray[np.float16] | None = None

    def unpacked(self, folder: Path | None) -> ParseResult:
        """The result with its document in a spool of this computer; large ones wait in ``folder``."""
        if self.head is None:
            return self.result
        spool = spool_in(folder)
        spool.write(self.frames)
        document = PreparedDocument(self.head, spool)
        document.vectors = self.vectors
        return replace(self.result, document=document)


class ClusterWorker:
    """``parse`` is called on one thread, ``progress`` on another."""

    def __init__(
        self, limits: ParseLimits, parser_module: str, chunking: Chunking, make_embedder: MakeEmbedder
    ) -> None:
        sweep(None)
        self._make_embedder = make_embedder
        self._embedder: Embedder | None = None
        self._process = ParseProcess(limits, parser_module, None, chunking, self._note)
        self._progress = ("", 0, 0)
        threading.Thread(target=self._watch, name="docent-parse-watch", daemon=True).start()

    def ready(self) -> tuple[str, str]:
        """Opens the embedder. Returns the version of Docent here, and the embedder's name."""
        if self._embedder is None:
            self._embedder = self._make_embedder()
        return docent.__version__, self._embedder.name

    def parse(self, path: str, size: int) -> Packed:
        if not Path(path).exists():
            reason = (
                f"The worker on {socket.gethostname()} does not find it: its folder must be there under the same path."
            )
            return Packed(ParseResult(path, interrupted=reason))
        result = self._process.parse(path, size)
        document = result.document
        if document is None:
            return Packed(result)
        try:
            return Packed(replace(result, document=None), document.head, document.spooled(), self._vectors(document))
        finally:
            document.close()

    def stop(self) -> None:
        """Ends the process that reads; nothing may be read meanwhile."""
        self._process.stop()

    def progress(self) -> tuple[str, int, int]:
        """The file that is being read, and how many of its parts are, of how many."""
        return self._progress

    def _note(self, path: str, done: int, total: int) -> None:
        self._progress = (path, done, total)

    def _watch(self) -> None:
        while True:
            time.sleep(_WATCH_S)
            self._process.enforce()

    def _vectors(self, document: PreparedDocument) -> NDArray[np.float16]:
        """[chunks, dimension] of a document."""
        self.ready()
        assert self._embedder is not None
        vectors = np.zeros((document.chunks, self._embedder.dimension), dtype=np.float16)
        texts = [passage_text(one.context, one.chunk.text) for batch in document.chunk_batches() for one in batch]
        for batch in slices(texts):
            vectors[batch] = self._embedder.embed_passages([texts[index] for index in batch])
        return vectors
