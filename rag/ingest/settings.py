"""The settings of a sync."""

from dataclasses import dataclass, field

from rag.ingest.sources.ignore import Patterns


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """``max_pdf_mb`` is apart because a PDF of scanned pages is large and holds little text."""

    max_file_mb: float = 200.0
    max_pdf_mb: float = 1000.0
    target_tokens: int = 220
    embed_chunks: int = 256  # chunks embedded and committed together, across documents
    patterns: Patterns = field(default_factory=Patterns)
    lock_timeout_s: float = 0.0
    follow_links: bool = False  # also out of the folders that were added

    def limit_mb(self, path: str) -> float:
        return max(self.max_file_mb, self.max_pdf_mb) if path.lower().endswith(".pdf") else self.max_file_mb
