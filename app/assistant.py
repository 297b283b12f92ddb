"""The Assistant is the one object behind the command line, the HTTP API and the window.

    sync:  locations -> library, see app.library.work
    ask:   question -> query (completed from the conversation) -> retrieve -> answer -> conversation on disk, events

Opening it is cheap: the library, the models and the index load on first use (app.wiring). Every method may be called
from several threads. It raises DocentError for whatever a person can mend.
"""

import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

from app.conversation_views import ConversationViews
from app.errors import ConversationError, UsageError
from app.events import Answered, AskEvent, Exchange, Looked, Retrieved, Scope, Searched, Work
from app.library.collections import CollectionWork
from app.library.documents import DocumentViews
from app.library.work import LibraryWork
from app.settings.schema import Settings
from app.timing import Stopwatch
from rag.query.query import make_query
from rag.text.markers import AnswerPart, joined
from rag.types import Answer, Citation, Filter, Hit, Passage, Query, TextDelta, ThoughtDelta, Turn

if TYPE_CHECKING:
    from app.models.setup import LocalModel
    from app.settings.users import User
    from app.wiring import Parts
    from rag.answer.generation.repeated_search import RepeatedSearch
    from rag.protocols import Embedder, RankingReader
    from rag.retrieve.retriever import Retriever

_EVERYTHING = Filter()
_ALL = Scope()
_PROMPT_TOKENS = 500  # of a prompt beside its passages


class Assistant(LibraryWork, CollectionWork, DocumentViews, ConversationViews):
    """Use ``Assistant.open(settings)`` as a context manager, or call ``close``."""

    def __init__(self, settings: Settings, parts: "Parts") -> None:
        assert settings is parts.settings, "the parts are made from the settings"
        super().__init__(parts)

    @classmethod
    def open(cls, settings: Settings) -> Self:
        from app.wiring import Parts

        return cls(settings, Parts(settings))

    def of_user(self, user: "User") -> "Assistant":
        """The assistant of a user: conversations and collections of their own, all else is of this one. Closing it
        closes those conversations."""
        from app.user_parts import UserParts

        made = Assistant(self.settings, cast("Parts", UserParts(self._parts, user)))
        made._syncing, made._watches = self._syncing, self._watches
        return made

    def take_over(self, settings: Settings) -> None:
        """Works with other settings from now on, those in ``app.settings.changes.RESTART`` excepted."""
        self._parts.take_over(settings)
        self._look_again()

    # -- questions -------------------------------------------------------------------------------------------------

    def ask(
        self,
        question: str,
        *,
        conversation_id: str | None = None,
        filter: Filter = _EVERYTHING,
        stop: threading.Event | None = None,
        remember: bool = True,
        after: int | None = None,
        model: str | None = None,
    ) -> Iterator[AskEvent]:
        """Answers from the documents: ``Retrieved``, ``Searched`` ..., ``ThoughtDelta`` and ``TextDelta`` ...,
        ``Answered``.

        The exchange is added to the conversation; None starts a new one, and ``remember=False`` records nothing. It
        follows the last exchange of the branch that is shown, or the exchange ``after`` (0: it begins the conversation)
        where another one follows that already: then it begins a branch. What stands before it is what it can refer to.
        Setting ``stop`` ends the answer with the text so far. ``model`` names an installed model that answers in place
        of the one that is set up; ModelError where there is none.
        """
        with self._parts.stopwatch() as watch:
            yield from self._answered(
                watch, _checked(question), conversation_id, filter, stop or threading.Event(), remember, after, model
            )

    def _answered(
        self,
        watch: Stopwatch,
        question: str,
        conversation_id: str | None,
        filter: Filter,
        stop: threading.Event,
        remember: bool,
        after: int | None,
        model: str | None,
    ) -> Iterator[AskEvent]:
        parts = self._parts.with_model(model)
        before = self._before(conversation_id, after)
        history = self._turns(before)
        retriever = self._parts.retriever(watch)
        with watch.step("load"):
            rewriter, answerer, repeated = parts.rewriter, parts.answerer, parts.repeated_search
        with watch.step("rewrite"):
            query = make_query(question, history, rewriter)
        with watch.remainder("fuse"):
            passages = retriever.passages(query, filter, self._passage_tokens(query, filter, parts))
        yield Retrieved(query.text, tuple(passages))
        searches: list[str] = []
        if repeated is not None and query.kind != "overview":
            with watch.remainder("search again"):
                for search in watch.within(self._searched_again(repeated, query, passages, filter, retriever)):
                    if search is not None:
                        passages += search.passages
                        searches.append(search.question)
                        yield search
                    if stop.is_set():
                        break
        with watch.step("answer"):
            events = watch.within(answerer.answer(query, passages))
            written = yield from _written(events, answerer.name, stop)
        watch.note(passages=len(passages), searches=len(searches), stopped=written.stopped)
        answer = written.answer
        watch.note(answerer=answer.answerer, found=answer.found, characters=len(answer.text))
        unrecorded = ""
        if remember:
            title = self._parts.titler.title(question, written.answer.text) if conversation_id is None else None
            try:
                conversation_id = self._parts.conversations.add(
                    conversation_id,
                    question,
                    written.answer,
                    title=title,
                    searched=query.text if query.text.strip() != question.strip() else None,
                    stopped=written.stopped,
                    after=after,
                    known=before[-1].id if before else 0,
                    work=Work(watch.timings_ms(), tuple(map(Looked.of, passages)), tuple(searches), written.thought),
                )
            except ConversationError as error:  # the answer is there all the same
                unrecorded, conversation_id = str(error), None
        yield Answered(written.answer, watch.timings_ms(), conversation_id, written.stopped, unrecorded)

    def _searched_again(
        self,
        repeated: "RepeatedSearch",
        query: Query,
        passages: list[Passage],
        filter: Filter,
        retriever: "Retriever",
    ) -> Iterator[Searched | None]:
        """The searches of the language model, and None while it thinks them up."""
        rewriter, tokens = self._parts.rewriter, self.settings.retrieval.token_budget

        def find(text: str) -> list[Passage]:
            return retriever.passages(make_query(text, [], rewriter), filter, tokens)

        for search in repeated.searches(query, passages, find):
            yield None if search is None else Searched(search.question, search.passages)

    def quoted(self, question: str, conversation_id: str | None = None) -> Answer:
        """What the documents answer word for word, as the next question of a conversation: no language model writes,
        and nothing is recorded."""
        parts = self._parts
        query = make_query(_checked(question), self._turns(self._before(conversation_id, None)), parts.rewriter)
        budget = self.settings.retrieval.token_budget
        passages = parts.retriever(Stopwatch()).passages(query, _EVERYTHING, budget)
        *_, answer = parts.quoter.answer(query, passages)
        assert isinstance(answer, Answer), "an answerer ends with an Answer"
        return answer

    def search(self, question: str, k: int = 10, filter: Filter = _EVERYTHING) -> list[Hit]:
        """The best chunks, best first."""
        return self.search_timed(question, k, filter)[0]

    def search_timed(self, question: str, k: int, filter: Filter) -> tuple[list[Hit], dict[str, float]]:
        """``search`` and how long its steps took, in milliseconds."""
        watch = Stopwatch()
        retriever = self._parts.retriever(watch)
        with watch.remainder("fuse"):
            hits = retriever.search(make_query(_checked(question)), k, filter)
        return hits, watch.timings_ms()

    def warm_up(self) -> None:
        """Loads what a question needs, so that the first one need not wait. Raises DocentError as a question would."""
        self._parts.warm_up()

    def model_loaded(self) -> bool:
        """Whether the language model's memory is held now."""
        return self._parts.model_loaded()

    def opened_models(self) -> "list[LocalModel]":
        """The local language models that have been asked, whether their memory is held now or not."""
        return self._parts.others.opened(self._parts)

    def unload_model(self) -> bool:
        """Gives the language model's memory back until the next question, unless it is answering; returns whether none
        is held now."""
        return self._parts.unload_model()

    def _passage_tokens(self, query: Query, filter: Filter, parts: "Parts") -> int:
        """How much is read for a question: a large model that is to summarise one document reads all that it can."""
        least = self.settings.retrieval.token_budget
        if query.kind != "overview" or len(filter.document_ids) != 1 or parts.generator(0) is None:
            return least
        model = self.settings.model
        return max(least, model.context - model.max_tokens - _PROMPT_TOKENS)

    def _before(self, conversation_id: str | None, after: int | None) -> list[Exchange]:
        """The exchanges that a question follows."""
        if conversation_id is not None:
            return self._parts.conversations.exchanges(conversation_id, after)
        if after:
            raise UsageError("A new conversation has nothing to follow.", "Name the conversation as well.")
        return []

    def _turns(self, exchanges: Sequence[Exchange]) -> list[Turn]:
        turns = [
            Turn(exchange.question, exchange.answer.text, exchange.answer.span.text if exchange.answer.span else "")
            for exchange in exchanges
            if not exchange.damaged
        ]
        return turns[len(turns) - min(len(turns), self.settings.answer.history_turns) :]

    def start_conversation(self, question: str, scope: Scope = _ALL, model: str | None = None) -> str:
        """Makes a conversation that is listed before its first answer is there, and keeps what was chosen for it.
        Returns its id."""
        return self._parts.conversations.create(self._parts.titler.title(_checked(question), ""), scope, model)

    # -- models ----------------------------------------------------------------------------------------------------

    def language_model(self) -> "LocalModel | None":
        """The model that is set up, loaded on first use; None where none is."""
        return self._parts.model

    def embedder(self) -> "Embedder":
        return self._parts.embedder

    def reader(self) -> "RankingReader | None":
        """What orders and reads passages, loaded on first use; None where none is set up."""
        return self._parts.reader

    # -- the end ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Ends what is open; the assistant cannot be used afterwards."""
        self._parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _checked(question: str) -> str:
    """The question as every part can take it. A command line may hold bytes that are no text (lone surrogates)."""
    if not question.strip():
        raise UsageError("The question is empty.", "Type one.")
    return question.encode("utf-8", "replace").decode("utf-8")


@dataclass(frozen=True)
class _Written:
    """What an answerer wrote until it ended or was stopped, and what it thought."""

    answer: Answer
    thought: str
    stopped: bool


def _written(
    events: Iterator[ThoughtDelta | TextDelta | Answer], answerer: str, stop: threading.Event
) -> Generator[ThoughtDelta | TextDelta, None, _Written]:
    """Yields what an answerer of this name writes as it comes; the returned answer holds the text so far where
    ``stop`` ended it."""
    thought = ""
    parts: list[AnswerPart] = []
    cited: list[Citation] = []
    for event in events:
        if isinstance(event, Answer):
            return _Written(event, thought.strip(), stopped=False)
        if isinstance(event, ThoughtDelta):
            thought += event.text
            yield event
        else:
            parts += event.parts
            cited += event.citations
            if event.parts or event.citations:  # an empty one only lets us look at ``stop`` while a model reads
                yield event
        if stop.is_set():
            break
    assert stop.is_set(), "an answerer ends with an Answer"
    from rag.answer.refusal import shows_nearest

    text = joined(parts)
    is_found = bool(cited) and not shows_nearest("".join(part.text for part in text))
    so_far = Answer(text, found=is_found, citations=tuple(cited), answerer=answerer)
    return _Written(so_far, thought.strip(), stopped=True)
