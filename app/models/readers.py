"""Opens what puts passages in order and reads answers from them."""

from typing import TYPE_CHECKING

from app.settings.schema import Settings

if TYPE_CHECKING:
    from app.models.encoders import CardEncoders
    from rag.protocols import RankingReader


def open_reader(settings: Settings, cards: "CardEncoders | None") -> "RankingReader | None":
    """The reader of the settings, on a card where ``cards`` puts it there; None where none is set up or shipped."""
    from app.settings.paths import BUILTIN, builtin_foreign_reader, builtin_reader

    chosen = settings.retrieval.reranker
    folder = builtin_reader() if chosen == BUILTIN else chosen
    if folder is None or (chosen == BUILTIN and not folder.is_dir()):  # `docent doctor` says so
        return None
    from rag.models.extractive_reader import ExtractiveReader

    threads = settings.embedder.threads or None
    pairs, sentences = (cards.pairs, cards.sentences) if cards else (None, None)
    reader, others = ExtractiveReader.load(folder, threads, pairs), builtin_foreign_reader()
    if chosen != BUILTIN or not others.is_dir():
        return reader
    from rag.models.multilingual_reader import MultilingualReader
    from rag.models.reader_by_language import ReaderByLanguage

    return ReaderByLanguage(reader, lambda: MultilingualReader.load(others, threads, pairs, sentences))
