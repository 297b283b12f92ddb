"""Makes the reply that is one answer of a model from its tokens, whole or in pieces."""

import secrets
import string
import time
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from app.api.openai.replies import (
    Alternative,
    CachedTokens,
    CalledFunction,
    ChatChoice,
    ChatChunk,
    ChatCompletion,
    ChatDelta,
    ChatLogprobs,
    ChatMessage,
    ChatPiece,
    ChatToken,
    Chunk,
    FinishReason,
    TextChoice,
    TextChunk,
    TextCompletion,
    TextLogprobs,
    TextPiece,
    ToolCall,
    ToolCallPiece,
    Usage,
)
from engines.messages.reply_parts import Arguments, Call, Part, ReplyParser, Text, Thought
from engines.model.tokenizer import ModelTokenizer
from engines.serving.generation import Finished
from engines.serving.sampling import SampledToken

_ID_CHARACTERS = string.ascii_letters + string.digits
_ID_LENGTH = 9  # and no other characters: Mistral's template refuses everything else


class Reply:
    """``index`` tells the answer from others of the same request. ``parser`` takes the text of a chat apart; without
    it, this is a plain completion."""

    def __init__(
        self,
        identity: str,
        model: str,
        tokenizer: ModelTokenizer,
        index: int,
        *,
        parser: ReplyParser | None,
        logprobs: bool,
    ) -> None:
        self._index = index
        self._head: dict[str, Any] = {"id": identity, "created": int(time.time()), "model": model}
        self._tokenizer = tokenizer
        self._parser = parser
        self._logprobs = logprobs
        self._offset = 0  # characters of the tokens reported so far

    def whole(self, text: str, tokens: Sequence[SampledToken], end: Finished) -> ChatChoice | TextChoice:
        """Makes one entry of ``choices``."""
        index = self._index
        if self._parser is not None:
            message = whole_message([*self._parser.push(text), *self._parser.finish()])
            logprobs = self._chat_logprobs(tokens)
            return ChatChoice(index=index, finish_reason=self._reason(end), logprobs=logprobs, message=message)
        logprobs_ = self._text_logprobs(tokens)
        return TextChoice(index=index, finish_reason=self._reason(end), logprobs=logprobs_, text=text)

    def frame(self, choices: Sequence[ChatChoice | TextChoice], used: Usage) -> ChatCompletion | TextCompletion:
        """Makes the whole response."""
        kind = TextCompletion if self._parser is None else ChatCompletion
        return kind.model_validate({**self._head, "choices": choices, "usage": used})

    def begin(self) -> list[Chunk]:
        """Makes what a stream begins with."""
        return [] if self._parser is None else [self._chat_chunk(ChatDelta(role="assistant", content=""))]

    def piece(self, text: str, tokens: Sequence[SampledToken]) -> list[Chunk]:
        """Makes the chunks of one delta; none where its text is held back."""
        if self._parser is None:
            return [self._text_chunk(text, logprobs=self._text_logprobs(tokens))]
        deltas = [_delta(part) for part in self._parser.push(text)]
        if self._logprobs and not deltas:
            deltas.append(ChatDelta())
        logprobs = [self._chat_logprobs(tokens), *[None] * len(deltas)]
        return [self._chat_chunk(delta, logprobs=told) for delta, told in zip(deltas, logprobs, strict=False)]

    def end(self, end: Finished) -> list[Chunk]:
        if self._parser is None:
            return [self._text_chunk("", finish_reason=self._reason(end))]
        rest = [self._chat_chunk(_delta(part)) for part in self._parser.finish()]
        return [*rest, self._chat_chunk(ChatDelta(), finish_reason=self._reason(end))]

    def usage(self, used: Usage) -> Chunk:
        """Makes the piece behind the end that ``include_usage`` asks for."""
        kind = TextChunk if self._parser is None else ChatChunk
        return kind(**self._head, choices=[], usage=used)

    def _reason(self, end: Finished) -> FinishReason:
        if end.reason == "length":
            return "length"
        return "tool_calls" if self._parser is not None and self._parser.calls else "stop"

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


def new_call_id() -> str:
    return "".join(secrets.choice(_ID_CHARACTERS) for _ in range(_ID_LENGTH))


def whole_message(parts: Sequence[Part]) -> ChatMessage:
    """Makes the message of all its parts."""
    text = "".join(part.text for part in parts if isinstance(part, Text))
    thought = "".join(part.text for part in parts if isinstance(part, Thought)).strip()
    arguments: dict[int, str] = {}
    for part in parts:
        if isinstance(part, Arguments):
            arguments[part.number] = arguments.get(part.number, "") + part.text
    calls = [
        ToolCall(id=new_call_id(), function=CalledFunction(name=part.name, arguments=arguments.get(part.number, "")))
        for part in parts
        if isinstance(part, Call)
    ]
    return ChatMessage(
        content=None if calls and not text else text, reasoning_content=thought or None, tool_calls=calls or None
    )


def _delta(part: Part) -> ChatDelta:
    if isinstance(part, Thought):
        return ChatDelta(reasoning_content=part.text)
    if isinstance(part, Text):
        return ChatDelta(content=part.text)
    if isinstance(part, Call):
        function = CalledFunction(name=part.name, arguments="")
        piece = ToolCallPiece(index=part.number, id=new_call_id(), type="function", function=function)
    else:
        piece = ToolCallPiece(index=part.number, function=CalledFunction(arguments=part.text))
    return ChatDelta(tool_calls=[piece])
