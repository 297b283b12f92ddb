"""Implements llama-index's ``LLM`` with the engine, so that everything written for llama-index can use it.

Options of a call are those of SamplingParams (``temperature``, ``max_tokens``, ``stop`` ...). This module
imports llama-index, so import it where it is used.
"""

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from pydantic import PrivateAttr

from app.models.setup import LocalModel
from engines.errors import RequestError
from engines.serving.generation import Generation
from engines.serving.sampling_params import SamplingParams


class DocentLLM(CustomLLM):
    """``DocentLLM(model)``; the model is opened and closed by whoever made it."""

    temperature: float = 0.0
    max_tokens: int = 512

    _model: LocalModel = PrivateAttr()

    def __init__(self, model: LocalModel, **settings: Any) -> None:
        super().__init__(**settings)
        self._model = model

    @classmethod
    def class_name(cls) -> str:
        return "DocentLLM"

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(
            context_window=self._model.context,
            num_output=self.max_tokens,
            is_chat_model=self._model.tokenizer.has_chat_template,
            model_name=self._model.name,
        )

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        with self._continue(self._model.tokenizer.encode(prompt), kwargs) as generation:
            text = generation.text()
        return CompletionResponse(text=text, raw=_raw(generation))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        generation = self._continue(self._model.tokenizer.encode(prompt), kwargs)

        def responses() -> Generator[CompletionResponse, None, None]:
            for text, delta in _growing(generation):
                yield CompletionResponse(text=text, delta=delta)

        return responses()

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        with self._continue(self._chat_tokens(messages), kwargs) as generation:
            text = generation.text()
        return ChatResponse(message=_reply(text), raw=_raw(generation))

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        generation = self._continue(self._chat_tokens(messages), kwargs)

        def responses() -> Generator[ChatResponse, None, None]:
            for text, delta in _growing(generation):
                yield ChatResponse(message=_reply(text), delta=delta)

        return responses()

    def _chat_tokens(self, messages: Sequence[ChatMessage]) -> list[int]:
        return self._model.chat_tokens([{"role": m.role.value, "content": m.content or ""} for m in messages])

    def _continue(self, tokens: list[int], options: dict[str, Any]) -> Generation:
        wanted: dict[str, Any] = {"temperature": self.temperature, "max_tokens": self.max_tokens, **options}
        wanted["max_tokens"] = min(int(wanted["max_tokens"]), self._model.room(tokens))
        stop = wanted.get("stop") or ()
        wanted["stop"] = (stop,) if isinstance(stop, str) else tuple(stop)
        try:
            params = SamplingParams(**wanted)
        except TypeError as error:
            unknown = sorted(set(wanted) - set(SamplingParams.__dataclass_fields__))
            raise RequestError(
                f"Unknown option {', '.join(unknown)}.", "See engines.serving.sampling_params.SamplingParams."
            ) from error
        return self._model.submit(tokens, params)


def _growing(generation: Generation) -> Iterator[tuple[str, str]]:
    """The text so far and its newest part; leaving early ends the generation."""
    text = ""
    with generation:
        for delta in generation:
            text += delta.text
            yield text, delta.text


def _reply(text: str) -> ChatMessage:
    return ChatMessage(role=MessageRole.ASSISTANT, content=text)


def _raw(generation: Generation) -> dict[str, Any]:
    done = generation.finished
    assert done is not None, "the text was read to its end"
    return {
        "finish_reason": done.reason,
        "usage": {
            "prompt_tokens": done.metrics.prompt_tokens,
            "completion_tokens": done.metrics.generated_tokens,
            "total_tokens": done.metrics.prompt_tokens + done.metrics.generated_tokens,
        },
    }
