"""Tools (functions) that a model may call: what they are, how a model writes a call, and how it is told of them.

Chat templates differ. One that renders tools by itself gets them; where it does not, they are described in the system
text and calls are asked for in the widest spread form, that of Nous Hermes. The marks in a template tell the form.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engines.messages.marks import ARGUMENTS_FOLLOW, CALL_BEGINS, CALL_ENDS, CALL_LIST_FOLLOWS, CALLS_FOLLOW

_DESCRIPTION = """You can call the functions below. To call one, write nothing but

<tool_call>
{"name": NAME, "arguments": {ARGUMENT: VALUE}}
</tool_call>

and several of these, one below the other, for several calls. Their results are given to you then. Answer in words where
no function helps. The functions, as JSON Schema:
"""
_RESULT_ENDS = "</tool_response>"
_SHORT = 9  # characters


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
    """How calls are written: ``opens``, calls with ``between`` them, ``closes``. A call is ``before``, ``head``, the
    tool's name, ``middle``, the arguments as JSON, ``tail``, ``after``. ``mark`` begins it all and tells it from text;
    it may be a token by itself. Without ``several`` a message holds one call."""

    mark: str
    opens: str = ""
    before: str = ""
    head: str = '{"name": "'
    middle: str = '", "arguments": '
    tail: str = "}"
    after: str = ""
    between: str = ""
    closes: str = ""
    several: bool = True

    def written(self, calls: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
        """Names and arguments of calls, as a model writes them."""
        each = [self._call(name, json.dumps(arguments, ensure_ascii=False)) for name, arguments in calls]
        return self.opens + self.between.join(each) + self.closes if each else ""

    def _call(self, name: str, arguments: str) -> str:
        return f"{self.before}{self.head}{name}{self.middle}{arguments}{self.tail}{self.after}"


HERMES = ToolFormat(  # Qwen, SmolLM3, ...
    CALL_BEGINS, before=f"{CALL_BEGINS}\n", after=f"\n{CALL_ENDS}", between="\n"
)
MISTRAL = ToolFormat(CALLS_FOLLOW, opens=f"{CALLS_FOLLOW} [", between=", ", closes="]")
MISTRAL_NEMO = replace(MISTRAL, opens=f"{CALLS_FOLLOW}[")
MISTRAL_NAMED = ToolFormat(  # since 2025
    CALLS_FOLLOW, before=CALLS_FOLLOW, head="", middle=ARGUMENTS_FOLLOW, tail=""
)
GRANITE = ToolFormat(CALL_LIST_FOLLOWS, opens=f"{CALL_LIST_FOLLOWS}[", between=", ", closes="]")
LLAMA = ToolFormat('{"name": "', middle='", "parameters": ', several=False)


def tool_format(template: str | None) -> ToolFormat:
    """The form that goes with a chat template."""
    if template is None or HERMES.mark in template:
        return HERMES
    if CALLS_FOLLOW in template:
        if ARGUMENTS_FOLLOW in template:
            return MISTRAL_NAMED
        return MISTRAL_NEMO if MISTRAL_NEMO.opens in template else MISTRAL
    if CALL_LIST_FOLLOWS in template:
        return GRANITE
    return LLAMA if "<|python_tag|>" in template or '"parameters"' in template else HERMES


def with_calls_as_text(messages: Sequence[Mapping[str, Any]], form: ToolFormat) -> list[Mapping[str, Any]]:
    """The conversation for a template that shows an assistant's text alone: its calls stand in that."""
    found: list[Mapping[str, Any]] = []
    for message in messages:
        calls = [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or ()]
        found.append({**message, "content": message["content"] + form.written(calls)} if calls else message)
    return found


def with_short_names(messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The conversation with calls named by nine letters and digits, as Mistral's templates demand."""
    found: list[Mapping[str, Any]] = []
    for message in messages:
        changed = dict(message)
        if message.get("tool_call_id"):
            changed["tool_call_id"] = _short(message["tool_call_id"])
        if message.get("tool_calls"):
            changed["tool_calls"] = [{**call, "id": _short(str(call.get("id")))} for call in message["tool_calls"]]
        found.append(changed)
    return found


def _short(identity: str) -> str:
    fits = len(identity) == _SHORT and identity.isascii() and identity.isalnum()
    return identity if fits else hashlib.sha256(identity.encode()).hexdigest()[:_SHORT]


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
            made = [call["function"] for call in message.get("tool_calls") or ()]
            calls = HERMES.written([(function["name"], function["arguments"]) for function in made])
            texts = [text for text in (message["content"], calls) if text]
            found.append({"role": message["role"], "content": "\n".join(texts)})
    plain = [{"role": message["role"], "content": message["content"]} for message in found]
    if not tools:
        return list(plain)
    text = _DESCRIPTION + "\n".join(json.dumps(tool.plain()["function"], ensure_ascii=False) for tool in tools)
    if plain and plain[0]["role"] == "system":
        text = f"{plain.pop(0)['content']}\n\n{text}"
    return [{"role": "system", "content": text}, *plain]
