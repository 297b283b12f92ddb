"""Tools in the requests of OpenAI's API: what may be called, what must be, and calls of earlier messages."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import Field

from app.api.openai.body import Body
from engines.errors import RequestError
from engines.messages.tool_grammar import Choice, tool_grammar
from engines.messages.tools import Tool
from engines.model.chat import ChatEncoder
from engines.serving.sampling_params import SamplingParams

MOST_TOOLS = 128  # of a request, OpenAI's own limit
_NAME = r"^[A-Za-z0-9_.:/-]{1,128}$"  # OpenAI's names, and those that MCP makes of servers and tools
_NOTHING = {"type": "object", "properties": {}, "additionalProperties": False}


class Function(Body):
    name: str = Field(pattern=_NAME)
    description: str = ""
    parameters: dict[str, Any] = _NOTHING
    strict: bool = False

    def tool(self) -> Tool:
        return Tool(self.name, self.description, self.parameters or _NOTHING, self.strict)


class FunctionTool(Body):
    """A function that the model may call; the program that asks runs it."""

    type: Literal["function"]
    function: Function


class FunctionName(Body):
    name: str


class NamedTool(Body):
    type: Literal["function"]
    function: FunctionName


class AllowedTools(Body):
    mode: Literal["auto", "required"]
    tools: list[NamedTool] = Field(max_length=MOST_TOOLS)


class ToolSelection(Body):
    type: Literal["allowed_tools"]
    allowed_tools: AllowedTools


ToolChoice = Literal["none", "auto", "required"] | NamedTool | ToolSelection


class CalledFunction(Body):
    name: str
    arguments: str = "{}"


class EarlierCall(Body):
    """A call in an earlier message of the model."""

    id: str = ""
    type: Literal["function"] = "function"
    function: CalledFunction

    def plain(self) -> dict[str, Any]:
        """The form that chat templates expect. Raises RequestError for arguments that are no object."""
        try:
            arguments = json.loads(self.function.arguments or "{}")
        except ValueError as error:
            raise RequestError(f"The arguments of {self.function.name} are not JSON: {error}.", "") from error
        if not isinstance(arguments, dict):
            raise RequestError(f"The arguments of {self.function.name} are no JSON object.", "")
        return {"id": self.id, "type": "function", "function": {"name": self.function.name, "arguments": arguments}}


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The tools of a request that may be called, and whether one must be. Without tools, nothing is asked for."""

    tools: tuple[Tool, ...] = ()
    choice: Choice = "auto"
    several: bool = True

    def constrained(self, params: SamplingParams, chat: ChatEncoder) -> SamplingParams:
        """The same parameters, bound to text and calls as this model writes them."""
        if not self.tools:
            return params
        if params.regex is not None:
            raise RequestError("regex and tools were given.", "Leave one of them out.")
        grammar = tool_grammar(
            chat.form, self.tools, self.choice, several=self.several, marks=chat.marks, schema=params.json_schema
        )
        return replace(params, grammar=grammar, json_schema=None)


def tool_use(tools: Sequence[FunctionTool], choice: ToolChoice | None, *, several: bool) -> ToolUse:
    """Raises RequestError for a choice of what is not there."""
    known = {one.function.name: one.function.tool() for one in tools}
    if len(known) < len(tools):
        raise RequestError("tools holds a name twice.", "Give every function a name of its own.")
    if isinstance(choice, NamedTool):
        return ToolUse(_chosen(known, [choice]), "required", several=False)
    if isinstance(choice, ToolSelection):
        allowed = choice.allowed_tools
        return ToolUse(_chosen(known, allowed.tools), allowed.mode, several)
    if choice == "required" and not known:
        raise RequestError("tool_choice is required, and there are no tools.", "Give tools.")
    return ToolUse() if choice == "none" else ToolUse(tuple(known.values()), choice or "auto", several)


def _chosen(known: dict[str, Tool], names: Sequence[NamedTool]) -> tuple[Tool, ...]:
    for one in names:
        if one.function.name not in known:
            raise RequestError(f"tool_choice names {one.function.name!r}, which is not among the tools.", "")
    return tuple(known[one.function.name] for one in names)
