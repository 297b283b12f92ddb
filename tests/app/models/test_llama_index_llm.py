"""The engine as a llama-index LLM."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.prompts import PromptTemplate

from app.models.llama_index_llm import DocentLLM
from app.models.setup import LocalModel, local_model
from engines.errors import RequestError
from tests.app.models.saying_runtime import SayingRuntime
from tests.engines.small_tokenizer import small_model_tokenizer

REPLY = "The blue whale eats four tonnes of krill a day."
MESSAGES = [
    ChatMessage(role=MessageRole.SYSTEM, content="Be brief."),
    ChatMessage(role=MessageRole.USER, content="What does it eat?"),
]


@pytest.fixture
def model() -> Iterator[LocalModel]:
    with local_model("saying", SayingRuntime(REPLY), small_model_tokenizer()) as opened:
        yield opened


def test_chat_and_complete(model: LocalModel) -> None:
    llm = DocentLLM(model)
    reply = llm.chat(MESSAGES)
    assert reply.message.content == REPLY
    assert reply.message.role == MessageRole.ASSISTANT
    assert reply.raw["usage"]["completion_tokens"] > 3
    assert llm.complete("What? <|assistant|>").text == REPLY


def test_streams_grow(model: LocalModel) -> None:
    llm = DocentLLM(model)
    pieces = list(llm.stream_chat(MESSAGES))
    assert "".join(piece.delta or "" for piece in pieces) == REPLY
    assert pieces[-1].message.content == REPLY
    assert len(pieces) > 3
    texts = [piece.text for piece in llm.stream_complete("<|assistant|>")]
    assert texts[-1] == REPLY
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))


def test_metadata_and_options(model: LocalModel) -> None:
    llm = DocentLLM(model, max_tokens=99)
    assert llm.metadata.model_name == "saying"
    assert llm.metadata.context_window == model.context
    assert llm.metadata.num_output == 99
    assert llm.metadata.is_chat_model
    assert llm.chat(MESSAGES, stop=["whale"]).message.content == "The blue "
    assert llm.chat(MESSAGES, stop=" eats").message.content == "The blue whale"
    assert llm.complete("<|assistant|>", max_tokens=10**6).text == REPLY
    with pytest.raises(RequestError, match="colour"):
        llm.complete("x", colour="red")


def test_what_is_written_for_llama_index_can_use_it(model: LocalModel) -> None:
    assert DocentLLM(model).predict(PromptTemplate("What about {topic}?"), topic="whales") == REPLY


def test_leaving_a_stream_ends_the_generation(model: LocalModel) -> None:
    stream = DocentLLM(model).stream_chat(MESSAGES)
    next(stream)
    stream.close()
    assert DocentLLM(model).chat(MESSAGES).message.content == REPLY
    assert not model.engine._requests
