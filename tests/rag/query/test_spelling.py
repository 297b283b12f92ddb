"""Spelling corrected by the words of a library (``rag.query.spelling``, ``rag.store.vocabulary``)."""

import pytest

from rag.query.rewriting import HeuristicRewriter
from rag.query.spelling import SpellingRewriter, corrected
from rag.store.vocabulary import LibraryVocabulary
from rag.types import Turn
from tests.rag.workbench import Workbench, bench

__all__ = ["bench"]

TEXT = """The secretary of the allotment society is Dennis Pryor. The deposit for the flat in Alder Street is due.

Mrs Dacre rents the boathouse beside the jetty. Carrots and carols, a deposit of 3 crowns, deposits of 4711 crowns.
It was built in 1987.
"""


@pytest.fixture
def vocabulary(bench: Workbench) -> LibraryVocabulary:
    bench.write("letter.txt", TEXT)
    bench.sync()
    return LibraryVocabulary(bench.library)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("who is the secretery of the alotment society", "who is the secretary of the allotment society"),
        ("how much is the depposit in Alder Stret?", "how much is the deposit in Alder Street?"),
        ("who rents the boathuose", "who rents the boathouse"),
        ("what is beside the jety?", "what is beside the jetty?"),
        ("how meny carrots", "how many carrots"),
        ("wich deposit is the cheapest", "which deposit is the cheapest"),
        ("how many carots", "how many carrots"),
        ("How lound is the boathouse?", "How loud is the boathouse?"),
        ("Who is Mrs Dacer?", "Who is Mrs Dacre?"),
        ("wen is the deposit due", "when is the deposit due"),
        ("waht is beside the jetty?", "what is beside the jetty?"),
        ("how long does teh jetty tkae", "how long does the jetty take"),
        ("what was built in 87", "what was built in 1987"),
        ("what was built in '87?", "what was built in 1987?"),
    ],
)
def test_slips_are_put_right(vocabulary: LibraryVocabulary, typed: str, meant: str) -> None:
    assert corrected(typed, vocabulary) == meant


@pytest.mark.parametrize(
    "question",
    [
        "who is the secretary of the allotment society?",
        "What was built in 88?",  # no such year stands anywhere
        "Is it paid in 87 days?",
        "How much is the deposit for a child of 87?",
        "Is the boathouse open after 87?",
        "Is he taller than 5'87?",
        "Where is the gazebo?",  # an English word that stands nowhere
        "What does Kubernetes cost?",  # nothing like it stands anywhere
        "Who rents the boathouses?",  # another form of a word that is there
        "which is the cheapest deposit?",
        "Who sent invoice 4712 or AB471?",
        "Who is MRS DACER?",
        "Who is Theo Moret?",  # names are not taken for words that questions are made of
        "who is theo?",
        "Wer ist der Secretery?",
    ],
)
def test_other_questions_stay_as_they_are(vocabulary: LibraryVocabulary, question: str) -> None:
    assert corrected(question, vocabulary) == question


def test_a_follow_up_is_corrected_and_completed(vocabulary: LibraryVocabulary) -> None:
    rewriter = SpellingRewriter(HeuristicRewriter(), vocabulary)
    history = [Turn("Who is the secretary of the allotment society?", "Dennis Pryor is the secretary.")]
    assert rewriter.rewrite("Where is his depposit?", history) == "Where is Dennis Pryor's deposit?"
