"""Makes what brings the library in line with its sources, from the settings."""

from app.settings.schema import Settings
from rag.ingest.children.parse_job import ParseLimits
from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.settings import SyncSettings
from rag.ingest.sources.ignore import Patterns
from rag.ingest.sync import Syncer
from rag.protocols import Embedder, TranscriptClient
from rag.store.protocols import LibraryStore


def make_syncer(settings: Settings, library: LibraryStore, embedder: Embedder, videos: TranscriptClient) -> Syncer:
    chosen = settings.library
    limits = ParseLimits(workers=chosen.workers, timeout_s=chosen.parse_timeout_s, memory_mb=chosen.parse_memory_mb)
    how = SyncSettings(
        max_file_mb=chosen.max_file_mb,
        max_pdf_mb=chosen.max_pdf_mb,
        target_tokens=settings.chunking.target_tokens,
        patterns=Patterns(chosen.include, chosen.exclude),
        lock_timeout_s=chosen.wait_s,
        follow_links=chosen.follow_links,
    )
    pool = ParsePool(limits, temporary=settings.data_dir)
    return Syncer(library, embedder, pool, how, videos)
