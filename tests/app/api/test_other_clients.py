"""Other programs' clients for OpenAI's API: LangChain's, LiteLLM's and llama-index's ``OpenAILike``."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.api.openai_server import REPLY, TOKEN, Served
from tests.app.api.test_openai_tools import CALL, CITY

SHORT = "pip install -e .[dev]"
WEATHER: Any = {"type": "function", "function": {"name": "weather", "description": "Tells it.", "parameters": CITY}}
QUESTION: Any = [{"role": "user", "content": "What does it eat?"}]

# What these libraries warn of among themselves is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path / "says")
    yield made
    made.close()


@pytest.fixture
def calling(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path / "calls", CALL)
    yield made
    made.close()


def test_langchain(served: Served, calling: Served) -> None:
    langchain = pytest.importorskip("langchain_openai", reason=f"LangChain's client is missing: {SHORT}")

    def client(server: Served, **options: Any) -> Any:
        return langchain.ChatOpenAI(
            model="saying", base_url=server.url, api_key=TOKEN, temperature=0, max_retries=0, **options
        )

    said = client(served).invoke("What does it eat?")
    assert said.content == REPLY
    assert said.usage_metadata["output_tokens"] > 1 and said.response_metadata["finish_reason"] == "stop"
    assert "".join(piece.content for piece in client(served).stream("What does it eat?")) == REPLY
    with_tools = client(calling).bind_tools([WEATHER])
    (call,) = with_tools.invoke("How is the weather in Rome?").tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "Rome"})
    result = {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}
    again = with_tools.invoke([*QUESTION, with_tools.invoke("How is the weather in Rome?"), result])
    assert again.tool_calls
    assert client(served, use_responses_api=True).invoke("What does it eat?").text == REPLY


def test_langchain_gets_what_fits_a_schema(tmp_path: Path) -> None:
    langchain = pytest.importorskip("langchain_openai", reason=f"LangChain's client is missing: {SHORT}")
    served = Served(tmp_path, '{"city": "Rome"}')
    client = langchain.ChatOpenAI(model="saying", base_url=served.url, api_key=TOKEN, temperature=0, max_retries=0)
    structured = client.with_structured_output({"title": "Where", **CITY}, method="json_schema")
    assert structured.invoke("Where?") == {"city": "Rome"}
    served.close()


def test_langchain_embeds(served: Served) -> None:
    langchain = pytest.importorskip("langchain_openai", reason=f"LangChain's client is missing: {SHORT}")
    embedder = langchain.OpenAIEmbeddings(
        model="words", base_url=served.url, api_key=TOKEN, check_embedding_ctx_length=False
    )
    first, second = embedder.embed_documents(["a whale", "a tower"])
    assert len(first) == len(second) and first != second


def test_litellm(served: Served, calling: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it asks the network for prices
    litellm = pytest.importorskip("litellm", reason=f"LiteLLM is missing: {SHORT}")
    litellm.telemetry = False

    def complete(server: Served, **options: Any) -> Any:
        place = {"model": "openai/saying", "api_base": server.url, "api_key": TOKEN}
        return litellm.completion(messages=QUESTION, temperature=0, max_retries=0, **place, **options)

    assert complete(served).choices[0].message.content == REPLY
    pieces = [piece.choices[0].delta.content or "" for piece in complete(served, stream=True)]
    assert "".join(pieces) == REPLY
    (call,) = complete(calling, tools=[WEATHER]).choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "Rome"})
    with pytest.raises(litellm.exceptions.NotFoundError, match="other"):
        litellm.completion(model="openai/other", messages=QUESTION, api_base=served.url, api_key=TOKEN, max_retries=0)


def test_llama_index(served: Served, calling: Served) -> None:
    like = pytest.importorskip("llama_index.llms.openai_like", reason=f"llama-index's client is missing: {SHORT}")
    from llama_index.core.llms import ChatMessage
    from llama_index.core.tools import FunctionTool

    def client(server: Served) -> Any:
        return like.OpenAILike(
            model="saying", api_base=server.url, api_key=TOKEN, temperature=0, max_retries=0, context_window=4096,
            is_chat_model=True, is_function_calling_model=True,
        )  # fmt: skip

    asked = [ChatMessage(role="user", content="What does it eat?")]
    assert client(served).chat(asked).message.content == REPLY
    assert "".join(piece.delta or "" for piece in client(served).stream_chat(asked)) == REPLY

    def weather(city: str) -> str:
        """Tells the weather."""
        return f"sunny in {city}"

    tools = [FunctionTool.from_defaults(weather)]
    chosen = client(calling).chat_with_tools(tools, user_msg="How is the weather in Rome?")
    (call,) = client(calling).get_tool_calls_from_response(chosen)
    assert (call.tool_name, call.tool_kwargs) == ("weather", {"city": "Rome"})
