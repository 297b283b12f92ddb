"""What columns hold for each row of a kind."""

from tests.rag.answer.operators.one_table import ask

COURSES = [
    ["Course", "Kind", "Teacher", "Fee (€)", "Places"],
    ["Watercolour", "art", "Ines Holm", "80", "12"],
    ["Lino print", "art", "Karl Rowe", "95", "8"],
    ["Bread", "kitchen", "Olga Brandt", "40", "10"],
]
MENU = [["Day", "Soup", "Main"], ["Monday", "Leek", "Pie"], ["Tuesday", "Pea", "Rice"]]


def test_one_column_for_each_row() -> None:
    assert ask("the soup for each day", MENU, "Canteen menu").text == "Monday: Soup: Leek. [1] Tuesday: Soup: Pea. [1]"


def test_two_columns_for_the_rows_of_a_group() -> None:
    text = ask("fee and places of all the art courses", COURSES, "Courses").text
    assert text == "Watercolour: Fee (€): 80; Places: 12. [1] Lino print: Fee (€): 95; Places: 8. [1]"


def test_a_column_that_is_not_there_is_not_told() -> None:
    assert ask("room of all the art courses", COURSES, "Courses").text == "not computed"
