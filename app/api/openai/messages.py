"""The messages of a chat in OpenAI's API: texts, calls of tools and their results."""

from typing import Annotated, Any, Literal

from pydantic import Field

from app.api.openai.body import Body
from app.api.openai.tools import EarlierCall
from engines.model.tokenizer import Message

MOST_MESSAGES = 4096


class TextPart(Body):
    type: Literal["text"]
    text: str


class ChatMessage(Body):
    """A message; of the role "tool" it is the result of a call, which ``tool_call_id`` names."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | Annotated[list[TextPart], Field(max_length=MOST_MESSAGES, fail_fast=True)] = ""
    name: str | None = None
    tool_calls: list[EarlierCall] = Field(default=[], max_length=MOST_MESSAGES, fail_fast=True)
    tool_call_id: str | None = None

    def plain(self) -> Message:
        text = self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)
        message: dict[str, Any] = {"role": "system" if self.role == "developer" else self.role, "content": text}
        if self.role == "assistant" and self.tool_calls:
            message["tool_calls"] = [call.plain() for call in self.tool_calls]
        if self.role == "tool":
            message |= {"tool_call_id": self.tool_call_id or "", "name": self.name or ""}
        return message
