"""The shapes of the replies of OpenAI's API."""

from typing import Literal

from pydantic import BaseModel, Field

FinishReason = Literal["stop", "length", "tool_calls"]


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


class RankedDocument(BaseModel):
    """``index`` is the document's place in the request, ``relevance_score`` is 0 to 1 and comparable in one reply."""

    index: int
    relevance_score: float
    document: dict[str, str] | None = Field(default=None, exclude_if=_is_none)


class Ranking(BaseModel):
    """The documents, the most relevant first."""

    id: str
    model: str
    results: list[RankedDocument]


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


class CalledFunction(BaseModel):
    """``arguments`` is JSON; in a stream, of the function's pieces that follow each other."""

    name: str | None = Field(default=None, exclude_if=_is_none)
    arguments: str


class ToolCall(BaseModel):
    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class ToolCallPiece(BaseModel):
    """The first piece of a call has its id and name."""

    index: int
    id: str | None = Field(default=None, exclude_if=_is_none)
    type: Literal["function"] | None = Field(default=None, exclude_if=_is_none)
    function: CalledFunction


class ChatMessage(BaseModel):
    """``content`` is null where there are calls alone; ``reasoning_content`` is what the model thought before."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    reasoning_content: str | None = Field(default=None, exclude_if=_is_none)
    tool_calls: list[ToolCall] | None = Field(default=None, exclude_if=_is_none)
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
    reasoning_content: str | None = Field(default=None, exclude_if=_is_none)
    tool_calls: list[ToolCallPiece] | None = Field(default=None, exclude_if=_is_none)


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
