"""``answer.mode: agent`` in a whole assistant: with a scripted model behind the protocol, and with the real engine."""

import threading
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.api.shapes.answer import answer_line
from app.assistant import Assistant
from app.events import Answered, AskEvent, Searched
from app.models.generator import EngineGenerator
from app.models.setup import LocalModel
from app.settings.schema import Settings
from engines.model.chat import ChatEncoder
from engines.model.tokenizer import ModelTokenizer
from engines.serving.engine import Engine, EngineConfig
from engines.serving.structured_output import StructuredOutput
from rag.answer.generation.prompt import Message
from rag.answer.generation.repeated_search import ANSWER, ToolCall, ToolCaller, ToolDescription
from rag.types import ThoughtDelta
from tests.app.fakes import LightParts
from tests.app.models.saying_runtime import SayingRuntime
from tests.engines.small_tokenizer import small_model_tokenizer

TEXTS = {
    "tower.txt": "The tower at Port Esk is 41 metres high.",
    "mast.txt": "The radio mast on Gull Island measures 63 metres.",
    **{f"other{n}.txt": f"Note {n}: the tower of card {n} is no building." for n in range(12)},
}
QUESTION = "How high is the tower at Port Esk?"


class Agent:
    """Searches for ``wanted`` one after the other, thinks, and answers with every passage that it was shown."""

    name, context = "agent", 4000

    def __init__(self, *wanted: str, thought: str = "") -> None:
        self.wanted, self.thought = list(wanted), thought

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(len(message.content.split()) for message in messages)

    def tokens_within(self, seconds: float) -> int | None:
        return 100_000

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Generator[str | ThoughtDelta, None, None]:
        if self.thought:
            yield ThoughtDelta(self.thought)
        blocks = messages[0].content.split("\n\n")[1:]
        for block in blocks:
            label, _, text = block.partition("] ")
            if "63 metres" in text or "41 metres" in text:
                yield text.partition("\n")[2].removesuffix(".") + f" {label}]. "

    def call(
        self, messages: Sequence[Message], tools: Sequence[ToolDescription], max_tokens: int
    ) -> Generator[None, None, ToolCall | None]:
        yield
        return ToolCall("search", {"query": self.wanted.pop(0)}) if self.wanted else ToolCall("answer", {})


class AgentParts(LightParts):
    def __init__(self, settings: Settings, model: Agent) -> None:
        super().__init__(settings)
        self.agent = model

    def generator(self, thinking_tokens: int) -> ToolCaller:
        return self.agent


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    (tmp_path / "papers").mkdir()
    for name, text in TEXTS.items():
        (tmp_path / "papers" / name).write_text(text, encoding="utf-8")
    return tmp_path / "papers"


def settings_of(folder: Path, **answer: Any) -> Settings:
    # Passages of one search are few, so that what it does not bring is missing.
    return Settings.model_validate({"data_dir": folder, "answer": answer, "retrieval": {"token_budget": 100}})


def asked(parts: LightParts, papers: Path, stop: threading.Event | None = None) -> tuple[list[AskEvent], Assistant]:
    assistant = Assistant(parts.settings, parts)
    assistant.sync([str(papers)])
    return list(assistant.ask(QUESTION, stop=stop)), assistant


def test_further_searches_are_shown_cited_and_kept(tmp_path: Path, papers: Path) -> None:
    model = Agent("radio mast Gull Island", thought="Both are needed.")
    events, assistant = asked(AgentParts(settings_of(tmp_path / "data", mode="agent"), model), papers)
    with assistant:
        (search,) = (event for event in events if isinstance(event, Searched))
        assert search.question == "radio mast Gull Island"
        assert any("63 metres" in passage.text for passage in search.passages)
        *_, last = events
        assert isinstance(last, Answered) and last.answer.found
        quotes = {citation.quote for citation in last.answer.citations}
        assert {TEXTS["tower.txt"], TEXTS["mast.txt"]} <= quotes
        assert "search again" in last.timings_ms and last.conversation_id is not None
        work = assistant.conversation(last.conversation_id)[0].work
        assert work is not None
        assert (work.searches, work.thought) == (("radio mast Gull Island",), "Both are needed.")
        assert {passage.document_id for passage in work.passages} >= {p.document.id for p in search.passages}
    lines = [answer_line(QUESTION, event).model_dump() for event in events]
    kinds = [line["event"] for line in lines]
    assert kinds[:2] == ["retrieved", "searched"] and kinds[-1] == "answered"
    assert kinds.index("thought") < kinds.index("text")
    assert next(line for line in lines if line["event"] == "thought")["text"] == "Both are needed."


def test_without_the_mode_there_is_one_search(tmp_path: Path, papers: Path) -> None:
    model = Agent("radio mast Gull Island")
    events, assistant = asked(AgentParts(settings_of(tmp_path / "data"), model), papers)
    with assistant:
        assert not any(isinstance(event, Searched) for event in events)
        assert model.wanted == ["radio mast Gull Island"]
        assistant.take_over(settings_of(tmp_path / "data", mode="agent", rounds=1))
        assert any(isinstance(event, Searched) for event in assistant.ask(QUESTION))


@pytest.mark.parametrize("name", [None, pytest.param("builtin", marks=pytest.mark.slow)])
def test_the_built_in_models_answer_as_before(
    name: str | None, tmp_path: Path, papers: Path, request: pytest.FixtureRequest
) -> None:
    """With quotes alone, and with docent-nano."""
    if name is not None:
        request.getfixturevalue("builds")(tmp_path / "data")
    chosen = {"data_dir": tmp_path / "data", "model": {"name": name}}
    events, assistant = asked(LightParts(Settings.model_validate({**chosen, "answer": {"mode": "agent"}})), papers)
    with assistant:
        assert (assistant.language_model() is None) == (name is None)
        assert not any(isinstance(event, Searched) for event in events)
        last = events[-1]
        assert isinstance(last, Answered) and last.answer.found
        assert "search again" not in last.timings_ms
        assistant.take_over(Settings.model_validate(chosen))
        *_, before = assistant.ask(QUESTION)
        assert isinstance(before, Answered) and before.answer == last.answer


def test_tools_that_leave_no_room_end_the_searches_and_not_the_question() -> None:
    model = LocalModel("saying", *_saying('<tool_call>\n{"name": "answer", "arguments": {}}\n</tool_call>'))
    with model.engine:
        generator = EngineGenerator(model)
        messages = [Message("user", "Well?")]

        def called(tool: ToolDescription, max_tokens: int = 96) -> ToolCall | None:
            steps = generator.call(messages, (tool,), max_tokens)
            while True:
                try:
                    next(steps)
                except StopIteration as end:
                    found: ToolCall | None = end.value
                    return found

        assert called(ANSWER) == ToolCall("answer", {})
        assert called(ANSWER, max_tokens=model.context) is None, "a prompt fits, but not with what is written"
        assert called(replace(ANSWER, description="word " * model.context)) is None, "no prompt fits"
        assert called(replace(ANSWER, description="word " * 1_000_000)) is None, "it is not even tokenised"


def test_a_person_can_stop_the_searches(tmp_path: Path, papers: Path) -> None:
    stop = threading.Event()
    stop.set()
    model = Agent("one", "two", "three")
    events, assistant = asked(AgentParts(settings_of(tmp_path / "data", mode="agent"), model), papers, stop)
    with assistant:
        assert isinstance(events[-1], Answered) and events[-1].stopped
        assert len(model.wanted) >= 2


def _saying(reply: str) -> tuple[Engine, ModelTokenizer, ChatEncoder]:
    """The real engine with grammars, and a model that would say this."""
    tokenizer, runtime = small_model_tokenizer(), SayingRuntime(reply)
    structured = StructuredOutput(tokenizer, runtime.vocab_size)
    engine = Engine(runtime, tokenizer, EngineConfig(prompt_lookup=False), structured)
    return engine, tokenizer, ChatEncoder(tokenizer)


@pytest.mark.parametrize(
    ("reply", "searched"),
    [
        ('<tool_call>\n{"name": "search", "arguments": {"query": "radio mast Gull Island"}}\n</tool_call>', True),
        ('<tool_call>\n{"name": "answer", "arguments": {}}\n</tool_call>', False),
        ("I would rather talk about something else.", None),
    ],
)
def test_the_real_engine_writes_nothing_but_calls(
    reply: str, searched: bool | None, tmp_path: Path, papers: Path
) -> None:
    """Whatever the model would say: the grammar lets it call one of the two tools."""

    class EngineParts(LightParts):
        def make_model(self) -> LocalModel:
            return LocalModel("saying", *_saying(reply))

    parts = EngineParts(settings_of(tmp_path / "data", mode="agent"))
    events, assistant = asked(parts, papers)
    with assistant:
        found = [event for event in events if isinstance(event, Searched)]
        if searched is not None:
            assert [event.question for event in found] == (["radio mast Gull Island"] if searched else [])
        assert isinstance(events[-1], Answered) and events[-1].answer.found
