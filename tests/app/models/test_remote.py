"""Answers by a model on another server, against one on loopback that speaks OpenAI's API and misbehaves as told."""

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from app.assistant import Assistant
from app.doctor import Check, examine
from app.errors import ModelError
from app.events import Answered
from app.models.remote import RemoteGenerator
from app.settings.schema import AnswerSettings, ModelSettings, Settings, flatten
from rag.answer.generation.prompt import Message
from rag.answer.generation.repeated_search import ANSWER, SEARCH, ToolCall
from rag.answer.generation.thoughts import spoken
from rag.types import ThoughtDelta
from tests.app.fakes import LightParts

KEY = "let-me-in"
REPLY = "The blue whale eats about four tonnes of krill a day."
MESSAGES = [Message("user", "Well?")]


class ModelServer:
    """Lists ``model`` and says ``reply`` word by word. The fields say how it misbehaves."""

    def __init__(self) -> None:
        self.model: str | None = "big-model"
        self.others: list[str] = []  # listed in front of it
        self.reply = REPLY
        self.thought = ""
        self.call: tuple[str, str] | None = None  # name and arguments
        self.odd: Any = None  # a delta or an event that OpenAI's API does not have
        self.tools_refused: int | None = None  # with this status
        self.key: str | None = None
        self.failure: str | None = None  # in the middle of a reply
        self.endless = False
        self.gone = threading.Event()  # whoever asked has left
        self.bodies: list[dict[str, Any]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.models(self)

            def do_POST(self) -> None:
                server.complete(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def models(self, request: BaseHTTPRequestHandler) -> None:
        if self.refused(request):
            return
        listed = [*self.others, *([] if self.model is None else [self.model])]
        send(request, 200, {"data": [{"id": name} for name in listed]})

    def complete(self, request: BaseHTTPRequestHandler) -> None:
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        self.bodies.append(body)
        if self.refused(request):
            return
        if body["model"] != self.model:
            send(request, 404, {"error": {"message": f"model {body['model']} not found"}})
            return
        if self.tools_refused and "tools" in body:
            send(request, self.tools_refused, {"error": {"message": f"{self.model} does not support tools"}})
            return
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        try:
            self.event(request, {"choices": [{"delta": {"role": "assistant"}}]})
            for word in self.thought.split():
                self.event(request, {"choices": [{"delta": {"content": None, "reasoning_content": f"{word} "}}]})
            if self.odd is not None:
                self.event(request, self.odd)
            if self.call is not None and "tools" in body:
                name, arguments = self.call
                for function in (
                    {"name": name, "arguments": ""},
                    {"arguments": arguments[:5]},
                    {"arguments": arguments[5:]},
                ):
                    self.event(request, {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": function}]}}]})
                request.wfile.write(b"data: [DONE]\n\n")
                return
            for word in self.reply.split(" "):
                self.event(request, {"choices": [{"delta": {"content": f"{word} "}}]})
            while self.endless:
                self.event(request, {"choices": [{"delta": {"content": "more "}}]})
            if self.failure:
                self.event(request, {"error": {"message": self.failure}})
            request.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            self.gone.set()

    def refused(self, request: BaseHTTPRequestHandler) -> bool:
        if self.key is None or request.headers["Authorization"] == f"Bearer {self.key}":
            return False
        send(request, 401, {"error": {"message": "no"}})
        return True

    def event(self, request: BaseHTTPRequestHandler, data: Any) -> None:
        request.wfile.write(f"data: {json.dumps(data)}\n\n".encode())
        request.wfile.flush()


def send(request: BaseHTTPRequestHandler, status: int, data: dict[str, Any]) -> None:
    content = json.dumps(data).encode()
    request.send_response(status)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    made = ModelServer()
    yield made
    made.close()


def generator(server: ModelServer, model: str | None = None, key: str | None = None) -> RemoteGenerator:
    return RemoteGenerator(server.url, model, key, context=4096)


def answered(settings: Settings, folder: Path) -> Answered:
    with Assistant(settings, LightParts(settings)) as assistant:
        assistant.sync([str(folder)])
        *_, done = assistant.ask("How much does a blue whale eat?")
    assert isinstance(done, Answered)
    return done


def test_a_question_is_answered_there_with_citations_from_here(
    server: ModelServer, folder: Path, tmp_path: Path
) -> None:
    server.key = KEY
    model = ModelSettings(endpoint=server.url, endpoint_key=SecretStr(KEY))
    done = answered(Settings(data_dir=tmp_path / "data", model=model), folder)
    assert done.answer.found
    assert "krill" in done.answer.citations[0].quote
    assert done.answer.answerer == f"big-model at {server.url.split('/')[2]}"
    (body,) = server.bodies
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert "largest animal" in body["messages"][0]["content"]
    assert body["stream"] is True


def test_what_is_wrong_is_said_in_one_line(server: ModelServer) -> None:
    with pytest.raises(ModelError, match=r"answers 404: model other not found") as missing:
        list(generator(server, "other").stream(MESSAGES, 10))
    assert "model.endpoint_model" in str(missing.value.remedy)
    server.failure = "out of memory"
    with pytest.raises(ModelError, match="stopped: out of memory"):
        list(generator(server).stream(MESSAGES, 10))
    server.key = KEY
    with pytest.raises(ModelError, match="refuses the key"):
        generator(server, key="wrong")
    server.key, server.model = None, None
    with pytest.raises(ModelError, match="lists no model"):
        generator(server)


def test_a_server_that_is_not_there_is_named(server: ModelServer) -> None:
    server.close()
    with pytest.raises(ModelError, match=r"127\.0\.0\.1:\d+/v1 cannot be reached"):
        generator(server)
    server.server.server_close()


def test_a_proxy_for_the_web_does_not_get_what_stays_on_this_computer(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    said = "".join(piece for piece in generator(server).stream(MESSAGES, 10) if isinstance(piece, str))
    assert said.strip() == REPLY


def test_a_model_that_embeds_is_not_asked_for_an_answer(server: ModelServer) -> None:
    server.others = ["text-embedding-nomic-embed-text-v1.5", "bge-reranker"]
    assert generator(server).name.startswith("big-model at ")


def test_doctor_asks_the_server_that_writes(server: ModelServer, tmp_path: Path) -> None:
    def check(**given: Any) -> Check:
        chosen = ModelSettings(endpoint=server.url, **given)
        found = examine(Settings(data_dir=tmp_path, model=chosen))
        return next(check for check in found if check.name == "language model")

    assert check().status == "ok" and "big-model at 127.0.0.1" in check().detail
    other = check(endpoint_model="other")
    assert (other.status, other.remedy) == ("warn", "Set model.endpoint_model to one of big-model.")
    server.key = KEY
    assert check().status == "fail" and "refuses the key" in check().detail


def test_leaving_ends_the_reply_there(server: ModelServer) -> None:
    server.endless = True
    stream = generator(server).stream(MESSAGES, 100_000)
    assert "".join(next(stream) for _ in range(30))
    stream.close()
    assert server.gone.wait(30)


def test_the_key_is_shown_nowhere() -> None:
    settings = Settings(model=ModelSettings(endpoint="http://127.0.0.1:1/v1", endpoint_key=SecretStr(KEY)))
    assert KEY not in json.dumps(flatten(settings))
    assert KEY not in repr(settings)


@pytest.mark.parametrize("address", ["127.0.0.1:8000", "file:///etc/passwd", "http://", ""])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        ModelSettings(endpoint=address)


def called(
    server: ModelServer, model: RemoteGenerator | None = None, messages: list[Message] = MESSAGES
) -> ToolCall | None:
    steps = (model or generator(server)).call(messages, (SEARCH, ANSWER), 50)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: ToolCall | None = end.value
            return found


def test_a_server_can_be_made_to_call_a_tool(server: ModelServer) -> None:
    server.call = ("search", '{"query": "krill"}')
    assert called(server) == ToolCall("search", {"query": "krill"})
    (body,) = server.bodies
    assert [tool["function"]["name"] for tool in body["tools"]] == ["search", "answer"]
    assert body["tool_choice"] == "required"
    server.call = ("search", '{"query": ')
    assert called(server) is None
    server.call = None
    assert called(server) is None, "a server that knows no tools says something"


@pytest.mark.parametrize("status", [400, 422, 500])
def test_a_server_that_refuses_tools_answers_all_the_same(
    status: int, server: ModelServer, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.tools_refused = status
    settings = Settings(
        data_dir=tmp_path / "data", model=ModelSettings(endpoint=server.url), answer=AnswerSettings(mode="agent")
    )
    assert answered(settings, folder).answer.found
    refused, asked = server.bodies
    assert "tools" in refused and "tools" not in asked
    (warning,) = (record for record in caplog.records if record.name == "app.models.remote")
    assert warning.levelno == logging.WARNING and "big-model does not support tools" in warning.getMessage()


def test_tools_are_complained_about_once(server: ModelServer, caplog: pytest.LogCaptureFixture) -> None:
    server.tools_refused = 400
    model = generator(server)
    assert called(server, model) is None
    assert called(server, model) is None
    assert len(caplog.records) == 1
    server.tools_refused = 503
    with pytest.raises(ModelError, match="answers 503"):
        called(server, model)


ODD_CALLS: tuple[Any, ...] = (
    "search",
    7,
    {"name": "search"},
    ["search"],
    [None],
    [{"function": "search"}],
    [{"function": ["search"]}],
    [{"function": {"name": 3}}],
    [{"function": {"name": "search", "arguments": {"query": "krill"}}}],
    [{"function": {"name": "search", "arguments": "[" * 100_000}}],
)


@pytest.mark.parametrize("calls", ODD_CALLS, ids=range(len(ODD_CALLS)))
def test_odd_calls_are_none(calls: Any, server: ModelServer) -> None:
    server.odd = {"choices": [{"delta": {"tool_calls": calls}}]}
    assert called(server) is None


@pytest.mark.parametrize("event", ["text", [1], {"choices": "text"}, {"choices": [None]}, {"choices": [{"delta": 1}]}])
def test_odd_events_are_passed_over(event: Any, server: ModelServer) -> None:
    server.odd, server.call = event, ("search", '{"query": "krill"}')
    assert called(server) == ToolCall("search", {"query": "krill"})
    assert "".join(spoken(generator(server).stream(MESSAGES, 10))).strip() == REPLY


def test_a_thought_before_a_call_has_tokens_of_its_own(server: ModelServer) -> None:
    server.call = ("answer", "{}")
    server.thought = "what they want " * 50
    assert called(server) == ToolCall("answer", {})
    server.thought, server.odd = "", {"choices": [{"delta": {"content": f"<think>{server.thought}</think>"}}]}
    assert called(server) == ToolCall("answer", {})
    assert server.bodies[-1]["max_tokens"] == 50 + 1024
    small = RemoteGenerator(server.url, None, None, context=600)
    assert called(server, small) == ToolCall("answer", {})
    assert 50 < server.bodies[-1]["max_tokens"] < 600, "prompt, thought and call fit into the context"
    full = [Message("user", "word " * 400)]
    assert called(server, small, full) == ToolCall("answer", {})
    assert server.bodies[-1]["max_tokens"] == 50


def test_a_model_that_answers_where_it_should_call_is_ended(server: ModelServer) -> None:
    server.endless = True
    assert called(server) is None
    assert server.gone.wait(30)


def test_what_a_server_thinks_is_kept_apart(server: ModelServer) -> None:
    server.thought = "They ask about whales."
    pieces = list(generator(server).stream(MESSAGES, 50))
    assert "".join(spoken(pieces)).strip() == REPLY
    thought = "".join(piece.text for piece in pieces if isinstance(piece, ThoughtDelta))
    assert thought.strip() == "They ask about whales."
