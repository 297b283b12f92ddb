"""What a person meets on a fresh machine: the shipped models on the shipped documents, with the default settings."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.assistant import Assistant
from app.doctor import examine
from app.events import Answered
from app.models.store import ModelStore
from app.settings.paths import builtin_model, builtin_reader, resource
from app.settings.schema import Settings


@pytest.fixture(scope="module")
def fresh(builds: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    data = tmp_path_factory.mktemp("data")
    builds(data)
    with Assistant.open(Settings(data_dir=data)) as assistant:
        assistant.sync([str(resource("samples"))])
        yield assistant


def asked(assistant: Assistant, question: str) -> Answered:
    *_, done = assistant.ask(question, remember=False)
    assert isinstance(done, Answered)
    return done


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("How long was the light out in the great storm?", "nineteen minutes"),
        pytest.param("How tall is the tower?", "metres", marks=pytest.mark.slow),
        pytest.param("When was the light made automatic?", "12 September 1983", marks=pytest.mark.slow),
        pytest.param("Where is the defibrillator?", "café", marks=pytest.mark.slow),
    ],
)
def test_a_sentence_with_a_citation_at_the_quoted_place(fresh: Assistant, question: str, words: str) -> None:
    answer = asked(fresh, question).answer
    assert answer.found
    assert words in answer.text
    assert "[1]" in answer.text
    assert answer.confidence is not None
    assert answer.confidence > 0.5
    assert answer.span is not None
    first = answer.citations[0]
    text = fresh.document_view(first.document_id).text
    assert text[first.start : first.end] == first.quote
    assert words in first.quote
    assert first.start <= answer.span.start < answer.span.end <= first.end


@pytest.mark.parametrize(
    "question",
    ["What is the capital of Mongolia?", pytest.param("Who won the world cup in 2018?", marks=pytest.mark.slow)],
)
def test_what_is_not_there_is_refused(fresh: Assistant, question: str) -> None:
    answer = asked(fresh, question).answer
    assert not answer.found
    assert answer.citations == ()


@pytest.mark.slow
def test_rows_lists_and_summaries_are_quoted(fresh: Assistant) -> None:
    for question, words in (
        ("How many visitors came in August 2024?", "4735"),
        ("What are the rules?", "Do not touch the lens"),
        ("Summarise the inspection report", "corroded"),
    ):
        answer = asked(fresh, question).answer
        assert answer.answerer in ("extractive", "operators")
        assert any(words in citation.quote for citation in answer.citations), question


def test_the_shipped_models_are_whole_and_listed(fresh: Assistant) -> None:
    assert builtin_reader().is_dir()
    assert builtin_model().is_dir()
    checks = {check.name: check for check in examine(fresh.settings)}
    assert checks["reader"].status == "ok"
    assert checks["language model"].status == "ok"
    listed = ModelStore(Path("none"), builtin_model()).all()
    assert [(model.name, model.format, model.problem) for model in listed] == [("builtin", "awq", "")]
