"""Builds the parts of an Assistant from the settings; the one place that calls their constructors.

Each part is made on first use and once, by whichever thread comes first; so a question that needs no model loads none.
A test replaces a part by overriding the method that makes it.
"""

import copy
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from app.errors import AppError
from app.models.readers import open_foreign_questions, open_reader
from app.other_models import OF_A_MODEL, OtherModels
from app.settings.schema import Settings
from app.timing import Stopwatch, TimedEmbedder, TimedLibrary, TimedQuestions, TimedReranker, TimedVectors
from rag.types import Document, Passage

if TYPE_CHECKING:
    from app.conversations.store import Conversations
    from app.models.encoders import CardEncoders
    from app.models.setup import LocalModel
    from app.traces import Traces
    from rag.answer.extractive import ExtractiveAnswerer
    from rag.answer.generation.generative import TextGenerator
    from rag.answer.generation.repeated_search import RepeatedSearch, ToolCaller
    from rag.ingest.children.page_pictures import PagePictures
    from rag.ingest.children.parse_pool import ParsePool
    from rag.ingest.sync import Syncer
    from rag.models.foreign_questions import ForeignQuestions
    from rag.protocols import Answerer, Embedder, RankingReader, Rewriter, Titler, TranscriptClient
    from rag.retrieve.retriever import Retriever
    from rag.store.protocols import LibraryStore, VectorStore

_T = TypeVar("_T")
_LOOK_S = 0.2  # how often who waits for a part looks whether Docent ends


class Parts:
    """Properties give the parts; ``make_*`` build them."""

    owner = ""  # the user whose collections are seen beside those of all

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._made: dict[str, Any] = {}
        self._lock = threading.RLock()
        self._closed = False
        self._shared: Parts | None = None  # what all but the model's parts come from
        self.others: OtherModels[Parts] = OtherModels()

    def with_model(self, name: str | None) -> "Parts":
        """The parts with which another model than the one that is set up answers, None for that one. ModelError where
        it is not installed. Models that are not asked give their memory back."""
        chosen = self.settings.model
        usual = name is None or (name == chosen.name and chosen.endpoint is None)
        found = self if usual else self.others.parts(name or "", self._twin)
        self.others.rest(self, found)
        return found

    def _twin(self, name: str) -> "Parts":
        twin = copy.copy(self)
        model = self.settings.model.model_copy(update={"name": name, "endpoint": None})
        twin.settings = self.settings.model_copy(update={"model": model})
        twin._made, twin._shared = {}, self
        return twin

    @property
    def library(self) -> "LibraryStore":
        return self._once("library", self.make_library)

    @property
    def embedder(self) -> "Embedder":
        return self._once("embedder", self.make_embedder)

    @property
    def vectors(self) -> "VectorStore":
        return self._once("vectors", self.make_vectors)

    @property
    def rewriter(self) -> "Rewriter":
        return self._once("rewriter", self.make_rewriter)

    @property
    def answerer(self) -> "Answerer":
        return self._once("answerer", self.make_answerer)

    @property
    def model(self) -> "LocalModel | None":
        """The language model; None where none is set up."""
        return self._once("model", self.make_model)

    @property
    def conversations(self) -> "Conversations":
        return self._once("conversations", self.make_conversations)

    @property
    def page_pictures(self) -> "PagePictures":
        return self._once("page_pictures", self.make_page_pictures)

    def make_page_pictures(self) -> "PagePictures":
        from rag.ingest.children.page_pictures import PagePictures

        return PagePictures()

    def make_library(self) -> "LibraryStore":
        from rag.store.opening import open_library

        self.settings.folder.create()
        return open_library(self.settings.folder.library, self.settings.library.address)

    def make_embedder(self) -> "Embedder":
        from rag.models.embedder import OnnxEmbedder

        chosen, cards = self.settings.embedder, self.card_encoders
        return OnnxEmbedder.load(chosen.folder, chosen.threads or None, cards.sentences if cards else None)

    @property
    def card_encoders(self) -> "CardEncoders | None":
        """What puts embedder and readers on a card; None where that is not wanted."""
        return self._once("card_encoders", self.make_card_encoders)

    def make_card_encoders(self) -> "CardEncoders | None":
        if self.settings.embedder.device == "cpu":
            return None
        from app.models.encoders import CardEncoders

        return CardEncoders(self.settings.folder.builds)

    def make_vectors(self) -> "VectorStore":
        chosen = self.settings.retrieval
        if chosen.store is not None:
            from rag.adapters.external_store import ExternalStore

            state = self.settings.folder.external_store
            return ExternalStore.open(self.library, chosen.store, chosen.store_args, state)
        return self.library.vectors()

    def retriever(self, watch: Stopwatch) -> "Retriever":
        """A retriever that tells ``watch`` what its steps cost; it is light, one is made for each question."""
        from rag.retrieve.retriever import RetrievalSettings, Retriever

        chosen = self.settings.retrieval
        settings = RetrievalSettings(chosen.top_k, chosen.dense_weight, chosen.keyword_weight)
        with watch.step("load"):
            library, vectors, embedder = self.library, self.vectors, self.embedder
            reader, foreign = self.reader, self.foreign_questions
        legs = TimedLibrary(library, watch), TimedVectors(vectors, watch), TimedEmbedder(embedder, watch)
        reads = None if reader is None else TimedReranker(reader, watch)
        return Retriever(*legs, settings, reads, None if foreign is None else TimedQuestions(foreign, watch))

    @property
    def reader(self) -> "RankingReader | None":
        """What puts passages in order and reads answers from them; None where none is set up or shipped."""
        return self._once("reader", self.make_reader)

    def make_reader(self) -> "RankingReader | None":
        return open_reader(self.settings, self.card_encoders, self.foreign_questions)

    @property
    def foreign_questions(self) -> "ForeignQuestions | None":
        return self._once("foreign_questions", self.make_foreign_questions)

    def make_foreign_questions(self) -> "ForeignQuestions | None":
        return open_foreign_questions(self.settings, self.card_encoders)

    def make_rewriter(self) -> "Rewriter":
        from rag.query.rewriting import HeuristicRewriter
        from rag.query.spelling import SpellingRewriter
        from rag.store.vocabulary import LibraryVocabulary

        return SpellingRewriter(HeuristicRewriter(), LibraryVocabulary(self.library))

    @property
    def titler(self) -> "Titler":
        return self._once("titler", self.make_titler)

    def make_titler(self) -> "Titler":
        from rag.query.titles import QuestionTitler

        return QuestionTitler()

    def make_model(self) -> "LocalModel | None":
        from app.settings.paths import builtin_model

        chosen = self.settings.model
        if chosen.endpoint is not None:
            return None
        if chosen.name is None or (chosen.is_builtin and not builtin_model().is_dir()):  # `docent doctor` says so
            return None
        from app.models.setup import open_answering_model

        return open_answering_model(self.settings)

    @property
    def quoter(self) -> "Answerer":
        """What answers by quotes and tables alone, whatever model is set up."""
        return self._once("quoter", lambda: self._computing(self._quotes()))

    @property
    def repeated_search(self) -> "RepeatedSearch | None":
        """What lets the language model search on; None where that is not wanted, or no model follows instructions."""
        return self._once("repeated_search", self.make_repeated_search)

    def make_repeated_search(self) -> "RepeatedSearch | None":
        chosen = self.settings.answer
        generator = self.generator(0) if chosen.mode == "agent" else None
        if generator is None:
            return None
        from rag.answer.generation.repeated_search import RepeatedSearch

        return RepeatedSearch(generator, chosen.rounds)

    def generator(self, thinking_tokens: int) -> "ToolCaller | None":
        """A language model that follows instructions and may think so long before it writes; None where none is set up,
        or only docent-nano."""
        if self.settings.model.endpoint is not None:
            return self._traced(self._remote())
        if self.model is None or self.model.prompt_style == _nano_style():
            return None
        from app.models.generator import EngineGenerator

        return self._traced(EngineGenerator(self.model, self.settings.model.temperature, thinking_tokens))

    def _traced(self, generator: "ToolCaller") -> "ToolCaller":
        return generator if self.settings.server.traces is None else self.traces.generator(generator)

    def stopwatch(self) -> Stopwatch:
        """What measures a question."""
        return Stopwatch() if self.settings.server.traces is None else self.traces.stopwatch()

    @property
    def traces(self) -> "Traces":
        """What sends traces to the collector of the settings."""
        return self._once("traces", self.make_traces)

    def make_traces(self) -> "Traces":
        from app.traces import Traces

        assert self.settings.server.traces is not None
        return Traces(self.settings.server.traces)

    def _quotes(self) -> "ExtractiveAnswerer":
        from rag.answer.extractive import ExtractiveAnswerer

        min_confidence = self.settings.answer.min_confidence
        return ExtractiveAnswerer(self.embedder, self.library.locate, min_confidence, self.reader)

    def make_answerer(self) -> "Answerer":
        quotes = self._quotes()
        generator = self.generator(self.settings.model.thinking_tokens)
        if generator is not None:
            return self._generative(generator, quotes)
        if self.model is None:
            return self._computing(quotes)
        from app.models.generator import EngineGenerator
        from rag.answer.generation.small_model import SmallModelAnswerer

        worded = SmallModelAnswerer(
            self._traced(EngineGenerator(self.model)), quotes, self.embedder, self.library.locate, self.reader
        )
        return self._computing(worded)

    def _generative(self, generator: "TextGenerator", quotes: "Answerer") -> "Answerer":
        from rag.answer.generation.generative import GenerativeAnswerer

        writer = self.settings.model
        return GenerativeAnswerer(
            generator, self.embedder, self.library.locate, writer.max_tokens, quotes, writer.first_word_s
        )

    def _remote(self) -> "ToolCaller":
        from app.models.remote import RemoteGenerator

        chosen = self.settings.model
        assert chosen.endpoint is not None
        key = chosen.endpoint_key.get_secret_value() if chosen.endpoint_key else None
        return RemoteGenerator(chosen.endpoint, chosen.endpoint_model, key, chosen.context, chosen.temperature)

    def _computing(self, answerer: "Answerer") -> "Answerer":
        """The answerer behind the operators, which compute what tables hold."""
        from rag.answer.operators.answerer import OperatorAnswerer

        return OperatorAnswerer(answerer, self.library, self.embedder, self.library.locate, self.reader)

    def warm_up(self) -> None:
        """Makes every part that a question uses, and runs the models once: what they allocate is then there."""
        self.retriever(Stopwatch())
        self.rewriter, self.conversations  # noqa: B018 - making them is the point
        from rag.answer.operators.answerer import OperatorAnswerer
        from rag.query.query import make_query

        text = "The lamp was lit in 1868."
        passage = Passage(
            1, Document(0, 0, "", "", "text/plain", "ok", None, 1, 1, 0, "", 0.0), 0, len(text), text, 1.0
        )
        answerer = self.answerer
        if self.model is None or isinstance(answerer, OperatorAnswerer):  # a large model would be busy for long
            list(answerer.answer(make_query("When was the lamp lit?"), [passage]))

    def make_conversations(self) -> "Conversations":
        self.settings.folder.create()
        if (url := self.settings.library.address) is not None:
            from rag.store.opening import require_postgres

            require_postgres()
            from app.conversations.server import ServerConversations

            return ServerConversations(url)
        from app.conversations.store import Conversations

        return Conversations(self.settings.folder.conversations)

    def make_videos(self) -> "TranscriptClient":
        from app.lazy_videos import LazyVideos

        return LazyVideos(self.settings)

    def syncer(self, pool: "ParsePool | None" = None) -> "Syncer":
        from app.syncer import make_syncer

        return make_syncer(self.settings, self.library, self.embedder, self.make_videos(), pool)

    def take_over(self, settings: Settings) -> None:
        """Works with other settings from now on; parts that hold old ones are made anew when they are used next."""
        from app.settings.changes import changed, parts_of

        with self._lock:
            outdated = parts_of(changed(self.settings, settings))
            self.settings = settings
            parts = {name: self._made.pop(name, None) for name in outdated}
        for model in [parts.get("model"), *self.others.forget()]:
            if model is not None:
                model.retire()

    def model_loaded(self) -> bool:
        """Whether the language model's memory is held; it does not wait for a model that is being loaded."""
        model = self.loaded_model
        return model is not None and model.loaded

    def unload_model(self) -> bool:
        """Whether no memory is held for the language model any more."""
        with self._lock:
            model: LocalModel | None = self._made.get("model")
            return model is None or model.unload()

    def close(self) -> None:
        """Closes what there is. What is being made is not waited for, since it may be a large model: it is closed by
        whoever makes it."""
        self._closed = True
        for model in self.others.forget():
            model.close()
        for name in ("model", "card_encoders", "conversations", "page_pictures", "library", "traces"):
            self._close(name)

    def _close(self, name: str) -> None:
        part = self._made.pop(name, None)
        if hasattr(part, "close"):
            part.close()

    @property
    def loaded_model(self) -> "LocalModel | None":
        """The language model, where it has been opened."""
        return self._made.get("model")

    def _once(self, name: str, make: Callable[[], _T]) -> _T:
        if self._shared is not None and name not in OF_A_MODEL:
            shared: _T = getattr(self._shared, name)
            return shared
        with suppress(KeyError):  # what is there need not wait while a large model loads
            there: _T = self._made[name]
            return there
        while not self._lock.acquire(timeout=_LOOK_S):
            self._check_open()
        try:
            self._check_open()
            if name not in self._made:
                self._made[name] = make()
                try:
                    self._check_open()
                except AppError:  # closed meanwhile
                    self._close(name)
                    raise
            part: _T = self._made[name]
            return part
        finally:
            self._lock.release()

    def _check_open(self) -> None:
        if self._closed or (self._shared is not None and self._shared._closed):
            raise AppError("Docent is closed.", "Start it again.")


def _nano_style() -> str:
    from rag.answer.generation.small_model_prompt import NANO_STYLE

    return NANO_STYLE
