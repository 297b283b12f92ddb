"""Amounts of ingredients, told by the line that names just the thing and the title that names what it is for."""

import pytest

from rag.answer.operators.quoted.ingredients import find_ingredient
from rag.query.query import make_query
from tests.rag.answer.operators.plain_texts import PlainTexts
from tests.rag.answer.two_passages import passage

TART = """Onion tart

Serves 8. Takes about 90 minutes.

Ingredients:
400 g plain flour
200 g butter, softened
4 eggs
250 ml coconut milk
2 tablespoons black treacle
1 pinch of nutmeg

Knead flour and butter. Bake at 190 degrees for 45 minutes."""
SOUP = """Leek soup

- Leeks: 3
- Butter: 30 g
- Water – 1 l
- Salt: 1 tsp"""


def quoted(question: str, *texts: str) -> str | None:
    texts = texts or (TART, SOUP)
    passages = [passage(number, text, document=number) for number, text in enumerate(texts, 1)]
    worked = find_ingredient(make_query(question), passages, PlainTexts(texts))
    return None if worked is None else worked.statements[0].text


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("How much flour does the onion tart take?", "400 g plain flour"),
        ("how much treacle do i need for the onion tart", "2 tablespoons black treacle"),
        ("how much flour for the onion tart", "400 g plain flour"),
        ("How much butter do I need for the tart?", "200 g butter, softened"),
        ("How many eggs are in the onion tart?", "4 eggs"),
        ("How much nutmeg goes into the tart?", "1 pinch of nutmeg"),
        ("How much butter is in the leek soup?", "Butter: 30 g"),
        ("How much water does the soup need?", "Water – 1 l"),
    ],
)
def test_the_line_of_the_thing_in_the_list_of_the_dish_is_quoted(question: str, said: str) -> None:
    assert quoted(question) == said


@pytest.mark.parametrize(
    "question",
    [
        "How much milk is in the onion tart?",  # coconut milk is another thing
        "How much sugar does the onion tart take?",
        "How much butter do I need?",  # for which of the two?
        "How much butter does the plum cake take?",
        "How much flour do I need for 16 people?",
        "How much flour is left?",
        "How much does the onion tart cost?",
    ],
)
def test_other_things_other_dishes_and_other_questions_are_left_alone(question: str) -> None:
    assert quoted(question) is None


def test_two_lines_of_one_thing_give_no_answer() -> None:
    assert (
        quoted("How much butter does the tart take?", TART.replace("4 eggs", "4 eggs\n\nFor the filling:\n50 g butter"))
        is None
    )


def test_the_list_of_a_second_dish_is_not_that_of_the_title() -> None:
    cake = "Plum cake\n\n300 g sugar\n1 kg plums\n5 eggs"
    assert quoted("How much sugar does the onion tart take?", f"{TART}\n\n{cake}") is None
    assert quoted("How many eggs does the onion tart take?", f"{TART}\n\n{cake}") == "4 eggs"
