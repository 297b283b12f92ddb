"""Tools and thoughts through OpenAI's own client."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.app.api.openai_server import Served
from tests.engines.small_tokenizer import CHAT_TEMPLATE

THINKING = CHAT_TEMPLATE + "{% if not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>'
OTHER = '<tool_call>\n{"name": "time", "arguments": {}}\n</tool_call>'
CITY = {"type": "object", "properties": {"city": {"enum": ["Rome", "Oslo"]}}, "required": ["city"]}
TOOLS: Any = [
    {"type": "function", "function": {"name": "weather", "description": "Tells it.", "parameters": CITY}},
    {"type": "function", "function": {"name": "time", "parameters": None, "strict": None}},
]
QUESTION: Any = [{"role": "user", "content": "How is the weather in Rome?"}]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    opened: list[Served] = []

    def start(reply: str, template: str = CHAT_TEMPLATE) -> Served:
        opened.append(Served(tmp_path / str(len(opened)), reply, template=template))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def chat(served: Served, **options: Any) -> Any:
    wanted = {"model": "saying", "messages": QUESTION, "temperature": 0, "max_tokens": 300, **options}
    return served.client.chat.completions.create(**wanted)


def streamed(served: Served, **options: Any) -> tuple[str, str, list[list[str]], str]:
    """Text, thought, [name, arguments] of each call and the reason of the end."""
    text, thought, reason = "", "", ""
    calls: list[list[str]] = []
    for chunk in chat(served, stream=True, **options):
        delta = chunk.choices[0].delta
        text += delta.content or ""
        thought += getattr(delta, "reasoning_content", None) or ""
        for piece in delta.tool_calls or []:
            if piece.id:
                assert piece.index == len(calls) and piece.type == "function"
                calls.append([piece.function.name, ""])
            calls[piece.index][1] += piece.function.arguments
        reason = chunk.choices[0].finish_reason or reason
    return text, thought, calls, reason


def test_the_model_calls_tools_or_answers(serve: Callable[..., Served]) -> None:
    calling = serve(f"I look.\n{CALL}\n{OTHER}")
    choice = chat(calling, tools=TOOLS).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content.strip() == "I look."
    made = [(call.function.name, json.loads(call.function.arguments)) for call in choice.message.tool_calls]
    assert made == [("weather", {"city": "Rome"}), ("time", {})]
    assert len({call.id for call in choice.message.tool_calls}) == 2
    text, _, calls, reason = streamed(calling, tools=TOOLS)
    assert (text.strip(), reason) == ("I look.", "tool_calls")
    assert calls == [["weather", '{"city": "Rome"}'], ["time", "{}"]]
    alone = chat(calling, tools=TOOLS, parallel_tool_calls=False).choices[0].message
    assert [call.function.name for call in alone.tool_calls] == ["weather"]
    answering = serve("It is sunny.")
    assert chat(answering, tools=TOOLS).choices[0].message.content == "It is sunny."
    assert chat(answering, tools=TOOLS).choices[0].message.tool_calls is None
    assert streamed(answering, tools=TOOLS) == ("It is sunny.", "", [], "stop")


def test_a_call_can_be_demanded_or_ruled_out(serve: Callable[..., Served]) -> None:
    served = serve("It is sunny.")
    demanded = chat(served, tools=TOOLS, tool_choice="required").choices[0]
    assert demanded.finish_reason == "tool_calls" and demanded.message.content is None
    for name in ("weather", "time"):
        named = {"type": "function", "function": {"name": name}}
        (call,) = chat(served, tools=TOOLS, tool_choice=named).choices[0].message.tool_calls
        assert call.function.name == name
        assert json.loads(call.function.arguments) in ({"city": "Rome"}, {"city": "Oslo"}, {})
        allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [named]}}
        made = chat(served, tools=TOOLS, tool_choice=allowed, parallel_tool_calls=False).choices[0].message.tool_calls
        assert [call.function.name for call in made] == [name]
    assert chat(serve(CALL), tools=TOOLS, tool_choice="none").choices[0].message.content == CALL


def test_the_results_of_calls_go_on_in_the_conversation(serve: Callable[..., Served]) -> None:
    served = serve(CALL)
    first = chat(served, tools=TOOLS).choices[0].message
    result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "sunny"}
    before = chat(served, tools=TOOLS).usage.prompt_tokens
    after = chat(served, tools=TOOLS, messages=[*QUESTION, first.model_dump(), result])
    assert after.usage.prompt_tokens > before
    broken = first.model_dump()
    broken["tool_calls"][0]["function"]["arguments"] = "{"
    with pytest.raises(openai.BadRequestError, match="weather"):
        chat(served, tools=TOOLS, messages=[*QUESTION, broken, result])


def test_text_beside_tools_can_have_a_form_too(serve: Callable[..., Served]) -> None:
    schema = {"type": "object", "properties": {"sunny": {"type": "boolean"}}, "required": ["sunny"]}
    form = {"type": "json_schema", "json_schema": {"name": "w", "schema": {**schema, "additionalProperties": False}}}
    said = chat(serve('{"sunny":true}'), tools=TOOLS, response_format=form).choices[0].message
    assert json.loads(said.content) == {"sunny": True}
    assert chat(serve(CALL), tools=TOOLS, response_format=form).choices[0].message.tool_calls


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"tools": [], "tool_choice": "required"}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "other"}}}, "other"),
        ({"tools": [*TOOLS, TOOLS[0]]}, "twice"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "name"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "odd"}}}]}, "odd"),
        ({"tools": TOOLS, "extra_body": {"regex": "a"}}, "regex"),
        ({"tools": TOOLS, "extra_body": {"num_beams": 2}}, "grammar"),
    ],
)
def test_a_wrong_use_is_named(serve: Callable[..., Served], wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(openai.BadRequestError, match=named):
        chat(serve(CALL), **wrong)


def test_a_thought_is_kept_apart_and_bounded(serve: Callable[..., Served]) -> None:
    served = serve("<think>\nThey want the weather.\n</think>\n\nIt is sunny.", THINKING)
    options = {"reasoning_effort": "low"}
    message = chat(served, **options).choices[0].message
    assert message.content == "It is sunny."
    assert message.reasoning_content == "They want the weather."
    text, thought, _, reason = streamed(served, **options)
    assert (text, thought.strip(), reason) == ("It is sunny.", "They want the weather.", "stop")
    switched = chat(served, extra_body={"chat_template_kwargs": {"enable_thinking": True}}).choices[0].message
    assert switched.reasoning_content == message.reasoning_content
    short = chat(served, max_tokens=30, **options).choices[0].message
    assert short.reasoning_content == "They want the weather."[: len(short.reasoning_content)]
    assert len(short.reasoning_content) < len("They want the weather.")
    at_once = chat(served).choices[0].message
    assert "reasoning_content" not in at_once.model_dump()
