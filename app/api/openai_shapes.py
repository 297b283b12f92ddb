"""The bodies of OpenAI's API: what a request may hold, what it means to the engine, and how replies are laid out.

An option that would change the answer and that the engine does not have is refused by name; what only concerns
OpenAI's own service is ignored. Knows no HTTP.
"""

import json
import time
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from engines.model.tokenizer import Message, ModelTokenizer
from engines.serving.generation import Finished
from engines.serving.sampling import SampledToken
from engines.serving.sampling_params import SamplingParams

# Switches for OpenAI's service that make no difference here.
_IGNORED = frozenset(
    {"user", "store", "metadata", "service_tier", "safety_identifier", "prompt_cache_key", "parallel_tool_calls"}
)
_MOST_CHOICES = 128  # of one request, OpenAI's own limit
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
    n: int = Field(default=1, ge=1, le=_MOST_CHOICES)
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    regex: str | None = None
    logit_bias: dict[int, float] = Field(default_factory=dict)
    ignore_eos: bool = False

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
            logit_bias=tuple(self.logit_bias.items()),
            ignore_eos=self.ignore_eos,
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
    prompt: str | list[int] | Annotated[list[str | list[int]], Field(min_length=1, max_length=_MOST_CHOICES)]
    max_tokens: int | None = 16
    logprobs: int | None = None

    def prompts(self) -> list[str | list[int]]:
        """Each as text or as tokens."""
        given = self.prompt
        if isinstance(given, str):
            return [given]
        tokens = [part for part in given if isinstance(part, int)]
        return [tokens] if tokens or not given else [part for part in given if not isinstance(part, int)]

    def wanted_logprobs(self) -> int | None:
        return self.logprobs


class EmbeddingBody(_Body):
    model: str
    input: Annotated[list[str], BeforeValidator(_as_list)] = Field(min_length=1, max_length=2048)
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


class Reply:
    """Lays out one answer, whole or in pieces. ``index`` tells it from others of the same request, ``chat`` says which
    of the two kinds it is."""

    def __init__(
        self, identity: str, model: str, tokenizer: ModelTokenizer, index: int, *, chat: bool, logprobs: bool
    ) -> None:
        self._index = index
        self._head = {"id": identity, "created": int(time.time()), "model": model}
        self._tokenizer = tokenizer
        self._chat = chat
        self._logprobs = logprobs
        self._offset = 0  # characters of the tokens reported so far

    def whole(self, text: str, tokens: Sequence[SampledToken], end: Finished) -> dict[str, Any]:
        """One entry of ``choices``."""
        choice: dict[str, Any] = {"index": self._index, "finish_reason": _reason(end), "logprobs": self._tokens(tokens)}
        if self._chat:
            choice["message"] = {"role": "assistant", "content": text, "refusal": None}
        else:
            choice["text"] = text
        return choice

    def frame(self, choices: Sequence[Mapping[str, Any]], used: Mapping[str, Any]) -> dict[str, Any]:
        """The whole response."""
        kind = "chat.completion" if self._chat else "text_completion"
        return {**self._head, "object": kind, "choices": list(choices), "usage": used}

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

    def usage(self, used: Mapping[str, Any]) -> dict[str, Any]:
        """The piece behind the end that ``include_usage`` asks for."""
        return {**self._piece({}), "choices": [], "usage": used}

    def _piece(self, choice: Mapping[str, Any]) -> dict[str, Any]:
        kind = "chat.completion.chunk" if self._chat else "text_completion"
        return {**self._head, "object": kind, "choices": [{"index": self._index, "logprobs": None, **choice}]}

    def _tokens(self, tokens: Sequence[SampledToken]) -> dict[str, Any] | None:
        if not self._logprobs:
            return None
        if self._chat:
            return {"content": [self._token(token) for token in tokens], "refusal": None}
        texts = [self._text(token.token) for token in tokens]
        offsets = list(accumulate(map(len, texts), initial=self._offset))
        self._offset = offsets.pop()
        return {
            "tokens": texts,
            "token_logprobs": [token.logprob for token in tokens],
            "top_logprobs": [{self._text(number): value for number, value in token.top} for token in tokens],
            "text_offset": offsets,
        }

    def _token(self, token: SampledToken) -> dict[str, Any]:
        top = [self._alternative(number, value) for number, value in token.top]
        return {**self._alternative(token.token, token.logprob), "top_logprobs": top}

    def _alternative(self, number: int, logprob: float | None) -> dict[str, Any]:
        text = self._text(number)
        # A token may be a part of a character; which bytes it is then, its text does not say.
        return {"token": text, "logprob": logprob, "bytes": None if "\ufffd" in text else list(text.encode())}

    def _text(self, number: int) -> str:
        return self._tokenizer.token_text(number)


def usage(ends: Sequence[Finished], answers: int) -> dict[str, Any]:
    """Of a whole request with so many answers to each prompt: a prompt counts once."""
    asked = [end.metrics for end in ends[::answers]]
    prompts = sum(metrics.prompt_tokens for metrics in asked)
    written = sum(end.metrics.generated_tokens for end in ends)
    return {
        "prompt_tokens": prompts,
        "completion_tokens": written,
        "total_tokens": prompts + written,
        "prompt_tokens_details": {"cached_tokens": sum(metrics.cached_tokens for metrics in asked)},
    }


def _reason(end: Finished) -> str:
    return "length" if end.reason == "length" else "stop"
