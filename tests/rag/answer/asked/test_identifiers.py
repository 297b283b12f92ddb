"""What a manual says of one identifier is not said of its neighbour."""

import pytest

from rag.answer.asked.identifiers import asked_identifiers
from rag.answer.extractive import ExtractiveAnswerer
from rag.query.query import make_query
from rag.types import Answer
from tests.rag.answer.two_passages import passage
from tests.rag.fakes import FakeEmbedder, ScriptedReader


@pytest.mark.parametrize(
    ("question", "identifiers"),
    [
        ("What is the default value of HISTSIZE in bash?", ["HISTSIZE"]),
        ("What does git rebase --onto do?", ["--onto"]),
        ("Which values may sqlite_max_column take?", ["sqlite_max_column"]),
        ("What does getElementById return?", ["getElementById"]),
        ("Who works for NASA?", []),
        ("WHAT IS THE DEFAULT OF HISTSIZE?", []),
        ("How is maxRows set for block B-12?", ["maxRows"]),
        ("What does the WORLD think?", []),
    ],
)
def test_identifiers_are_told_from_words_names_and_codes(question: str, identifiers: list[str]) -> None:
    assert asked_identifiers(question) == identifiers


_MANUAL = (
    "HISTFILE The name of the file in which the history is saved. The default value is ~/.bash_history.\n\n"
    "HISTSIZE The maximum number of commands to remember. The shell sets the default value to 500 after it starts."
)


@pytest.mark.parametrize(
    ("question", "quoted"),
    [
        ("What is the default value of HISTSIZE?", "The shell sets the default value to 500 after it starts."),
        ("What is the default value of HISTFILE?", "The default value is ~/.bash_history."),
    ],
)
def test_what_is_said_of_the_neighbouring_entry_is_not_quoted(question: str, quoted: str) -> None:
    sure_of_the_wrong_one = ScriptedReader({"~/.bash_history": 0.95, "500": 0.6})
    answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=sure_of_the_wrong_one, min_confidence=0.0)
    *_, answer = answerer.answer(make_query(question), [passage(1, _MANUAL)])
    assert isinstance(answer, Answer)
    assert [citation.quote.endswith(quoted) for citation in answer.citations] == [True]


def test_the_largest_number_is_told_by_a_bound_and_never_by_a_heading() -> None:
    text = "Maximum Number Of Tables In A Join\n\nThe library does not support joins of more than 64 tables."
    *_, answer = ExtractiveAnswerer(FakeEmbedder(dimension=256), min_confidence=0.0).answer(
        make_query("What is the largest number of tables in a join?"), [passage(1, text)]
    )
    assert isinstance(answer, Answer)
    assert answer.citations[0].quote == "The library does not support joins of more than 64 tables."


def test_an_amount_is_not_the_digit_of_a_name() -> None:
    text = "The checkpoint threshold can be changed by wal3_limit(). By default the threshold is a size of 1000 pages."
    *_, answer = ExtractiveAnswerer(FakeEmbedder(dimension=256), min_confidence=0.0).answer(
        make_query("What is the checkpoint threshold by default?"), [passage(1, text)]
    )
    assert isinstance(answer, Answer)
    assert answer.citations[0].quote == "By default the threshold is a size of 1000 pages."


def test_which_entry_it_is_stands_in_front_of_what_is_said_of_it() -> None:
    text = "--fold\n\nFolds what was knitted.\n\n--wash\n\nWashes what was knitted in cold water."
    answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), min_confidence=0.0)
    *_, answer = answerer.answer(make_query("Which option washes what was knitted?"), [passage(1, text)])
    assert isinstance(answer, Answer)
    assert answer.citations[0].quote == "--wash\n\nWashes what was knitted in cold water."
