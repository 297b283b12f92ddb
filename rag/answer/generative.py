"""Answers by a language model: builds the prompt, streams the reply, checks its citations.

While the model writes, its ``[n]`` are turned into the numbers of passages, references to nothing are dropped, and
every finished sentence is compared with the passages: one that cites nothing but stands in a passage gets its
citation, one that no passage supports gets ``[?]``. Leaving the stream early ends the generation.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Protocol

from rag.answer.citations import Locate
from rag.answer.cited_stream import CitedStream
from rag.answer.prompt import Message, build_prompt
from rag.answer.refusal import NOT_FOUND
from rag.protocols import Embedder
from rag.text.markers import AnswerPart, joined
from rag.types import Answer, AnswerEvent, Passage, Query, TextDelta

_THINKING = ("<think>", "</think>")


class TextGenerator(Protocol):
    """A language model, as far as answers need it."""

    @property
    def name(self) -> str: ...

    @property
    def context(self) -> int:
        """Tokens of prompt and answer together."""
        ...

    def count_tokens(self, messages: Sequence[Message]) -> int: ...

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Generator[str, None, None]:
        """Pieces of the reply, empty ones while there is nothing new; closing it ends the generation."""
        ...


class GenerativeAnswerer:
    """``max_tokens`` bounds an answer; the rest of the model's context is the prompt's."""

    def __init__(
        self,
        generator: TextGenerator,
        embedder: Embedder | None = None,
        locate: Locate | None = None,
        max_tokens: int = 512,
    ) -> None:
        self._generator = generator
        self._embedder = embedder
        self._locate = locate
        self._max_tokens = min(max_tokens, max(1, generator.context // 2))

    @property
    def name(self) -> str:
        return self._generator.name

    def answer(self, query: Query, passages: Sequence[Passage]) -> Iterator[AnswerEvent]:
        """Yields empty deltas while the model reads the prompt, so that a caller can stop it there too."""
        if not any(passage.text.strip() for passage in passages):
            yield from self._nothing()
            return
        budget = self._generator.context - self._max_tokens
        prompt = build_prompt(query.text, passages, query.history, self._generator.count_tokens, budget)
        cited = CitedStream(prompt.labels, self._embedder, self._locate)
        written: list[AnswerPart] = []
        with closing(self._generator.stream(prompt.messages, self._max_tokens)) as pieces:
            known = 0
            for piece in without_thinking(pieces):
                shown = cited.feed(piece)
                written += shown
                yield TextDelta(shown, tuple(cited.citations[known:]))
                known = len(cited.citations)
        rest = cited.close()
        if rest:
            written += rest
            yield TextDelta(rest, tuple(cited.citations[known:]))
        parts = joined(written)
        if not any(part.written.strip() for part in parts):
            yield from self._nothing()
            return
        citations = () if cited.refused else tuple(cited.citations)
        yield Answer(parts, found=bool(citations), citations=citations, answerer=self.name)

    def _nothing(self) -> Iterator[AnswerEvent]:
        refusal = (AnswerPart(NOT_FOUND),)
        yield TextDelta(refusal)
        yield Answer(refusal, found=False, citations=(), answerer=self.name)


def without_thinking(pieces: Iterable[str]) -> Iterator[str]:
    """Leaves out a ``<think>`` block at the beginning, in which some models reason before they answer."""
    begin, end = _THINKING
    held, state = "", "start"
    for piece in pieces:
        held += piece
        if state == "start" and not begin.startswith(held.lstrip()[: len(begin)]):
            state = "answer"
        if state == "start" and held.lstrip().startswith(begin):
            state = "thinking"
        if state == "thinking" and end in held:
            held, state = held.split(end, 1)[1], "after"
        if state == "after" and (held := held.lstrip()):
            state = "answer"
        if state == "answer":
            yield held
            held = ""
        else:
            yield ""  # so that a caller can stop it here too
    if state == "start":
        yield held
