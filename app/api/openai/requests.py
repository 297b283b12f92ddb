"""Defines the requests of OpenAI's API and translates them into parameters of the engine."""

import json
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from app.api.openai.body import Body, TokenLimit, as_list
from app.api.openai.messages import MOST_MESSAGES, ChatMessage
from app.api.openai.tools import MOST_TOOLS, FunctionTool, ToolChoice, ToolUse, tool_use
from engines.model.chat import ChatEncoder
from engines.page_size import PAGE_TOKENS
from engines.serving.sampling_params import SamplingParams, ThoughtParams

MOST_CHOICES = 128  # of one request, OpenAI's own limit
_MOST_STOPS = 100
_MOST_BIASES = 50_000
_ANY_JSON = '{"type": "object"}'
_THOUGHT_TOKENS = {"none": 0, "minimal": 256, "low": 1024, "medium": 4096, "high": 16_384, "xhigh": 65_536}


def _stops(value: Any) -> Any:
    """Makes a list without empty strings, which would stop everything and stand for nothing."""
    stops = as_list(value)
    return [stop for stop in stops if stop != ""] if isinstance(stops, list) else stops


def _biases(value: Any) -> Any:
    """One error says enough of a million wrong ones."""
    if isinstance(value, dict):
        if len(value) > _MOST_BIASES:
            raise ValueError(f"at most {_MOST_BIASES:,} tokens can have a bias")
        for token, bias in value.items():
            if not token.isdecimal() or not isinstance(bias, int | float):
                raise ValueError("must be an object of token numbers, each with a number")
    return value


Tokens = Annotated[list[int], Field(fail_fast=True)]  # see _biases


class StreamOptions(Body):
    include_usage: bool = False
    include_obfuscation: bool = False


class JsonSchema(Body):
    name: str = ""
    description: str = ""
    strict: bool = True
    content: dict[str, Any] = Field(default_factory=dict, alias="schema")


class ResponseFormat(Body):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    def schema_text(self) -> str | None:
        if self.type == "json_object":
            return _ANY_JSON
        if self.type == "json_schema":
            return json.dumps(self.json_schema.content if self.json_schema else {})
        return None


class _Sampling(Body):
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
    stop: Annotated[list[str], BeforeValidator(_stops)] = Field(default=[], max_length=_MOST_STOPS, fail_fast=True)
    n: int = Field(default=1, ge=1, le=MOST_CHOICES)
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    regex: str | None = None
    logit_bias: Annotated[dict[int, float], BeforeValidator(_biases)] = Field(default_factory=dict)
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


class TemplateOptions(Body):
    """Of vLLM and others: the one of the chat template's options that matters here."""

    enable_thinking: bool | None = None


class ChatBody(_Sampling):
    messages: list[ChatMessage] = Field(min_length=1, max_length=MOST_MESSAGES, fail_fast=True)
    max_completion_tokens: TokenLimit = None
    logprobs: bool = False
    top_logprobs: int = 0
    response_format: ResponseFormat = ResponseFormat(type="text")
    tools: list[FunctionTool] = Field(default=[], max_length=MOST_TOOLS)
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool = True
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    chat_template_kwargs: TemplateOptions = TemplateOptions()

    def wanted_tokens(self) -> int | None:
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    def wanted_logprobs(self) -> int | None:
        return self.top_logprobs if self.logprobs else None

    def wanted_schema(self) -> str | None:
        return self.response_format.schema_text()

    def tool_use(self) -> ToolUse:
        """Raises RequestError."""
        return tool_use(self.tools, self.tool_choice, several=self.parallel_tool_calls)

    def thought_tokens(self, usual: int) -> int:
        """How long the model may think before it answers, where it can; ``usual`` unless this request says more."""
        wanted = self.chat_template_kwargs.enable_thinking
        if wanted is False:
            return 0
        if self.reasoning_effort is not None:
            return _THOUGHT_TOKENS[self.reasoning_effort]
        return usual or (_THOUGHT_TOKENS["medium"] if wanted else 0)

    def constrained(self, params: SamplingParams, chat: ChatEncoder, thought_tokens: int) -> SamplingParams:
        """The same parameters with the tools, and with the thought that comes first. Raises RequestError."""
        params = self.tool_use().constrained(params, chat)
        if not thought_tokens:
            return params
        most = min(thought_tokens, params.max_tokens // 2)  # an answer needs room too
        return replace(params, thought=ThoughtParams(most, chat.thought_end))


class CompletionBody(_Sampling):
    prompt: str | Tokens | Annotated[list[str | Tokens], Field(min_length=1, max_length=MOST_CHOICES)]
    max_tokens: TokenLimit = 16
    logprobs: int | None = None
    best_of: int | None = Field(default=None, ge=1, le=MOST_CHOICES)

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


class EmbeddingBody(Body):
    model: str
    input: Annotated[list[str], BeforeValidator(as_list)] = Field(min_length=1, max_length=2048)
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


def _text_of(value: Any) -> Any:
    """Takes a document's text out of {"text": ...}."""
    return value["text"] if isinstance(value, dict) and "text" in value else value


class RerankBody(Body):
    model: str
    query: str = Field(min_length=1, max_length=10_000)
    documents: list[Annotated[str, BeforeValidator(_text_of)]] = Field(min_length=1, max_length=1000)
    top_n: int | None = Field(default=None, ge=1)
    return_documents: bool = False
