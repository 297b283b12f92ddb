"""Instructions as answers: they name nobody, and their verb comes first."""

import pytest

from rag.answer.operators.quoted.instructions import quote_instruction
from rag.query.query import make_query
from tests.rag.answer.two_passages import passage

LETTER = (
    "Dear parents, on 14 May we visit the farm. Please bring: sunscreen, a hat and rubber boots. "
    "Sign the form for Mrs Adeyemi by 30 April. Do not feed the goats. The coach leaves at 8:45."
)
HOUSE = "Return the cellar key to the caretaker. Wear indoor shoes in the gym."


def quoted(question: str, *texts: str) -> list[str] | None:
    passages = [passage(number, text, document=number) for number, text in enumerate(texts or (LETTER, HOUSE), 1)]
    worked = quote_instruction(make_query(question), passages)
    return None if worked is None else [statement.text for statement in worked.statements]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What should the kids bring?", "Please bring: sunscreen, a hat and rubber boots."),
        ("What do the children need to bring to the farm?", "Please bring: sunscreen, a hat and rubber boots."),
        ("When must the form be signed?", "Sign the form for Mrs Adeyemi by 30 April."),
        ("Where should members return the cellar key?", "Return the cellar key to the caretaker."),
    ],
)
def test_whom_the_question_asks_for_need_not_stand_in_the_instruction(question: str, said: str) -> None:
    assert quoted(question) == [said]


@pytest.mark.parametrize(
    "question",
    [
        "What should the kids not feed?",  # what is forbidden is another question
        "What should the kids feed?",
        "Where should members return the bicycle?",
        "When should members wear indoor shoes?",  # no time stands there
        "Who signs the form?",
    ],
)
def test_other_questions_and_other_things_are_left_alone(question: str) -> None:
    assert quoted(question) is None


def test_two_documents_that_ask_for_different_things_are_left_open() -> None:
    assert quoted("What should we bring?", "Please bring a torch.", "Bring a packed lunch.") is None


def test_a_list_is_quoted_to_its_end() -> None:
    text = "Please bring:\n\n- a hat\n- boots\n\nThe coach leaves at 8:45."
    assert quoted("What should the kids bring?", text) == ["Please bring:\n- a hat\n- boots"]
