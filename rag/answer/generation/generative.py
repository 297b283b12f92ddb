"""Answers by a language model: builds the prompt, streams the reply, checks its citations.

While the model writes, its ``[n]`` are turned into the numbers of passages, references to nothing are dropped, and
every finished sentence is compared with the passages: one that cites nothing but stands in a passage gets its
citation, one that no passage supports gets ``[?]``. Where there is an answerer to fall back to, nothing is shown before
a passage supports something, and a reply that goes on without support is left for that one's answer. Leaving the stream
early ends the generation.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import Generic, Protocol, TypeVar

from rag.answer.citations import Locate
from rag.answer.generation.cited_stream import CitedStream
from rag.answer.generation.prompt import SYSTEM_TEXT, Message, build_prompt
from rag.answer.generation.repetition import without_repetition
from rag.answer.generation.thoughts import Piece, thoughts_apart
from rag.answer.refusal import NOT_FOUND
from rag.protocols import Answerer, Embedder
from rag.text.markers import AnswerPart, joined
from rag.types import Answer, AnswerEvent, Passage, Query, TextDelta, ThoughtDelta, Writing

_Piece = TypeVar("_Piece")
_LEAST_PROMPT = 700  # tokens: instructions, a question, and a passage or two
_MOST_UNSUPPORTED = 2  # statements at the beginning, before the reply is given up


class TextGenerator(Protocol):
    """A language model, as far as answers need it."""

    @property
    def name(self) -> str: ...

    @property
    def context(self) -> int:
        """Tokens of prompt and answer together."""
        ...

    def count_tokens(self, messages: Sequence[Message]) -> int: ...

    def tokens_within(self, seconds: float) -> int | None:
        """How long a prompt is read in this time; None before one was read."""
        ...

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Generator[Piece, None, Writing | None]:
        """Pieces of thoughts and reply, empty ones while there is nothing new; closing it ends the generation. Returns
        how fast it was written, None where that is not known."""
        ...


class Reply(Generic[_Piece]):
    """A reply while it is written: iterate once; ``writing`` is there after its end. Closing it ends the generation."""

    def __init__(self, pieces: Generator[_Piece, None, Writing | None]) -> None:
        self._pieces = pieces
        self.writing: Writing | None = None

    def __iter__(self) -> Iterator[_Piece]:
        self.writing = yield from self._pieces

    def close(self) -> None:
        self._pieces.close()


class GenerativeAnswerer:
    """``max_tokens`` bounds an answer; the rest of the model's context is the prompt's. ``fallback`` answers where no
    passage supports what the model writes. A prompt is so short that the model begins to write within ``patience_s``, 0
    for any length, but not so short that the best passages find no room."""

    def __init__(
        self,
        generator: TextGenerator,
        embedder: Embedder | None = None,
        locate: Locate | None = None,
        max_tokens: int = 512,
        fallback: Answerer | None = None,
        patience_s: float = 0,
    ) -> None:
        self._generator = generator
        self._embedder = embedder
        self._locate = locate
        self._max_tokens = min(max_tokens, max(1, generator.context // 2))
        self._fallback = fallback
        self._patience_s = patience_s

    @property
    def name(self) -> str:
        return self._generator.name

    def answer(self, query: Query, passages: Sequence[Passage]) -> Iterator[AnswerEvent]:
        """Yields empty deltas while the model reads the prompt, so that a caller can stop it there too."""
        if not any(passage.text.strip() for passage in passages):
            yield from self._nothing()
            return
        if self._patience_s and self._generator.tokens_within(self._patience_s) is None:
            yield from self._read_beginning()
        budget = self._budget()
        prompt = build_prompt(query.text, passages, query.history, self._generator.count_tokens, budget)
        cited = CitedStream(prompt.labels, self._embedder, self._locate)
        written: list[AnswerPart] = []
        known = shown = 0  # citations and parts that are out
        with closing(Reply(self._generator.stream(prompt.messages, self._max_tokens))) as reply:
            for piece in without_repetition(thoughts_apart(reply)):
                if isinstance(piece, ThoughtDelta):
                    yield piece
                    continue
                written += cited.feed(piece)
                if self._fallback is None or cited.supported:
                    yield TextDelta(joined(written[shown:]), tuple(cited.citations[known:]))
                    known, shown = len(cited.citations), len(written)
                elif cited.unsupported >= _MOST_UNSUPPORTED:
                    break
                else:
                    yield TextDelta(())
        written += cited.close()
        if self._fallback is not None and not cited.supported and not cited.refused:
            yield from self._fallback.answer(query, passages)
            return
        if shown < len(written):
            yield TextDelta(joined(written[shown:]), tuple(cited.citations[known:]))
        parts = joined(written)
        if not any(part.written.strip() for part in parts):
            yield from self._nothing()
            return
        citations = () if cited.refused else tuple(cited.citations)
        yield Answer(parts, bool(citations), citations, self.name, writing=reply.writing)

    def _budget(self) -> int:
        """Tokens of a prompt."""
        room = self._generator.context - self._max_tokens
        if not self._patience_s or room <= _LEAST_PROMPT:
            return room
        return min(room, max(_LEAST_PROMPT, self._generator.tokens_within(self._patience_s) or 0))

    def _read_beginning(self) -> Iterator[AnswerEvent]:
        """Has the model read what every prompt begins with, which tells how fast it reads. That is not lost: an engine
        keeps it for the prompts that begin so."""
        with closing(self._generator.stream((Message("system", SYSTEM_TEXT),), 1)) as pieces:
            for _ in pieces:
                yield TextDelta(())

    def _nothing(self) -> Iterator[AnswerEvent]:
        refusal = (AnswerPart(NOT_FOUND),)
        yield TextDelta(refusal)
        yield Answer(refusal, found=False, citations=(), answerer=self.name)
