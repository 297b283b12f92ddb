"""The bodies of OpenAI's API: what a request may hold, what it means to the engine, and how replies are laid out.

An option that would change the answer and that the engine does not have is refused by name; what only concerns
OpenAI's own service is ignored. Knows no HTTP.
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from engines.generation import Finished
from engines.params import SamplingParams
from engines.sampling import SampledToken
from engines.tokenizer import Message, ModelTokenizer

# Switches for OpenAI's service that make no difference here.
_IGNORED = frozenset(
    {"user", "store", "metadata", "service_tier", "safety_identifier", "prompt_cache_key", "parallel_tool_calls"}
)
_ANY_JSON = '{"type": "object"}'


def _drop_ignored(data: Any) -> Any:
    if not isinstance(data, dict):
        return data
    return {key: value for key, value in data.items() if key not in _IGNORED and value is not None}


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_ignored(cls, data: Any) -> Any:
        return _drop_ignored(data)


class TextPart(_Body):
    type: Literal["text"]
    text: str


class ChatMessage(_Body):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart] = ""
    name: str | None = None

    def plain(self) -> Message:
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return {"role": "system" if self.role == "developer" else self.role, "content": text}


class StreamOptions(_Body):
    include_usage: bool = False
    include_obfuscation: bool = False


class JsonSchema(_Body):
    name: str = ""
    description: str = ""
    strict: bool = True
    content: dict[str, Any] = Field(default_factory=dict, alias="schema")


class ResponseFormat(_Body):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    def schema_text(self) -> str | None:
        if self.type == "json_object":
            return _ANY_JSON
        if self.type == "json_schema":
            return json.dumps(self.json_schema.content if self.json_schema else {})
        return None


class _Sampling(_Body):
    """Common to chat and plain completions; defaults are OpenAI's."""

    model: str
    max_tokens: int | None = None
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    stop: Annotated[list[str], BeforeValidator(_as_list)] = []
    n: Literal[1] = 1
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    regex: str | None = None

    def wanted_tokens(self) -> int | None:
        return self.max_tokens

    def wanted_logprobs(self) -> int | None:
        return None

    def wanted_schema(self) -> str | None:
        return None

    def params(self, room: int) -> SamplingParams:
        """``room`` is what the context leaves for the answer. Raises RequestError."""
        wanted = self.wanted_tokens()
        return SamplingParams(
            max_tokens=room if wanted is None else wanted,
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            seed=None if self.seed is None else self.seed % 2**63,
            stop=tuple(self.stop),
            logprobs=self.wanted_logprobs(),
            json_schema=self.wanted_schema(),
            regex=self.regex,
        )


class ChatBody(_Sampling):
    messages: list[ChatMessage] = Field(min_length=1)
    max_completion_tokens: int | None = None
    logprobs: bool = False
    top_logprobs: int = 0
    response_format: ResponseFormat = ResponseFormat(type="text")

    def wanted_tokens(self) -> int | None:
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    def wanted_logprobs(self) -> int | None:
        return self.top_logprobs if self.logprobs else None

    def wanted_schema(self) -> str | None:
        return self.response_format.schema_text()


class CompletionBody(_Sampling):
    prompt: str | list[int] | list[str]
    max_tokens: int | None = 16
    logprobs: int | None = None

    @model_validator(mode="after")
    def _one_prompt(self) -> Self:
        if isinstance(self.prompt, list) and (not self.prompt or isinstance(self.prompt[0], str)):
            if len(self.prompt) != 1:
                raise ValueError("prompt must be one text")
            self.prompt = str(self.prompt[0])
        return self

    def wanted_logprobs(self) -> int | None:
        return self.logprobs


class EmbeddingBody(_Body):
    model: str
    input: Annotated[list[str], BeforeValidator(_as_list)] = Field(min_length=1, max_length=2048)
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


class Reply:
    """Lays out one answer, whole or in pieces. ``chat`` says which of the two kinds."""

    def __init__(self, identity: str, model: str, tokenizer: ModelTokenizer, *, chat: bool, logprobs: bool) -> None:
        self._head = {"id": identity, "created": int(time.time()), "model": model}
        self._tokenizer = tokenizer
        self._chat = chat
        self._logprobs = logprobs

    def whole(self, text: str, tokens: Sequence[SampledToken], end: Finished) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": 0, "finish_reason": _reason(end), "logprobs": self._tokens(tokens)}
        if self._chat:
            choice["message"] = {"role": "assistant", "content": text, "refusal": None}
        else:
            choice["text"] = text
        kind = "chat.completion" if self._chat else "text_completion"
        return {**self._head, "object": kind, "choices": [choice], "usage": usage(end)}

    def begin(self) -> dict[str, Any] | None:
        """The first piece of a streamed chat."""
        return (
            self._piece({"delta": {"role": "assistant", "content": ""}, "finish_reason": None}) if self._chat else None
        )

    def piece(self, text: str, tokens: Sequence[SampledToken]) -> dict[str, Any]:
        content: dict[str, Any] = {"delta": {"content": text}} if self._chat else {"text": text}
        return self._piece({**content, "finish_reason": None, "logprobs": self._tokens(tokens)})

    def end(self, end: Finished) -> dict[str, Any]:
        content: dict[str, Any] = {"delta": {}} if self._chat else {"text": ""}
        return self._piece({**content, "finish_reason": _reason(end)})

    def usage(self, end: Finished) -> dict[str, Any]:
        """The piece behind the end that ``include_usage`` asks for."""
        return {**self._piece({}), "choices": [], "usage": usage(end)}

    def _piece(self, choice: Mapping[str, Any]) -> dict[str, Any]:
        kind = "chat.completion.chunk" if self._chat else "text_completion"
        return {**self._head, "object": kind, "choices": [{"index": 0, "logprobs": None, **choice}]}

    def _tokens(self, tokens: Sequence[SampledToken]) -> dict[str, Any] | None:
        if not self._logprobs:
            return None
        if self._chat:
            return {"content": [self._token(token) for token in tokens], "refusal": None}
        return {
            "tokens": [self._text(token.token) for token in tokens],
            "token_logprobs": [token.logprob for token in tokens],
            "top_logprobs": [{self._text(number): value for number, value in token.top} for token in tokens],
            "text_offset": [],
        }

    def _token(self, token: SampledToken) -> dict[str, Any]:
        top = [self._alternative(number, value) for number, value in token.top]
        return {**self._alternative(token.token, token.logprob), "top_logprobs": top}

    def _alternative(self, number: int, logprob: float | None) -> dict[str, Any]:
        text = self._text(number)
        return {"token": text, "logprob": logprob, "bytes": list(text.encode())}

    def _text(self, number: int) -> str:
        return self._tokenizer.decode([number])


def usage(end: Finished) -> dict[str, Any]:
    metrics = end.metrics
    return {
        "prompt_tokens": metrics.prompt_tokens,
        "completion_tokens": metrics.generated_tokens,
        "total_tokens": metrics.prompt_tokens + metrics.generated_tokens,
        "prompt_tokens_details": {"cached_tokens": metrics.cached_tokens},
    }


def _reason(end: Finished) -> str:
    return "length" if end.reason == "length" else "stop"
