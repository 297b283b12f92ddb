"""The requests of ``/v1/responses``, and the chat that each of them stands for.

A response is not stored: the items that it gave go into the next request's ``input``.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from app.api.openai.body import Body, TokenLimit
from app.api.openai.messages import MOST_MESSAGES
from app.api.openai.requests import ChatBody
from app.api.openai.tools import MOST_TOOLS

_Texts = Literal["input_text", "output_text", "text"]


class Part(Body):
    type: _Texts
    text: str


Content = str | Annotated[list[Part], Field(max_length=MOST_MESSAGES, fail_fast=True)]


class MessageItem(Body):
    """``type`` may be left out. What a response's message has besides is not needed."""

    type: Literal["message"]
    role: Literal["system", "developer", "user", "assistant"]
    content: Content


class CallItem(Body):
    """A call of an earlier response."""

    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str = "{}"


class OutputItem(Body):
    """What a call gave."""

    type: Literal["function_call_output"]
    call_id: str
    output: Content


class ThoughtItem(Body):
    """What an earlier response thought: models do not read it again."""

    type: Literal["reasoning"]


Item = Annotated[MessageItem | CallItem | OutputItem | ThoughtItem, Field(discriminator="type")]


class Format(Body):
    type: Literal["text", "json_object", "json_schema"]
    name: str = ""
    description: str = ""
    strict: bool = True
    content: dict[str, Any] = Field(default_factory=dict, alias="schema")


class TextOptions(Body):
    format: Format = Format(type="text")


class ReasoningOptions(Body):
    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None


class FlatTool(Body):
    """A function that the model may call; the program that asks runs it."""

    type: Literal["function"]  # the first to be complained about
    name: str
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    strict: bool = False


class FlatName(Body):
    type: Literal["function"]
    name: str


class FlatSelection(Body):
    type: Literal["allowed_tools"]
    mode: Literal["auto", "required"]
    tools: list[FlatName] = Field(max_length=MOST_TOOLS)


def _items(value: Any) -> Any:
    """Makes a text a message, and gives items without a type the one that they have."""
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": value}]
    if not isinstance(value, list):
        return value
    return [{"type": "message", **item} if isinstance(item, dict) and "role" in item else item for item in value]


class ResponseBody(Body):
    """``store`` is not asked for by its default, and nothing is stored."""

    unsupported: ClassVar[Mapping[str, tuple[object, ...]]] = {
        **Body.unsupported,
        "prompt": (),
        "include": (["reasoning.encrypted_content"],),
        "truncation": ("disabled",),
        "max_tool_calls": (),
        "context_management": (),
        "top_logprobs": (),
    }

    model: str
    input: Annotated[list[Item], BeforeValidator(_items)] = Field(
        min_length=1, max_length=MOST_MESSAGES, fail_fast=True
    )
    instructions: str | None = None
    max_output_tokens: TokenLimit = None
    temperature: float = 1.0
    top_p: float = 1.0
    stream: bool = False
    text: TextOptions = TextOptions()
    tools: list[FlatTool] = Field(default=[], max_length=MOST_TOOLS)
    tool_choice: Literal["none", "auto", "required"] | FlatName | FlatSelection = "auto"
    parallel_tool_calls: bool = True
    reasoning: ReasoningOptions = ReasoningOptions()
    metadata: dict[str, str] = Field(default_factory=dict)

    def chat(self) -> ChatBody:
        """The same as a request of the chat. Raises pydantic.ValidationError where that cannot hold it."""
        form = self.text.format
        schema = {"name": form.name, "schema": form.content}
        return ChatBody.model_validate(
            {
                "model": self.model,
                "messages": list(self._messages()),
                "max_completion_tokens": self.max_output_tokens,
                "temperature": self.temperature,
                "top_p": self.top_p,
                "stream": self.stream,
                "response_format": {"type": form.type, "json_schema": schema},
                "tools": [{"type": "function", "function": tool.model_dump(exclude={"type"})} for tool in self.tools],
                "tool_choice": _choice(self.tool_choice),
                "parallel_tool_calls": self.parallel_tool_calls,
                "reasoning_effort": self.reasoning.effort,
            }
        )

    def _messages(self) -> Iterator[dict[str, Any]]:
        if self.instructions:
            yield {"role": "system", "content": self.instructions}
        yield from _joined(self.input)


def _joined(items: Iterable[MessageItem | CallItem | OutputItem | ThoughtItem]) -> Iterator[dict[str, Any]]:
    """Messages; the calls that follow an assistant's text, or each other, belong to one message."""
    said: dict[str, Any] | None = None
    names: dict[str, str] = {}
    for item in items:
        if isinstance(item, CallItem):
            said = said or {"role": "assistant", "content": "", "tool_calls": []}
            function = {"name": item.name, "arguments": item.arguments}
            said["tool_calls"].append({"id": item.call_id, "type": "function", "function": function})
            names[item.call_id] = item.name
            continue
        if isinstance(item, ThoughtItem):
            continue
        if said is not None:
            yield said
            said = None
        if isinstance(item, OutputItem):
            name = names.get(item.call_id, "")
            yield {"role": "tool", "tool_call_id": item.call_id, "name": name, "content": _text(item.output)}
        elif item.role == "assistant":
            said = {"role": "assistant", "content": _text(item.content), "tool_calls": []}
        else:
            yield {"role": item.role, "content": _text(item.content)}
    if said is not None:
        yield said


def _text(content: str | list[Part]) -> str:
    return content if isinstance(content, str) else "\n".join(part.text for part in content)


def _choice(choice: str | FlatName | FlatSelection) -> Any:
    if isinstance(choice, str):
        return choice
    if isinstance(choice, FlatName):
        return _named(choice)
    tools = [_named(one) for one in choice.tools]
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": tools}}


def _named(one: FlatName) -> dict[str, Any]:
    return {"type": "function", "function": {"name": one.name}}
