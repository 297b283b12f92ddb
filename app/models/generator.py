"""Implements rag's text generator with the engine: streams the text that a language model writes after messages."""

from collections.abc import Generator, Sequence

from app.models.setup import LocalModel
from engines.serving.sampling_params import SamplingParams
from engines.serving.sequence import INTERACTIVE
from rag.answer.prompt import Message

_HEARTBEAT_S = 0.1


class EngineGenerator:
    """Implements rag.answer.generative.TextGenerator. A person waits for the answer, so it goes before other
    requests."""

    def __init__(self, model: LocalModel, temperature: float = 0.0) -> None:
        self._model = model
        self._temperature = temperature

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def context(self) -> int:
        return self._model.context

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return len(self._encode(messages))

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Generator[str, None, None]:
        params = SamplingParams(max_tokens=max_tokens, temperature=self._temperature)
        with self._model.submit(self._encode(messages), params, INTERACTIVE) as generation:
            for delta in generation.deltas(_HEARTBEAT_S):
                yield delta.text if delta else ""

    def _encode(self, messages: Sequence[Message]) -> list[int]:
        return self._model.chat_tokens([{"role": m.role, "content": m.content} for m in messages])
