"""``/v1/responses`` through OpenAI's own client."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.app.api.openai_server import REPLY, TOKEN, Served
from tests.app.api.test_openai_tools import CALL, CITY, OTHER, THINKING
from tests.engines.small_tokenizer import CHAT_TEMPLATE

TOOLS: Any = [
    {"type": "function", "name": "weather", "description": "Tells it.", "parameters": CITY, "strict": True},
    {"type": "function", "name": "time", "parameters": None, "strict": None},
]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    opened: list[Served] = []

    def start(reply: str = REPLY, template: str = CHAT_TEMPLATE) -> Served:
        opened.append(Served(tmp_path / str(len(opened)), reply, template=template))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def respond(served: Served, **options: Any) -> Any:
    wanted = {"model": "saying", "input": "What does it eat?", "temperature": 0, "max_output_tokens": 300, **options}
    return served.client.responses.create(**wanted)


def test_a_text_is_answered(serve: Callable[..., Served]) -> None:
    served = serve()
    reply = respond(served, instructions="Be short.", metadata={"a": "b"})
    assert reply.output_text == REPLY
    assert (reply.status, reply.error, reply.incomplete_details) == ("completed", None, None)
    assert (reply.instructions, reply.metadata, reply.object) == ("Be short.", {"a": "b"}, "response")
    (message,) = reply.output
    assert (message.type, message.role, message.status) == ("message", "assistant", "completed")
    assert reply.usage.total_tokens == reply.usage.input_tokens + reply.usage.output_tokens
    assert reply.usage.output_tokens > 1
    assert respond(served).usage.input_tokens < reply.usage.input_tokens
    short = respond(served, max_output_tokens=5)
    assert (short.status, short.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert REPLY.startswith(short.output_text) and short.output[0].status == "incomplete"


def test_the_input_can_be_a_conversation(serve: Callable[..., Served]) -> None:
    served = serve()
    first = respond(served)
    earlier = [{"role": "user", "content": [{"type": "input_text", "text": "What does it eat?"}]}, *first.output]
    again = respond(served, input=[*earlier, {"role": "user", "content": "And where?"}])
    assert again.output_text == REPLY
    chat: Any = [
        {"role": "user", "content": "What does it eat?"},
        {"role": "assistant", "content": REPLY},
        {"role": "user", "content": "And where?"},
    ]
    same = served.client.chat.completions.create(model="saying", messages=chat, max_tokens=1).usage
    assert same is not None and again.usage.input_tokens == same.prompt_tokens


def test_a_stream_tells_how_the_response_grows(serve: Callable[..., Served]) -> None:
    served = serve()
    events = list(respond(served, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type.removeprefix("response.") for event in events]
    assert kinds[:4] == ["created", "in_progress", "output_item.added", "content_part.added"]
    assert kinds[-4:] == ["output_text.done", "content_part.done", "output_item.done", "completed"]
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == REPLY
    assert events[-1].response.output_text == REPLY and events[-1].response.usage.output_tokens > 1
    with served.client.responses.stream(model="saying", input="x", temperature=0) as helped:
        assert [event.type for event in helped][-1] == "response.completed"
        assert helped.get_final_response().output_text == REPLY


def test_functions_are_called_and_their_outputs_read(serve: Callable[..., Served]) -> None:
    served = serve(f"I look.\n{CALL}\n{OTHER}")
    reply = respond(served, tools=TOOLS)
    text, *calls = reply.output
    assert text.content[0].text.strip() == "I look."
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [("weather", {"city": "Rome"}), ("time", {})]
    asked = {"role": "user", "content": "How is the weather in Rome?"}
    outputs = [{"type": "function_call_output", "call_id": call.call_id, "output": "sunny"} for call in calls]
    before = respond(served, input=[asked], tools=TOOLS).usage.input_tokens
    assert respond(served, input=[asked, *reply.output, *outputs], tools=TOOLS).usage.input_tokens > before
    events = list(respond(served, tools=TOOLS, stream=True))
    told = [event for event in events if event.type == "response.function_call_arguments.done"]
    assert [(event.name, json.loads(event.arguments)) for event in told] == [
        ("weather", {"city": "Rome"}),
        ("time", {}),
    ]
    pieces = [event for event in events if event.type == "response.function_call_arguments.delta"]
    for done in told:
        assert "".join(one.delta for one in pieces if one.item_id == done.item_id) == done.arguments
    named = respond(served, tools=TOOLS, tool_choice={"type": "function", "name": "time"})
    assert [item.name for item in named.output] == ["time"]
    selected = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "weather"}]}
    assert respond(served, tools=TOOLS, tool_choice=selected, parallel_tool_calls=False).output[0].name == "weather"


def test_text_can_have_a_form(serve: Callable[..., Served]) -> None:
    schema = {"type": "object", "properties": {"sunny": {"type": "boolean"}}, "required": ["sunny"]}
    form = {"type": "json_schema", "name": "w", "schema": {**schema, "additionalProperties": False}}
    said = respond(serve('{"sunny":true}'), text={"format": form})
    assert json.loads(said.output_text) == {"sunny": True}
    assert isinstance(json.loads(respond(serve("{}"), text={"format": {"type": "json_object"}}).output_text), dict)


def test_a_thought_is_an_item_of_its_own(serve: Callable[..., Served]) -> None:
    served = serve("<think>\nThey want the weather.\n</think>\n\nIt is sunny.", THINKING)
    thought, message = respond(served, reasoning={"effort": "low"}).output
    assert (thought.type, thought.content[0].text.strip()) == ("reasoning", "They want the weather.")
    assert message.content[0].text == "It is sunny."
    kinds = [event.type for event in respond(served, reasoning={"effort": "low"}, stream=True)]
    assert kinds.index("response.reasoning_text.done") < kinds.index("response.output_text.delta")
    again = respond(
        served, input=[{"role": "user", "content": "x"}, thought, message, {"role": "user", "content": "y"}]
    )
    assert again.status == "completed"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id is not supported"),
        ({"conversation": "conv_1"}, "conversation is not supported"),
        ({"background": True}, "background is not supported"),
        ({"truncation": "auto"}, "truncation is not supported"),
        ({"include": ["message.output_text.logprobs"]}, "include is not supported"),
        ({"tools": [{"type": "web_search"}]}, "tools.0.type"),
        ({"input": []}, "input"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:"}]}]}, "text is all"),
        ({"input": [{"type": "computer_call_output", "call_id": "x", "output": {}}]}, "computer_call_output"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"temperature": -1}, "temperature"),
    ],
)
def test_what_is_not_there_is_named(serve: Callable[..., Served], wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(openai.BadRequestError, match=named):
        respond(serve(), **wrong)


def test_what_asks_for_nothing_is_ignored(serve: Callable[..., Served]) -> None:
    harmless = {"tools": [], "include": [], "store": True, "user": "me", "truncation": "disabled", "background": False}
    assert respond(serve(), **harmless, extra_body={"odd": 1}).output_text == REPLY


def test_there_is_nothing_stored_to_ask_for(serve: Callable[..., Served]) -> None:
    served = serve()
    reply = respond(served)
    assert reply.store is False
    with pytest.raises(openai.NotFoundError):
        served.client.responses.retrieve(reply.id)
    assert httpx.post(f"{served.url}/responses", json={}).status_code == 401
    lines = httpx.post(
        f"{served.url}/responses",
        json={"model": "saying", "input": "x", "stream": True},
        headers={"Authorization": f"Bearer {TOKEN}"},
    ).text.splitlines()
    assert lines[0] == "event: response.created" and lines[1].startswith('data: {"type": "response.created"')
