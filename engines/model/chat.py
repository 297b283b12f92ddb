"""Encodes a conversation as token ids and keeps the marks of the chat template apart from people's text.

A text that holds ``<|im_end|>`` or another special token of the model must not end a message or begin one in another
role. Such a mark inside a message is broken up before the template sees it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from engines.errors import RequestError
from engines.messages.marks import CALLS_FOLLOW, THOUGHT_BEGINS, THOUGHT_ENDS
from engines.messages.tools import Tool, described, tool_format, with_calls_as_text, with_short_names
from engines.model.tokenizer import Message, ModelTokenizer


class ChatEncoder:
    """Thread-safe. ``form`` is how the model writes calls of tools, ``marks`` are the tokenizer's added tokens."""

    def __init__(self, tokenizer: ModelTokenizer) -> None:
        self._tokenizer = tokenizer
        self.marks = tokenizer.added_tokens
        self._pattern = _pattern(self.marks)
        self._knows_tools = tokenizer.template_reads("tools")
        self.form = tool_format(tokenizer.chat_template if self._knows_tools else None)

    @property
    def thinks(self) -> bool:
        """Whether this model was made to think before it answers."""
        return THOUGHT_BEGINS in (self._tokenizer.chat_template or "") or THOUGHT_BEGINS in self.marks

    @property
    def thought_end(self) -> tuple[int, ...]:
        """The tokens that end a thought."""
        return tuple(self._tokenizer.encode_prompt(f"\n{THOUGHT_ENDS}\n\n"))

    def encode(self, messages: Sequence[Message], tools: Sequence[Tool] = (), *, thinking: bool = False) -> list[int]:
        """The prompt for the next message; with ``thinking`` it ends inside a thought. A model without a system role
        gets the system text in front of the first question. Raises RequestError when the template refuses the
        conversation."""
        plain: list[Message] = [self._broken_up(message) for message in messages]
        known = [self._broken_up(tool.plain()) for tool in tools]
        if any(_has_calls(message) for message in plain) and self._knows_tools:
            plain = self._as_the_template_has_calls(plain)
        elif not self._knows_tools and (tools or any(_has_calls(message) for message in plain)):
            plain, known = described(plain, tools), []
        try:
            text = self._tokenizer.render_chat(plain, known, thinking=thinking)
        except RequestError:
            merged = _system_merged(plain)
            if merged == plain:
                raise
            text = self._tokenizer.render_chat(merged, known, thinking=thinking)
        return self._tokenizer.encode_prompt(_with_thought(text, thinking))

    def _as_the_template_has_calls(self, messages: Sequence[Message]) -> list[Message]:
        named = with_short_names(messages) if self.form.mark == CALLS_FOLLOW else list(messages)
        shown = "tool_calls" in (self._tokenizer.chat_template or "")
        return named if shown else with_calls_as_text(named, self.form)

    def without_marks(self, text: str) -> str:
        """The text with a space inside every special token that it spells."""
        return text if self._pattern is None else self._pattern.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)

    def _broken_up(self, value: Any) -> Any:
        """The same value with every text in it ``without_marks``."""
        if isinstance(value, str):
            return self.without_marks(value)
        if isinstance(value, Mapping):
            return {self.without_marks(key): self._broken_up(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._broken_up(inner) for inner in value]
        return value


def _with_thought(text: str, thinking: bool) -> str:
    """A prompt that ends inside a thought, or behind one, whatever the template makes of it."""
    inside = text.rstrip().endswith(THOUGHT_BEGINS)
    if thinking:
        return text if inside else f"{text}{THOUGHT_BEGINS}\n"
    return f"{text.rstrip()}\n\n{THOUGHT_ENDS}\n\n" if inside else text


def _pattern(marks: Mapping[str, int]) -> re.Pattern[str] | None:
    # Those of one character stand for themselves; breaking them up would change ordinary text.
    texts = sorted((mark for mark in marks if len(mark.strip()) > 1), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, texts))) if texts else None


def _has_calls(message: Message) -> bool:
    return message["role"] == "tool" or bool(message.get("tool_calls"))


def _system_merged(messages: Sequence[Message]) -> list[Message]:
    """The system text put in front of the first message of the user."""
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    others: list[Message] = [message for message in messages if message["role"] != "system"]
    first = next((index for index, message in enumerate(others) if message["role"] == "user"), None)
    if not system or first is None:
        return list(messages)
    others[first] = {"role": "user", "content": f"{system}\n\n{others[first]['content']}"}
    return others
