"""Implements rag's text generator with the engine: streams the text that a language model writes after messages."""

import json
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from app.models.setup import LocalModel
from engines.errors import RequestError
from engines.messages.reply_parts import Arguments, Call, Part, ReplyParser, Text, Thought
from engines.messages.tool_grammar import tool_grammar
from engines.messages.tools import Tool
from engines.serving.generation import Metrics
from engines.serving.sampling_params import SamplingParams, ThoughtParams
from engines.serving.sequence import INTERACTIVE
from rag.answer.generation.prompt import Message
from rag.answer.generation.repeated_search import ToolCall, ToolDescription
from rag.answer.generation.thoughts import Piece
from rag.types import ThoughtDelta, Writing

_HEARTBEAT_S = 0.1
_TELLING_TOKENS = 64  # of a prompt; with fewer the time says little of the speed


class EngineGenerator:
    """Implements rag.answer.generation.repeated_search.ToolCaller. A person waits for the answer, so it goes before
    other requests."""

    def __init__(self, model: LocalModel, temperature: float = 0.0, thinking_tokens: int = 0) -> None:
        self._model = model
        self._thinking_tokens = thinking_tokens if model.chat.thinks else 0
        self._temperature = temperature
        self._read_tokens_s = 0.0  # of prompts; 0 until something was read

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def context(self) -> int:
        return self._model.context

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return len(self._encode(messages, thinking=self._thinking_tokens > 0))

    def tokens_within(self, seconds: float) -> int | None:
        """By the last prompt that was read."""
        return int(seconds * self._read_tokens_s) if self._read_tokens_s else None

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Generator[Piece, None, Writing | None]:
        most = min(self._thinking_tokens, max_tokens // 2)
        thought = ThoughtParams(most, self._model.chat.thought_end) if most else None
        parser = ReplyParser(thinking=most > 0)
        params = SamplingParams(max_tokens=max_tokens, temperature=self._temperature, thought=thought)
        with self._model.submit(self._encode(messages, thinking=most > 0), params, INTERACTIVE) as generation:
            for delta in generation.deltas(_HEARTBEAT_S):
                yield from _told(parser.push(delta.text)) if delta else ("",)
            yield from _told(parser.finish())
        if generation.finished is None:
            return None
        metrics = generation.finished.metrics
        self._note_speed(metrics)
        return Writing(metrics.generated_tokens, 1 / metrics.tpot_s) if metrics.tpot_s > 0 else None

    def call(
        self, messages: Sequence[Message], tools: Sequence[ToolDescription], max_tokens: int
    ) -> Generator[None, None, ToolCall | None]:
        """The grammar lets the model write nothing but one call that fits. It makes none where the context has no room
        for messages, tools and ``max_tokens``, or its template refuses them."""
        model, described = self._model, [Tool(tool.name, tool.description, tool.parameters) for tool in tools]
        try:
            prompt = model.chat_tokens(_plain(messages), described)
            if model.room(prompt) < max_tokens:
                return None
        except RequestError:
            return None
        form = model.chat.form
        grammar = tool_grammar(form, described, "required", several=False, marks=model.chat.marks)
        params = SamplingParams(max_tokens=max_tokens, temperature=self._temperature, grammar=grammar)
        parser, found = ReplyParser(form), list[Part]()
        with model.submit(prompt, params, INTERACTIVE) as generation:
            for delta in generation.deltas(_HEARTBEAT_S):
                found += parser.push(delta.text) if delta else []
                yield
        return _call([*found, *parser.finish()])

    def _note_speed(self, metrics: Metrics) -> None:
        read, took = metrics.prompt_tokens - metrics.cached_tokens, metrics.ttft_s - metrics.queue_s
        if took > 0 and (read >= _TELLING_TOKENS or not self._read_tokens_s):
            self._read_tokens_s = read / took

    def _encode(self, messages: Sequence[Message], *, thinking: bool) -> list[int]:
        return self._model.chat_tokens(_plain(messages), thinking=thinking)


def _plain(messages: Sequence[Message]) -> list[dict[str, Any]]:
    return [{"role": message.role, "content": message.content} for message in messages]


def _told(parts: Sequence[Part]) -> Iterator[Piece]:
    """Thoughts, then what is said, which may be nothing."""
    if thought := "".join(part.text for part in parts if isinstance(part, Thought)):
        yield ThoughtDelta(thought)
    yield "".join(part.text for part in parts if isinstance(part, Text))


def _call(parts: Sequence[Part]) -> ToolCall | None:
    """The one call; None where it was cut off."""
    names = [part.name for part in parts if isinstance(part, Call)]
    try:
        arguments = json.loads("".join(part.text for part in parts if isinstance(part, Arguments)))
    except ValueError:
        return None
    return ToolCall(names[0], arguments) if names and isinstance(arguments, dict) else None
