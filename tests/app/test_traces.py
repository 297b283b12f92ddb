"""Traces of questions: which spans there are, what they hold, and that none are made where nobody wants them."""

import gzip
import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.assistant import Assistant
from app.errors import UsageError
from app.settings.schema import Settings
from app.timing import Stopwatch
from app.traces import Traces
from rag.answer.generation.prompt import Message
from rag.answer.generation.repeated_search import ToolCall, ToolCaller, ToolDescription
from rag.protocols import RankingReader
from rag.types import Hit, Passage, Writing
from tests.app.fakes import LightParts
from tests.rag.fakes import ScriptedReader

QUESTION = "How much krill does the blue whale eat?"


class Says:
    """A language model that searches once and then says one sentence."""

    name, context = "parrot", 4096

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return 10

    def tokens_within(self, seconds: float) -> int | None:
        return None

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Generator[str, None, Writing | None]:
        yield from ("It eats about four tonnes ", "of krill a day [1].")
        return Writing(9, 30.0)

    def call(
        self, messages: Sequence[Message], tools: Sequence[ToolDescription], max_tokens: int
    ) -> Generator[None, None, ToolCall | None]:
        yield
        return ToolCall("answer", {})


class Reads(ScriptedReader):
    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        return list(hits)

    def supports(self, claim: str, passages: Sequence[Passage]) -> list[float] | None:
        return None


class TracingParts(LightParts):
    """Traces go to ``kept``, where they are not sent."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.kept = InMemorySpanExporter()

    def make_traces(self) -> Traces:
        return Traces("", self.kept)

    def make_reader(self) -> RankingReader | None:
        return Reads({"four tonnes of krill": 0.98})

    def _remote(self) -> ToolCaller:
        return Says()


def settings_of(tmp_path: Path, traces: str | None = "http://127.0.0.1:9", **answer: Any) -> Settings:
    tree = {"data_dir": tmp_path / "data", "model": {"name": None, "endpoint": "http://127.0.0.1:9/v1"}}
    return Settings.model_validate({**tree, "answer": answer, "server": {"traces": traces}})


def spans(parts: TracingParts) -> list[ReadableSpan]:
    parts.traces.close()
    return list(parts.kept.get_finished_spans())


def tree(found: Sequence[ReadableSpan]) -> set[tuple[str, str]]:
    """(parent, span) by name."""
    names = {span.context.span_id: span.name for span in found}
    return {(names[span.parent.span_id] if span.parent else "", span.name) for span in found}


@pytest.fixture
def asked(tmp_path: Path, folder: Path) -> Iterator[tuple[TracingParts, Assistant]]:
    parts = TracingParts(settings_of(tmp_path, mode="agent"))
    with Assistant(parts.settings, parts) as assistant:
        assistant.sync([str(folder)])
        yield parts, assistant


def test_a_question_is_one_trace(asked: tuple[TracingParts, Assistant]) -> None:
    parts, assistant = asked
    *_, last = assistant.ask(QUESTION)
    found = spans(parts)
    assert tree(found) == {
        ("", "question"),
        *(("question", name) for name in ("load", "rewrite", "retrieve", "search again", "answer")),
        *(("retrieve", name) for name in ("load", "embed", "dense", "keyword", "read")),
        *(("search again", "generate"), ("answer", "generate")),
    } - {("retrieve", "load")}
    assert len({span.context.trace_id for span in found}) == 1
    (question,) = (span for span in found if span.name == "question")
    assert question.attributes is not None
    assert question.attributes["docent.answerer"] == last.answer.answerer  # type: ignore[union-attr]
    assert question.attributes["docent.found"] is True
    for span in found:
        assert question.start_time <= span.start_time <= span.end_time <= question.end_time  # type: ignore[operator]
        kept = span.to_json()
        assert "krill" not in kept, "nothing that was asked or read is sent"
        assert "whale" not in kept
    models = {span.attributes["gen_ai.request.model"] for span in found if span.attributes and span.name == "generate"}
    assert models == {"parrot"}


def test_questions_that_are_asked_at_once_are_traces_of_their_own(asked: tuple[TracingParts, Assistant]) -> None:
    """Each step of one runs between those of others, on one thread, as a server may do."""
    parts, assistant = asked
    at_work = [assistant.ask(QUESTION) for _ in range(3)]
    while at_work:
        at_work = [one for one in at_work if next(one, None) is not None]
    by_trace: dict[int, list[ReadableSpan]] = {}
    for span in spans(parts):
        by_trace.setdefault(span.context.trace_id, []).append(span)
    assert [tree(some) == tree(by_trace[next(iter(by_trace))]) for some in by_trace.values()] == [True] * 3


def test_one_that_fails_or_is_left_ends_its_trace(asked: tuple[TracingParts, Assistant]) -> None:
    parts, assistant = asked
    left = assistant.ask(QUESTION)
    next(left)
    left.close()  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="no conversation"):
        list(assistant.ask(QUESTION, conversation_id="none"))
    statuses = [(span.status.status_code.name, span.status.description) for span in spans(parts) if span.parent is None]
    assert statuses == [("UNSET", None), ("ERROR", "ConversationError")]


def test_nothing_is_traced_or_loaded_without_the_setting(tmp_path: Path, folder: Path) -> None:
    parts = TracingParts(settings_of(tmp_path, None))
    with Assistant(parts.settings, parts) as assistant:
        assistant.sync([str(folder)])
        list(assistant.ask(QUESTION))
        assert type(parts.stopwatch()) is Stopwatch
        assert type(parts.generator(0)) is Says
        assert "traces" not in parts._made
    assert parts.kept.get_finished_spans() == ()


def test_a_collector_gets_them(tmp_path: Path, folder: Path) -> None:
    """OTLP over HTTP, as OpenTelemetry's own messages read it."""
    got: list[ExportTraceServiceRequest] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            plain = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
            assert self.path == "/v1/traces"
            got.append(ExportTraceServiceRequest.FromString(plain))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        settings = settings_of(tmp_path, f"http://127.0.0.1:{server.server_port}/")
        parts = LightParts(settings.model_copy(update={"model": settings.model.model_copy(update={"endpoint": None})}))
        with Assistant(parts.settings, parts) as assistant:
            assistant.sync([str(folder)])
            list(assistant.ask(QUESTION))
        server.shutdown()
    (resource,) = (one for request in got for one in request.resource_spans)
    assert {"docent"} == {one.value.string_value for one in resource.resource.attributes if one.key == "service.name"}
    names = {span.name for scope in resource.scope_spans for span in scope.spans}
    assert {"question", "retrieve", "embed", "dense", "keyword", "answer"} <= names


def test_a_collector_that_is_not_there_disturbs_nobody(tmp_path: Path, folder: Path) -> None:
    settings = settings_of(tmp_path)
    parts = LightParts(settings.model_copy(update={"model": settings.model.model_copy(update={"endpoint": None})}))
    with Assistant(parts.settings, parts) as assistant:
        assistant.sync([str(folder)])
        *_, last = assistant.ask(QUESTION)
        assert last.answer.found  # type: ignore[union-attr]


def test_who_lacks_the_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(UsageError, match="Traces need a package") as caught:
        Traces("http://127.0.0.1:9")
    assert "docent-chat[traces]" in caught.value.remedy
