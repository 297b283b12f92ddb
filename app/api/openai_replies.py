"""The replies of OpenAI's API as pydantic models, and ``Reply``, which makes those of one answer from its tokens."""

import time
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Literal

from pydantic import BaseModel, Field

from engines.model.tokenizer import ModelTokenizer
from engines.serving.generation import Finished
from engines.serving.sampling import SampledToken

FinishReason = Literal["stop", "length"]


def _is_none(value: object) -> bool:
    return value is None


class OpenAIProblem(BaseModel):
    """What went wrong, in OpenAI's shape."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class OpenAIFailure(BaseModel):
    """The reply to a request that failed."""

    error: OpenAIProblem


class ModelInfo(BaseModel):
    """A model that can be asked for by ``id``."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: Literal["docent"] = "docent"


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelInfo]


class EmbeddingUsage(BaseModel):
    prompt_tokens: int
    total_tokens: int


class Embedding(BaseModel):
    """One vector: numbers, or little-endian 32-bit floats in base64."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingList(BaseModel):
    object: Literal["list"] = "list"
    model: str
    data: list[Embedding]
    usage: EmbeddingUsage


class CachedTokens(BaseModel):
    cached_tokens: int


class Usage(BaseModel):
    """Tokens of a request; ``cached_tokens`` of the prompts were already computed."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: CachedTokens


class Alternative(BaseModel):
    """A token that was possible; ``bytes`` is null where its text is a part of a character."""

    token: str
    logprob: float | None
    bytes: list[int] | None


class ChatToken(Alternative):
    top_logprobs: list[Alternative]


class ChatLogprobs(BaseModel):
    content: list[ChatToken]
    refusal: None = None


class TextLogprobs(BaseModel):
    """Lists of equal length; ``text_offset`` counts characters from the beginning of the answer."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class ChatMessage(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChatChoice(BaseModel):
    index: int
    finish_reason: FinishReason
    logprobs: ChatLogprobs | None
    message: ChatMessage


class TextChoice(BaseModel):
    index: int
    finish_reason: FinishReason
    logprobs: TextLogprobs | None
    text: str


class _Frame(BaseModel):
    id: str
    created: int
    model: str


class ChatCompletion(_Frame):
    """The whole reply to a chat."""

    object: Literal["chat.completion"] = "chat.completion"
    choices: list[ChatChoice]
    usage: Usage


class TextCompletion(_Frame):
    """The whole reply to plain prompts."""

    object: Literal["text_completion"] = "text_completion"
    choices: list[TextChoice]
    usage: Usage


class ChatDelta(BaseModel):
    role: Literal["assistant"] | None = Field(default=None, exclude_if=_is_none)
    content: str | None = Field(default=None, exclude_if=_is_none)


class ChatPiece(BaseModel):
    index: int
    logprobs: ChatLogprobs | None = None
    delta: ChatDelta
    finish_reason: FinishReason | None = None


class TextPiece(BaseModel):
    index: int
    logprobs: TextLogprobs | None = None
    text: str
    finish_reason: FinishReason | None = None


class ChatChunk(_Frame):
    """A piece of a streamed chat; the last one has no choices but the usage, where that was asked for."""

    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    choices: list[ChatPiece]
    usage: Usage | None = Field(default=None, exclude_if=_is_none)


class TextChunk(_Frame):
    """A piece of a streamed plain completion; the last one has no choices but the usage, where that was asked for."""

    object: Literal["text_completion"] = "text_completion"
    choices: list[TextPiece]
    usage: Usage | None = Field(default=None, exclude_if=_is_none)


Chunk = ChatChunk | TextChunk


class Reply:
    """Makes the reply that is one answer, whole or in pieces.

    ``index`` tells the answer from others of the same request, ``chat`` says which of the two kinds it is.
    """

    def __init__(
        self, identity: str, model: str, tokenizer: ModelTokenizer, index: int, *, chat: bool, logprobs: bool
    ) -> None:
        self._index = index
        self._head: dict[str, Any] = {"id": identity, "created": int(time.time()), "model": model}
        self._tokenizer = tokenizer
        self._chat = chat
        self._logprobs = logprobs
        self._offset = 0  # characters of the tokens reported so far

    def whole(self, text: str, tokens: Sequence[SampledToken], end: Finished) -> ChatChoice | TextChoice:
        """Makes one entry of ``choices``."""
        index, reason = self._index, _reason(end)
        if self._chat:
            message = ChatMessage(content=text)
            logprobs = self._chat_logprobs(tokens)
            return ChatChoice(index=index, finish_reason=reason, logprobs=logprobs, message=message)
        return TextChoice(index=index, finish_reason=reason, logprobs=self._text_logprobs(tokens), text=text)

    def frame(self, choices: Sequence[ChatChoice | TextChoice], used: Usage) -> ChatCompletion | TextCompletion:
        """Makes the whole response."""
        kind = ChatCompletion if self._chat else TextCompletion
        return kind.model_validate({**self._head, "choices": choices, "usage": used})

    def begin(self) -> Chunk | None:
        """Makes the first piece of a streamed chat; None for a plain completion."""
        return self._chat_chunk(ChatDelta(role="assistant", content="")) if self._chat else None

    def piece(self, text: str, tokens: Sequence[SampledToken]) -> Chunk:
        if self._chat:
            return self._chat_chunk(ChatDelta(content=text), logprobs=self._chat_logprobs(tokens))
        return self._text_chunk(text, logprobs=self._text_logprobs(tokens))

    def end(self, end: Finished) -> Chunk:
        if self._chat:
            return self._chat_chunk(ChatDelta(), finish_reason=_reason(end))
        return self._text_chunk("", finish_reason=_reason(end))

    def usage(self, used: Usage) -> Chunk:
        """Makes the piece behind the end that ``include_usage`` asks for."""
        kind = ChatChunk if self._chat else TextChunk
        return kind(**self._head, choices=[], usage=used)

    def _chat_chunk(
        self, delta: ChatDelta, *, logprobs: ChatLogprobs | None = None, finish_reason: FinishReason | None = None
    ) -> ChatChunk:
        piece = ChatPiece(index=self._index, logprobs=logprobs, delta=delta, finish_reason=finish_reason)
        return ChatChunk(**self._head, choices=[piece])

    def _text_chunk(
        self, text: str, *, logprobs: TextLogprobs | None = None, finish_reason: FinishReason | None = None
    ) -> TextChunk:
        piece = TextPiece(index=self._index, logprobs=logprobs, text=text, finish_reason=finish_reason)
        return TextChunk(**self._head, choices=[piece])

    def _chat_logprobs(self, tokens: Sequence[SampledToken]) -> ChatLogprobs | None:
        if not self._logprobs:
            return None
        content = [
            ChatToken(
                **self._alternative(token.token, token.logprob),
                top_logprobs=[Alternative(**self._alternative(number, value)) for number, value in token.top],
            )
            for token in tokens
        ]
        return ChatLogprobs(content=content)

    def _text_logprobs(self, tokens: Sequence[SampledToken]) -> TextLogprobs | None:
        if not self._logprobs:
            return None
        texts = [self._text(token.token) for token in tokens]
        offsets = list(accumulate(map(len, texts), initial=self._offset))
        self._offset = offsets.pop()
        return TextLogprobs(
            tokens=texts,
            token_logprobs=[token.logprob for token in tokens],
            top_logprobs=[{self._text(number): value for number, value in token.top} for token in tokens],
            text_offset=offsets,
        )

    def _alternative(self, number: int, logprob: float | None) -> dict[str, Any]:
        """Returns the fields of an ``Alternative``."""
        text = self._text(number)
        # A token may be a part of a character; which bytes it is then, its text does not say.
        return {"token": text, "logprob": logprob, "bytes": None if "\ufffd" in text else list(text.encode())}

    def _text(self, number: int) -> str:
        return self._tokenizer.token_text(number)


def usage(ends: Sequence[Finished], answers: int) -> Usage:
    """Adds up the usage of a whole request with ``answers`` answers to each prompt: a prompt counts once."""
    asked = [end.metrics for end in ends[::answers]]
    prompts = sum(metrics.prompt_tokens for metrics in asked)
    written = sum(end.metrics.generated_tokens for end in ends)
    return Usage(
        prompt_tokens=prompts,
        completion_tokens=written,
        total_tokens=prompts + written,
        prompt_tokens_details=CachedTokens(cached_tokens=sum(metrics.cached_tokens for metrics in asked)),
    )


def _reason(end: Finished) -> FinishReason:
    return "length" if end.reason == "length" else "stop"
