"""Encodes a conversation as token ids and keeps the marks of the chat template apart from people's text.

A text that holds ``<|im_end|>`` or another special token of the model must not end a message or begin one in another
role. Such a mark inside a message is broken up before the template sees it.
"""

import json
import re
from collections.abc import Mapping, Sequence

from engines.errors import RequestError
from engines.model.tokenizer import Message, ModelTokenizer


class ChatEncoder:
    """Thread-safe."""

    def __init__(self, tokenizer: ModelTokenizer) -> None:
        self._tokenizer = tokenizer
        self._marks = _marks(tokenizer)

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """The prompt for the next message. A model without a system role gets the system text in front of the first
        question. Raises RequestError when the template refuses the conversation."""
        plain: list[Message] = [
            {"role": message["role"], "content": self.without_marks(message["content"])} for message in messages
        ]
        try:
            return self._tokenizer.encode_prompt(self._tokenizer.render_chat(plain))
        except RequestError:
            merged = _system_merged(plain)
            if merged == plain:
                raise
            return self._tokenizer.encode_prompt(self._tokenizer.render_chat(merged))

    def without_marks(self, text: str) -> str:
        """The text with a space inside every special token that it spells."""
        return text if self._marks is None else self._marks.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)


def _marks(tokenizer: ModelTokenizer) -> re.Pattern[str] | None:
    added = json.loads(tokenizer.to_json()).get("added_tokens") or []
    # Those of one character stand for themselves; breaking them up would change ordinary text.
    texts = sorted((token["content"] for token in added if len(token["content"].strip()) > 1), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, texts))) if texts else None


def _system_merged(messages: Sequence[Message]) -> list[Message]:
    """The system text put in front of the first message of the user."""
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    others: list[Mapping[str, str]] = [message for message in messages if message["role"] != "system"]
    first = next((index for index, message in enumerate(others) if message["role"] == "user"), None)
    if not system or first is None:
        return list(messages)
    others[first] = {"role": "user", "content": f"{system}\n\n{others[first]['content']}"}
    return others
