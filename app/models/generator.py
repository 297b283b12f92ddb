"""Implements rag's text generator with the engine: streams the text that a language model writes after messages."""

from collections.abc import Generator, Sequence

from app.models.setup import LocalModel
from engines.messages.reply_parts import Part, ReplyParser, Text
from engines.serving.generation import Metrics
from engines.serving.sampling_params import SamplingParams, ThoughtParams
from engines.serving.sequence import INTERACTIVE
from rag.answer.prompt import Message

_HEARTBEAT_S = 0.1
_TELLING_TOKENS = 64  # of a prompt; with fewer the time says little of the speed


class EngineGenerator:
    """Implements rag.answer.generative.TextGenerator. A person waits for the answer, so it goes before other
    requests."""

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

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Generator[str, None, None]:
        """What the model thinks stays out."""
        most = min(self._thinking_tokens, max_tokens // 2)
        thought = ThoughtParams(most, self._model.chat.thought_end) if most else None
        parser = ReplyParser(thinking=most > 0)
        params = SamplingParams(max_tokens=max_tokens, temperature=self._temperature, thought=thought)
        with self._model.submit(self._encode(messages, thinking=most > 0), params, INTERACTIVE) as generation:
            for delta in generation.deltas(_HEARTBEAT_S):
                yield _said(parser.push(delta.text)) if delta else ""
            yield _said(parser.finish())
            if generation.finished is not None:
                self._note_speed(generation.finished.metrics)

    def _note_speed(self, metrics: Metrics) -> None:
        read, took = metrics.prompt_tokens - metrics.cached_tokens, metrics.ttft_s - metrics.queue_s
        if took > 0 and (read >= _TELLING_TOKENS or not self._read_tokens_s):
            self._read_tokens_s = read / took

    def _encode(self, messages: Sequence[Message], *, thinking: bool) -> list[int]:
        plain = [{"role": message.role, "content": message.content} for message in messages]
        return self._model.chat_tokens(plain, thinking=thinking)


def _said(parts: Sequence[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text))
