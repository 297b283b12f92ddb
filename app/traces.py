"""Sends traces of questions to an OpenTelemetry collector, where ``server.traces`` names one.

    question                     one for each that is asked
    ├─ load, rewrite             parts that are made, the question completed from the chat
    ├─ retrieve                  with embed, dense, keyword and read (what the reader does) in it
    ├─ search again              further searches of a language model
    └─ answer                    with generate for each text or call of a language model

Spans hold times, counts and names of models, and nothing that somebody asked or a document says. The SDK comes with the
extra ``traces``; without the setting nothing of this is loaded.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from app.errors import UsageError
from app.timing import Stopwatch
from docent import install_extra

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

    from rag.answer.generation.prompt import Message
    from rag.answer.generation.repeated_search import ToolCall, ToolCaller, ToolDescription
    from rag.answer.generation.thoughts import Piece
    from rag.types import Writing

_T = TypeVar("_T")
_R = TypeVar("_R")
_NAMES = {"fuse": "retrieve", "rerank": "read"}  # of steps, as a stopwatch has them
_FLUSH_MS = 2_000


class Traces:
    """Makes and sends spans until it is closed."""

    def __init__(self, address: str, exporter: "SpanExporter | None" = None) -> None:
        """``address`` is where a collector takes OTLP over HTTP, as in http://127.0.0.1:4318. Raises UsageError where
        the SDK is missing."""
        try:
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor

            if exporter is None:
                from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

                exporter = OTLPSpanExporter(endpoint=f"{address.rstrip('/')}/v1/traces")
        except ImportError as error:
            raise UsageError(
                "Traces need a package that is not installed.", f"To add it, run: {install_extra('traces')}"
            ) from error
        from docent import __version__

        resource = Resource.create({"service.name": "docent", "service.version": __version__})
        self._provider: TracerProvider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("docent")

    def stopwatch(self) -> "TracedStopwatch":
        """A stopwatch for one question."""
        return TracedStopwatch(self._tracer)

    def generator(self, generator: "ToolCaller") -> "ToolCaller":
        """The language model, each of whose texts becomes a span of the question that it is written for."""
        return TracedGenerator(generator, self._tracer)

    def close(self) -> None:
        """Sends what is left."""
        self._provider.force_flush(_FLUSH_MS)
        self._provider.shutdown()


class TracedStopwatch(Stopwatch):
    """A stopwatch whose steps are spans, too. A generator asks, whose caller may go on with it in other contexts, so
    spans name their parents themselves."""

    def __init__(self, tracer: "Tracer") -> None:
        super().__init__()
        self._tracer = tracer
        self._open: list[Span] = [tracer.start_span("question")]

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        with self._span(name), super().step(name):
            yield

    @contextmanager
    def remainder(self, name: str) -> Iterator[None]:
        with self._span(name), super().remainder(name):
            yield

    def within(self, events: Iterator[_T]) -> Iterator[_T]:
        """The events; what is traced while one of them is made belongs to the step at work."""
        from opentelemetry import context, trace

        while True:
            token = context.attach(trace.set_span_in_context(self._open[-1], context.Context()))
            try:
                event = next(events)
            except StopIteration:
                return
            finally:
                context.detach(token)
            yield event

    def note(self, **values: str | int | bool) -> None:
        """Adds what is known of the question."""
        self._open[0].set_attributes({f"docent.{name}": value for name, value in values.items()})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from opentelemetry.trace import StatusCode

        if isinstance(error, Exception):  # not that nobody listens any more
            self._open[0].set_status(StatusCode.ERROR, type(error).__name__)  # its message may name a document
        while self._open:
            self._open.pop().end()

    @contextmanager
    def _span(self, name: str) -> Iterator[None]:
        from opentelemetry import trace

        parent = trace.set_span_in_context(self._open[-1])
        span = self._tracer.start_span(_NAMES.get(name, name), parent)
        self._open.append(span)
        try:
            yield
        finally:
            self._open.remove(span)
            span.end()


class TracedGenerator:
    """Implements ``rag.answer.generation.repeated_search.ToolCaller`` by another one."""

    def __init__(self, generator: "ToolCaller", tracer: "Tracer") -> None:
        self._generator = generator
        self._tracer = tracer

    @property
    def name(self) -> str:
        return self._generator.name

    @property
    def context(self) -> int:
        return self._generator.context

    def count_tokens(self, messages: "Sequence[Message]") -> int:
        return self._generator.count_tokens(messages)

    def tokens_within(self, seconds: float) -> int | None:
        return self._generator.tokens_within(seconds)

    def stream(self, messages: "Sequence[Message]", max_tokens: int) -> "Generator[Piece, None, Writing | None]":
        writing = yield from self._traced(self._generator.stream(messages, max_tokens), "stream")
        return writing

    def call(
        self, messages: "Sequence[Message]", tools: "Sequence[ToolDescription]", max_tokens: int
    ) -> "Generator[None, None, ToolCall | None]":
        found = yield from self._traced(self._generator.call(messages, tools, max_tokens), "call")
        return found

    def _traced(self, pieces: "Generator[_T, None, _R]", kind: str) -> "Generator[_T, None, _R]":
        attributes = {"gen_ai.request.model": self._generator.name, "docent.kind": kind}
        span = self._tracer.start_span("generate", attributes=attributes)  # its parent: TracedStopwatch.within
        try:
            result = yield from pieces
        finally:
            span.end()
        return result
