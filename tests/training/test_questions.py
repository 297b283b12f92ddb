"""The questions of ``training.evaluate.questions``: their files, documents, and how an answer is judged."""

from pathlib import Path

import pytest

from rag.parsers.registry import parse
from training.evaluate.questions.documents import ARTICLES, REPORTS, write_own, write_samples
from training.evaluate.questions.judge import holds, judged, plain
from training.evaluate.questions.office import parts_of
from training.evaluate.questions.questions import PARTS, REFUSED, Part, Question, read_questions

_READ_OUT = {"fact", "table", "typo", "follow-up", "language"}  # kinds whose values stand in the document as they are


@pytest.fixture(scope="module", params=PARTS)
def texts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Part, dict[str, str]]:
    """The own documents and samples of a part by file name, as Docent reads them."""
    folder: Path = tmp_path_factory.mktemp("documents")
    write_own(request.param, folder)
    write_samples(folder)
    return request.param, {path.name: plain(parse(path).text) for path in folder.iterdir()}


def test_values_stand_in_the_documents(texts: tuple[Part, dict[str, str]]) -> None:
    part, there = texts
    wrong = [
        question
        for question in read_questions(part)
        if question.kind in _READ_OUT and question.source in there
        if not all(any(holds(there[question.source], way) for way in ways) for ways in question.values)
    ]
    assert wrong == []


def test_every_question_is_about_a_document(texts: tuple[Part, dict[str, str]]) -> None:
    part, there = texts
    known = {*there, *REPORTS[part], *ARTICLES[part]}
    assert {question.source for question in read_questions(part)} <= known


def test_only_questions_without_an_answer_have_no_values() -> None:
    for part in PARTS:
        for question in read_questions(part):
            assert bool(question.values) == (question.kind not in REFUSED), question


def test_no_document_is_in_both_parts() -> None:
    one, other = ({q.source for q in read_questions(part) if q.kind != "language"} for part in PARTS)
    assert not one & other


def _question(kind: str, *values: str) -> Question:
    return Question(kind, "?", tuple(tuple(value.split("|")) for value in values), "a.txt")


@pytest.mark.parametrize(
    ("question", "answer", "right"),
    [
        (_question("table", "65,775"), "Net sales: $ 65 775 [1]", 0.0),
        (_question("table", "65,775"), "Net sales: $ 65,775 million. [1]", 1.0),
        (_question("table", "5"), "It was 15 or 2.5 or 5,100. [1]", 0.0),
        (_question("table", "29.90|30"), "It costs 29.9 euros. [1]", 1.0),
        (_question("list", "Ada", "Ben"), "Ada came. [1]", 0.0),
        (_question("summary", "Ada", "Ben"), "Ada came. [1]", 0.5),
        (_question("yes-no", "no", "is shut"), "No. It is open. [1]", 1.0),
        (_question("yes-no", "no", "is shut"), "The pool is shut. [1]", 1.0),
        (_question("yes-no", "no", "is shut"), "Yes: the pool is shut. [1]", 0.0),
        (_question("yes-no", "no", "is shut"), "The pool is open. [1]", 0.0),
    ],
)
def test_an_answer_is_right_when_it_holds_the_values(question: Question, answer: str, right: float) -> None:
    assert judged(question, answer, found=True).right == right


def test_refusing_is_right_where_nothing_answers_and_only_there() -> None:
    assert judged(_question("absent"), "Not found.", found=False).right == 1.0
    assert judged(_question("absent"), "It is blue. [1]", found=True).is_false
    refused = judged(_question("fact", "blue"), "It may be blue.", found=False)
    assert refused.right == 0.0
    assert not refused.is_false


def test_markdown_is_taken_apart() -> None:
    source = "# Title\n\nSome *words*\nhere.\n\n1. first\n2. second\n\n| A | B |\n|---|---|\n| 1 | |\n"
    kinds = [(part.kind, part.text or part.rows) for part in parts_of(source)]
    assert kinds == [
        ("heading", "Title"),
        ("paragraph", "Some words here."),
        ("item", "1. first"),
        ("item", "2. second"),
        ("table", (("A", "B"), ("1", ""))),
    ]
