"""The grammar of messages with calls, in llguidance's dialect of Lark: a call names a tool and fits its schema.

The text of a message is free until a call's mark begins; from there on nothing but calls follows. Where the mark is a
token of its own, no text can spell it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from engines.messages.tools import LLAMA, Tool, ToolFormat

Choice = Literal["auto", "required"]
_SEPARATORS = {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": False}  # as Python writes JSON
_SAYS_MORE = frozenset(
    (
        "additionalProperties",
        "patternProperties",
        "unevaluatedProperties",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "if",
        "$ref",
    )
)
_ANY_TEXT = r"/(.|\n)*/"


def tool_grammar(
    form: ToolFormat,
    tools: Sequence[Tool],
    choice: Choice,
    *,
    several: bool,
    marks: Mapping[str, int],
    schema: str | None = None,
) -> str:
    """``marks`` are the tokenizer's added tokens by their texts; ``schema`` is what a message without calls must fit,
    as the text of a JSON Schema."""
    call = f"{_literal(form.before, marks)} object {_literal(form.after, marks)}".strip()
    more = f"({_literal(form.between, marks)} call)*" if several and form.several else ""
    rules = [
        f"calls: {_literal(form.opens, marks)} call {more} {_literal(form.closes, marks)}",
        f"call: {call}",
        "object: " + " | ".join(f"tool_{number}" for number in range(len(tools))),
    ]
    for number, tool in enumerate(tools):
        head, tail = _literal(f"{form.head}{tool.name}{form.middle}", marks), _literal(form.tail, marks)
        rules.append(f"tool_{number}: {head} %json {_object_schema(tool)} {tail}".rstrip())
    if choice == "required":
        rules.append("start: calls")
    elif schema is not None:
        rules.append(f"start: calls | %json {schema}")
    else:
        rules += _beside_text(form, marks, more)
    return "\n".join(rules)


def _beside_text(form: ToolFormat, marks: Mapping[str, int], more: str) -> list[str]:
    """The start of a message that may be text, text and calls, or calls."""
    if form is LLAMA:  # whose calls have no mark: a message is one or the other
        return [r"start: calls | TEXT", r"TEXT: /([^{](.|\n)*)?/"]
    if form.mark in marks:
        return ["start: TEXT calls?", f"TEXT: {_ANY_TEXT}"]
    begun = (form.opens + form.before).removeprefix(form.mark)
    # A lazy rule ends with the first mark, so that no text runs on over it.
    return [
        f"start: TEXT | marked {_literal(begun, marks)} object {_literal(form.after, marks)} {more} "
        f"{_literal(form.closes, marks)}",
        f"marked[lazy]: TEXT {json.dumps(form.mark)}",
        f"TEXT: {_ANY_TEXT}",
    ]


def _literal(text: str, marks: Mapping[str, int]) -> str:
    """A text in the grammar; tokens of the tokenizer that are not spelt by others are named by their numbers."""
    if not text:
        return ""
    for mark in marks:
        if mark and mark in text:
            before, after = text.split(mark, 1)
            return " ".join(filter(None, (_literal(before, marks), f"<[{marks[mark]}]>", _literal(after, marks))))
    return json.dumps(text)


def _object_schema(tool: Tool) -> str:
    options: dict[str, Any] = {**_SEPARATORS, "lenient": not tool.strict}
    return json.dumps({"type": "object", **_closed(tool.parameters), "x-guidance": options})


def _closed(schema: Any) -> Any:
    """The same schema, whose objects hold nothing but what they name unless it says more: a model that may invent
    properties does. What several schemas say of one object stays as it is."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    found = dict(schema)
    for key in ("items", "anyOf", "oneOf", "prefixItems"):
        if key in found:
            found[key] = _closed(found[key])
    for key in ("properties", "$defs", "definitions"):
        if isinstance(found.get(key), Mapping):
            found[key] = {name: _closed(one) for name, one in found[key].items()}
    if "properties" in found and not _SAYS_MORE & found.keys():
        found["additionalProperties"] = False
    return found
