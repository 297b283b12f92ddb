"""The readers as the product opens them."""

from pathlib import Path

from app.models.readers import open_reader
from app.settings.schema import RetrievalSettings, Settings
from rag.protocols import RankingReader


def chosen_reader(name: str) -> RankingReader:
    """Those that come with Docent ("builtin"), or the one in a folder."""
    chosen = name if name == "builtin" else Path(name)
    made = open_reader(Settings(retrieval=RetrievalSettings(reranker=chosen)), None, None)  # type: ignore[arg-type]
    assert made is not None, "no reader is shipped"
    return made
