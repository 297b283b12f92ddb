"""Protocols of the parts of retrieval that can be replaced, and that fakes in tests implement."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from rag.types import AnswerEvent, CounterSpec, Hit, PairScores, ParsedDocument, Passage, Query, Reading, Turn

if TYPE_CHECKING:  # the window is drawn before it is loaded
    import numpy as np
    from numpy.typing import NDArray


class Parser(Protocol):
    """Turns one file into a ParsedDocument. Runs in a child process with limits on time and memory."""

    def __call__(self, path: Path) -> ParsedDocument:
        """Raises ReadError (or SkippedError) with a reason a person understands."""
        ...


class Video(Protocol):
    """One video of a playlist or channel."""

    @property
    def id(self) -> str: ...

    @property
    def url(self) -> str: ...


class TranscriptClient(Protocol):
    """Lists videos and fetches their transcripts."""

    def videos(self, url: str) -> Sequence[Video]:
        """The video, or the videos of the playlist, at ``url``. Raises SourceError."""
        ...

    def transcript(self, video_id: str) -> ParsedDocument:
        """The transcript of one video. Raises ReadError (or SkippedError) with a reason a person understands."""
        ...


class Embedder(Protocol):
    """Texts to unit vectors."""

    @property
    def name(self) -> str:
        """Identifies the weights and the way of encoding; the library re-embeds when it changes."""
        ...

    @property
    def dimension(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """Longest input in tokens, special tokens included; anything beyond is cut."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """[n] texts -> [n, dimension] rows of length 1."""
        ...

    def embed_query(self, text: str) -> "NDArray[np.float32]":
        """One question -> [dimension], length 1."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text without special tokens."""
        ...

    @property
    def counter(self) -> CounterSpec:
        """How the process that parses files makes the same ``count_tokens``."""
        ...


class QuestionEmbedder(Protocol):
    """Questions to unit vectors."""

    def embed_query(self, text: str) -> "NDArray[np.float32]":
        """One question -> [dimension], length 1."""
        ...


class SentenceEncoder(Protocol):
    """Token ids to unit vectors: what an embedder computes with."""

    def vectors(self, rows: Sequence[Sequence[int]]) -> "NDArray[np.float32]":
        """Rows of token ids, marks included, none longer than the model takes -> [rows, dimension] of length 1."""
        ...


class PairEncoder(Protocol):
    """Token ids of a question and a passage to scores: what a reader computes with."""

    @property
    def judges(self) -> bool:
        """Whether it says how far a passage supports a statement."""
        ...

    def pair_scores(self, rows: Sequence[Sequence[int]], second_from: int) -> list[PairScores]:
        """Rows of token ids, in each of which ``second_from`` are the question's, marks included -> one a row."""
        ...


_EncoderT = TypeVar("_EncoderT", SentenceEncoder, PairEncoder)
OnCard = Callable[[Path, _EncoderT], _EncoderT]
"""Given a model's ONNX file and what computes it on the processor, returns what is to compute it."""


class Reranker(Protocol):
    """Scores hits against the question by reading both together."""

    @property
    def reads_any_language(self) -> bool:
        """Whether questions in other languages than English are judged well too."""
        ...

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """The same hits, best first, with new scores; with their readings where the reranker is a reader as well."""
        ...


class SpanReader(Protocol):
    """Finds the words of a passage that answer a question."""

    @property
    def reads_any_language(self) -> bool:
        """Whether questions in other languages than English are understood too."""
        ...

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """One reading a passage, in the passages' order."""
        ...


class ClaimJudge(Protocol):
    """Tells statements that a passage supports from others."""

    def supports(self, claim: str, passages: Sequence[Passage]) -> list[float] | None:
        """The probability that each passage supports the statement; None by a model that judges none."""
        ...


class RankingReader(Reranker, SpanReader, ClaimJudge, Protocol):
    """Orders hits, reads answers from passages, and judges statements about them."""


class Rewriter(Protocol):
    """Completes a question that depends on the conversation."""

    def rewrite(self, question: str, history: Sequence[Turn]) -> str: ...


class Titler(Protocol):
    """Names a conversation after its first exchange."""

    def title(self, question: str, answer: str) -> str: ...


class Answerer(Protocol):
    """Writes the answer from numbered passages."""

    @property
    def name(self) -> str: ...

    def answer(self, query: Query, passages: Sequence[Passage]) -> Iterator[AnswerEvent]:
        """Yields TextDelta any number of times, then exactly one Answer whose text is the deltas joined."""
        ...
