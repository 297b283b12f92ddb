"""Follow-ups become complete questions; questions that stand alone stay as they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.query.rewriting import HeuristicRewriter
from rag.types import Turn


def rewrite(question: str, *history: tuple[str, str]) -> str:
    return HeuristicRewriter().rewrite(question, [Turn(asked, answered) for asked, answered in history])


REVENUE = ("What was Apple's revenue in 2020?", "Apple's revenue was 274 billion dollars in 2020. [1]")
RADIUM = ("Who discovered radium?", "Radium was discovered by Marie Curie in 1898. [1]")


@pytest.mark.parametrize(
    ("question", "history", "expected"),
    [
        ("and in 2021?", [REVENUE], "What was Apple's revenue in 2021?"),
        ("what about Microsoft?", [REVENUE], "What was Microsoft's revenue in 2020?"),
        ("und 2021?", [("Wie hoch war der Umsatz 2020?", "")], "Wie hoch war der Umsatz 2021?"),
        (
            "who wrote it?",
            [("When was Pride and Prejudice published?", "")],
            "who wrote Pride and Prejudice?",
        ),
        ("Who directed it?", [("When was Fiddler on the Roof released?", "")], "Who directed Fiddler on the Roof?"),
        ("How old is she?", [RADIUM], "How old is Marie Curie?"),
        ("And what did her husband do?", [RADIUM], "What did Marie Curie's husband do?"),
        ("And what is it made of?", [("How tall is the tower?", "")], "What is tower made of?"),
        ("where does it happen?", [("What is photosynthesis?", "")], "where does photosynthesis happen?"),
        ("tell me more", [("What is photosynthesis?", "")], "Tell me more about photosynthesis"),
        ("What did Einstein win?", [("Who was Albert Einstein?", "")], "What did Albert Einstein win?"),
        (
            "What is the difference between them?",
            [("What are lithium and sodium batteries?", "")],
            "What is the difference between lithium and sodium batteries?",
        ),
        ("And the final?", [("When is the midterm exam?", "")], "When is the final?"),
        ("and the chair?", [("Who is the treasurer of the club?", "")], "Who is the chair of the club?"),
        ("And the net income?", [("What was Nvidia's revenue in 2022?", "")], "What was Nvidia's net income in 2022?"),
        (
            "And when does it arrive?",
            [("When does the train to Porto leave?", "")],
            "When does the train to Porto arrive?",
        ),
        (
            "And how much sugar?",
            [("How much flour goes into the plum cake?", "")],
            "How much sugar goes into the plum cake?",
        ),
        (
            "And in the same quarter the year before?",
            [("What were AWS sales in the third quarter of 2022?", "")],
            "What were AWS sales in the third quarter of 2021?",
        ),
        ("and the following year?", [("How many came in 2022?", "")], "How many came in 2023?"),
        ("And for children?", [("What does a ticket for an adult cost?", "")], "What does a ticket for children cost?"),
        (
            "how many eggs are in it",
            [("How long does the pancake batter rest?", "")],
            "how many eggs are in pancake batter",
        ),
        ("And how often does it flash?", [("How many prisms does the lens have?", "")], "How often does lens flash?"),
        ("How many can it carry?", [("When was the Gannet built?", "")], "How many can Gannet carry?"),
        (
            "By how many people?",
            [("When was the trust founded?", "")],
            "When was the trust founded by how many people?",
        ),
        (
            "When is it due?",
            [("What does the jetty cost in the restoration contract?", "")],
            "When is jetty due?",
        ),
        (
            "Who was the keeper then?",
            [("How long was the light out in the great storm?", "")],
            "Who was the keeper then regarding great storm?",
        ),
        (
            "does it cover water damage?",
            [("What is the deductible of the home insurance policy?", "")],
            "does home insurance policy cover water damage?",
        ),
    ],
)
def test_what_is_left_out_is_filled_in(question: str, history: list[tuple[str, str]], expected: str) -> None:
    assert rewrite(question, *history) == expected


def test_an_english_question_takes_no_words_of_another_language() -> None:
    german = ("Wie viele Kinder können schwimmen?", "Drei.")
    question = "when can they begin with the roof"
    assert rewrite(question, german) == question
    tenants = ("Who are the tenants of the mill?", "The tenants are the Hallorans.")
    assert rewrite("When did they move into it?", german, tenants) == "When did tenants move into it?"
    assert rewrite("und 2021?", ("Wie hoch war der Umsatz 2020?", "")) == "Wie hoch war der Umsatz 2021?"


def test_why_takes_up_the_answer() -> None:
    rewritten = rewrite("Why?", ("When was the launch cancelled?", "The launch was cancelled on 3 May. [1]"))
    assert rewritten.startswith("Why")
    assert "launch was cancelled" in rewritten
    assert "[1]" not in rewritten


def test_a_chain_of_follow_ups_keeps_the_subject() -> None:
    history = [
        ("Who was Albert Einstein?", "A physicist."),
        ("When was he born?", "In 1879."),
        ("And where?", "In Ulm."),
    ]
    assert "Albert Einstein" in rewrite("When did he die?", *history)


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of France?",
        "How long is the notice period?",
        "Is it true that cats can swim?",
        "What if I can't make it to the dentist?",
        "What time is it in Tokyo?",
        "Summarise this document",
        "What is this document about?",
        "Wie hoch ist die Miete in Berlin?",
        "Does the contract say that pets are allowed?",
        "東京タワーの高さは？",
        "",
        "   ",
    ],
)
def test_a_question_that_stands_alone_is_unchanged(question: str) -> None:
    assert rewrite(question, REVENUE) == question


@given(st.text(max_size=60))
def test_without_a_conversation_nothing_changes(question: str) -> None:
    assert rewrite(question) == question


@given(st.text(max_size=60), st.lists(st.tuples(st.text(max_size=60), st.text(max_size=60)), max_size=4))
def test_any_conversation_gives_a_question(question: str, history: list[tuple[str, str]]) -> None:
    rewritten = rewrite(question, *history)
    assert bool(rewritten.strip()) == bool(question.strip())


def test_a_long_conversation_does_not_grow_the_question_without_end() -> None:
    history: list[tuple[str, str]] = [("What is photosynthesis?", "")] + [("what about the others?", "")] * 40
    assert len(rewrite("what about the others?", *history)) < 400


@pytest.mark.parametrize(
    ("asked", "answered", "found", "question", "complete"),
    [
        (
            "Which Norwegian ship hit the Sow in 1911?",
            "The barque Evangeline, bound for Bergen, struck the Sow.",
            "barque Evangeline",
            "Where was she heading?",
            "Where was barque Evangeline heading?",
        ),
        (
            "Whose idea was the ring-shaped lens?",
            "Fresnel's idea, 1822.",
            "Fresnel",
            "At what age did he die?",
            "At what age did Fresnel die?",
        ),
        ("Which boat is the oldest?", "Dunlin, Built: 1950.", "Dunlin", "How long is it?", "How long is Dunlin?"),
        ("Who made the lens?", "Barbier made it.", "Barbier", "What did it cost?", "What did lens cost?"),
        ("How old is the door?", "It is new.", "new", "When was it painted?", "When was door painted?"),
    ],
)
def test_a_pronoun_means_the_name_that_was_asked_for(
    asked: str, answered: str, found: str, question: str, complete: str
) -> None:
    assert HeuristicRewriter().rewrite(question, [Turn(asked, answered, found)]) == complete


@pytest.mark.parametrize(
    ("asked", "answered", "found", "question"),
    [
        ("In which town did Anna Berg live?", "Anna Berg lived in Port Esk.", "Port Esk", "When did she die?"),
        ("Which company did she work for?", "She worked for Barbier.", "Barbier", "When did she die?"),
        ("Which month saw Carl Holm arrive?", "It was May 1901.", "May 1901", "When did he leave?"),
        ("Which doctor did Anna Berg see?", "She saw Dr. Lowe.", "Dr. Lowe", "When did she die?"),
    ],
)
def test_a_pronoun_means_no_place_or_date_that_was_asked_for(
    asked: str, answered: str, found: str, question: str
) -> None:
    assert found not in HeuristicRewriter().rewrite(question, [Turn(asked, answered, found)])
