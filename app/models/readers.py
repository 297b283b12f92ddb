"""Opens what puts passages in order and reads answers from them, and what finds them in other languages."""

from typing import TYPE_CHECKING

from app.settings.schema import Settings

if TYPE_CHECKING:
    from app.models.encoders import CardEncoders
    from rag.models.foreign_questions import ForeignQuestions
    from rag.protocols import RankingReader


def open_foreign_questions(settings: Settings, cards: "CardEncoders | None") -> "ForeignQuestions | None":
    """What embeds questions in other languages than English; None where the embedder or the reader of the settings is
    not the shipped one, or other languages do not come with this Docent. Loads nothing yet."""
    from app.settings.paths import BUILTIN, builtin_foreign_reader

    folder = builtin_foreign_reader()
    if settings.retrieval.reranker != BUILTIN or settings.embedder.folder is not None or not folder.is_dir():
        return None
    from rag.models.embedder import OnnxEmbedder
    from rag.models.foreign_questions import MAP_FILE, ForeignQuestions

    threads, on_card = settings.embedder.threads or None, cards.sentences if cards else None
    return ForeignQuestions(lambda: OnnxEmbedder.load(folder, threads, on_card), folder / MAP_FILE)


def open_reader(
    settings: Settings, cards: "CardEncoders | None", foreign: "ForeignQuestions | None"
) -> "RankingReader | None":
    """The reader of the settings, on a card where ``cards`` puts it there; None where none is set up or shipped."""
    from app.settings.paths import BUILTIN, builtin_foreign_reader, builtin_reader

    chosen = settings.retrieval.reranker
    folder = builtin_reader() if chosen == BUILTIN else chosen
    if folder is None or (chosen == BUILTIN and not folder.is_dir()):  # `docent doctor` says so
        return None
    from rag.models.embedder import OnnxEmbedder
    from rag.models.extractive_reader import ExtractiveReader

    threads = settings.embedder.threads or None
    pairs, sentences = (cards.pairs, cards.sentences) if cards else (None, None)
    reader, others = ExtractiveReader.load(folder, threads, pairs), builtin_foreign_reader()
    if chosen != BUILTIN or not others.is_dir():
        return reader
    from rag.models.multilingual_reader import MultilingualReader
    from rag.models.reader_by_language import ReaderByLanguage

    def multilingual() -> MultilingualReader:
        embedder = OnnxEmbedder.load(others, threads, sentences) if foreign is None else foreign.embedder
        return MultilingualReader.load(others, embedder, threads, pairs)

    return ReaderByLanguage(reader, multilingual)
