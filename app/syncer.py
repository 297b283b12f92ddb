"""Makes what brings the library in line with its sources, from the settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from app.settings.schema import Settings
from rag.ingest.children.parse_job import ParseLimits
from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.settings import SyncSettings
from rag.ingest.sources.ignore import Patterns
from rag.ingest.sync import Syncer
from rag.models.embedder import OnnxEmbedder
from rag.protocols import Embedder, TranscriptClient
from rag.store.protocols import LibraryStore


def make_syncer(
    settings: Settings,
    library: LibraryStore,
    embedder: Embedder,
    videos: TranscriptClient,
    pool: ParsePool | None = None,
) -> Syncer:
    """``pool`` reads documents in the place of this computer's own child processes."""
    chosen = settings.library
    how = SyncSettings(
        max_file_mb=chosen.max_file_mb,
        max_pdf_mb=chosen.max_pdf_mb,
        target_tokens=settings.chunking.target_tokens,
        patterns=Patterns(chosen.include, chosen.exclude),
        lock_timeout_s=chosen.wait_s,
        follow_links=chosen.follow_links,
    )
    return Syncer(library, embedder, pool or ParsePool(_limits(settings), temporary=settings.data_dir), how, videos)


@contextmanager
def cluster_pool(settings: Settings, address: str, embedder: Embedder) -> Iterator[ParsePool]:
    """What reads and embeds documents on the Ray cluster at ``address``. Raises ClusterError."""
    from rag.ingest.cluster.pool import connected

    make = partial(OnnxEmbedder.load, settings.embedder.folder, threads=1)  # a worker has one processor
    with connected(address, _limits(settings), make, embedder.name, temporary=settings.data_dir) as pool:
        yield pool


def _limits(settings: Settings) -> ParseLimits:
    chosen = settings.library
    return ParseLimits(workers=chosen.workers, timeout_s=chosen.parse_timeout_s, memory_mb=chosen.parse_memory_mb)
