"""Defines the requests of OpenAI's API and translates them into parameters of the engine.

An option that would change the answer and that the engine does not have is refused by name, unless its value asks for
nothing (no tools, text alone). Whatever else is not known here is ignored, as other servers do.
"""

import json
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from engines.model.tokenizer import Message
from engines.page_size import PAGE_TOKENS
from engines.serving.sampling_params import SamplingParams

# Options that change the answer and are not here, each with the values besides nothing, [], {}, "" and false that ask
# for nothing.
_UNSUPPORTED: dict[str, tuple[object, ...]] = {
    "tools": (),
    "tool_choice": ("auto", "none"),
    "functions": (),
    "function_call": ("auto", "none"),
    "tool_calls": (),
    "tool_call_id": (),
    "modalities": (["text"],),
    "audio": (),
    "web_search_options": (),
    "echo": (),
    "suffix": (),
}
_MOST_CHOICES = 128  # of one request, OpenAI's own limit
_MOST_MESSAGES = 4096
_ANY_JSON = '{"type": "object"}'


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _stops(value: Any) -> Any:
    """Makes a list without empty strings, which would stop everything and stand for nothing."""
    stops = _as_list(value)
    return [stop for stop in stops if stop != ""] if isinstance(stops, list) else stops


def _limit(value: Any) -> Any:
    """Makes -1, which other servers take for "no limit", just that."""
    return None if value == -1 else value


Tokens = Annotated[list[int], Field(fail_fast=True)]  # one error says enough of a million wrong numbers
TokenLimit = Annotated[int | None, BeforeValidator(_limit)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_ignored(cls, data: Any) -> Any:
        """Drops what is null or not known here; what is not supported stays, and is refused."""
        if not isinstance(data, dict):
            return data
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return {
            key: value
            for key, value in data.items()
            if value is not None and (key in known or (key in _UNSUPPORTED and _asks(key, value)))
        }


def _asks(option: str, value: object) -> bool:
    """Tells whether a value of an option that is not supported asks for anything."""
    return bool(value) and value not in _UNSUPPORTED[option]


class TextPart(_Body):
    type: Literal["text"]
    text: str


class ChatMessage(_Body):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[TextPart], Field(max_length=_MOST_MESSAGES)] = ""
    name: str | None = None

    def plain(self) -> Message:
        text = self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)
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
    """The fields common to chat and plain completions; defaults are OpenAI's."""

    model: str
    max_tokens: TokenLimit = None
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    stop: Annotated[list[str], BeforeValidator(_stops)] = []
    n: int = Field(default=1, ge=1, le=_MOST_CHOICES)
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    regex: str | None = None
    logit_bias: dict[int, float] = Field(default_factory=dict)
    ignore_eos: bool = False
    num_beams: int = 1
    length_penalty: float = 1.0

    def wanted_tokens(self) -> int | None:
        return self.max_tokens

    def wanted_logprobs(self) -> int | None:
        return None

    def wanted_schema(self) -> str | None:
        return None

    def params(self, room: int) -> SamplingParams:
        """Makes the engine's parameters; ``room`` tokens are left for the answer. Raises RequestError."""
        wanted = self.wanted_tokens()
        if wanted is None:  # beams share the room
            wanted = room if self.num_beams == 1 else max(1, room // self.num_beams - PAGE_TOKENS)
        return SamplingParams(
            max_tokens=wanted,
            temperature=0.0 if self._searches else self.temperature,
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
            num_beams=self.num_beams,
            length_penalty=self.length_penalty,
        )

    @property
    def _searches(self) -> bool:
        """Whether beams are searched, and nobody asked for a temperature beside."""
        return self.num_beams > 1 and "temperature" not in self.model_fields_set


class ChatBody(_Sampling):
    messages: list[ChatMessage] = Field(min_length=1, max_length=_MOST_MESSAGES)
    max_completion_tokens: TokenLimit = None
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
    prompt: str | Tokens | Annotated[list[str | Tokens], Field(min_length=1, max_length=_MOST_CHOICES)]
    max_tokens: TokenLimit = 16
    logprobs: int | None = None
    best_of: int | None = Field(default=None, ge=1, le=_MOST_CHOICES)

    def prompts(self) -> list[str | list[int]]:
        """Returns the prompts, each as text or as tokens."""
        given = self.prompt
        if isinstance(given, str):
            return [given]
        tokens = [part for part in given if isinstance(part, int)]
        return [tokens] if tokens or not given else [part for part in given if not isinstance(part, int)]

    def wanted_logprobs(self) -> int | None:
        return self.logprobs

    def params(self, room: int) -> SamplingParams:
        params = super().params(room)
        chooses = self.best_of is not None and self.best_of > self.n
        return replace(params, logprobs=0) if chooses and params.logprobs is None else params


class EmbeddingBody(_Body):
    model: str
    input: Annotated[list[str], BeforeValidator(_as_list)] = Field(min_length=1, max_length=2048)
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
