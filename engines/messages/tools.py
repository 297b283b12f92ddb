"""Tools (functions) that a model may call: what they are, how a model writes a call, and how it is told of them.

Chat templates differ. One that renders tools by itself gets them; where it does not, they are described in the system
text and calls are asked for in the widest spread form, that of Nous Hermes. The marks in a template tell the form.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engines.messages.marks import CALL_BEGINS, CALL_ENDS, CALLS_FOLLOW

_DESCRIPTION = """You can call the functions below. To call one, write nothing but

<tool_call>
{"name": NAME, "arguments": {ARGUMENT: VALUE}}
</tool_call>

and several of these, one below the other, for several calls. Their results are given to you then. Answer in words where
no function helps. The functions, as JSON Schema:
"""
_RESULT_ENDS = "</tool_response>"


@dataclass(frozen=True, slots=True)
class Tool:
    """``parameters`` is a JSON Schema of an object. What a schema asks for and cannot be kept is an error with
    ``strict`` and left out without."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    strict: bool = False

    def plain(self) -> dict[str, Any]:
        """The form that chat templates expect."""
        function = {"name": self.name, "description": self.description, "parameters": dict(self.parameters)}
        return {"type": "function", "function": function}


@dataclass(frozen=True, slots=True)
class ToolFormat:
    """How calls are written: ``opens``, calls with ``between`` them, ``closes``. A call is ``before``, an object with
    the name and ``arguments``, ``after``. ``mark`` begins it all and tells it from text; it may be a token by itself.
    Without ``several`` a message holds one call."""

    mark: str
    opens: str = ""
    before: str = ""
    arguments: str = "arguments"
    after: str = ""
    between: str = ""
    closes: str = ""
    several: bool = True

    @property
    def head(self) -> str:
        """The beginning of each call's object, up to the name."""
        return '{"name": "'


HERMES = ToolFormat(  # Qwen, SmolLM3, ...
    CALL_BEGINS, before=f"{CALL_BEGINS}\n", after=f"\n{CALL_ENDS}", between="\n"
)
MISTRAL = ToolFormat(CALLS_FOLLOW, opens=f"{CALLS_FOLLOW} [", between=", ", closes="]")
LLAMA = ToolFormat('{"name": "', arguments="parameters", several=False)


def tool_format(template: str | None) -> ToolFormat:
    """The form that goes with a chat template."""
    if template is not None and HERMES.mark not in template:
        if MISTRAL.mark in template:
            return MISTRAL
        if "<|python_tag|>" in template or '"parameters"' in template:
            return LLAMA
    return HERMES


def described(messages: Sequence[Mapping[str, Any]], tools: Sequence[Tool]) -> list[Mapping[str, Any]]:
    """The conversation for a template that knows no tools: they stand in the system text, calls and results in the
    texts of assistant and user."""
    found: list[Mapping[str, Any]] = []
    for message in messages:
        if message["role"] == "tool":
            result = message["content"].replace(_RESULT_ENDS, f"{_RESULT_ENDS[0]} {_RESULT_ENDS[1:]}")
            text = f"<tool_response>\n{result}\n{_RESULT_ENDS}"
            if found and found[-1].get("results"):
                found[-1] = {**found[-1], "content": f"{found[-1]['content']}\n{text}"}
            else:
                found.append({"role": "user", "content": text, "results": True})
        else:
            calls = [_written(call["function"]) for call in message.get("tool_calls") or ()]
            said = [message["content"]] if message["content"] else []
            found.append({"role": message["role"], "content": "\n".join([*said, *calls])})
    plain = [{"role": message["role"], "content": message["content"]} for message in found]
    if not tools:
        return list(plain)
    text = _DESCRIPTION + "\n".join(json.dumps(tool.plain()["function"], ensure_ascii=False) for tool in tools)
    if plain and plain[0]["role"] == "system":
        text = f"{plain.pop(0)['content']}\n\n{text}"
    return [{"role": "system", "content": text}, *plain]


def _written(function: Mapping[str, Any]) -> str:
    call = {"name": function["name"], "arguments": function["arguments"]}
    return f"{HERMES.before}{json.dumps(call, ensure_ascii=False)}{HERMES.after}"
