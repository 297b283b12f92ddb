"""Questions that lead on from an answer: neighbours in the table, neighbours among the sections, nothing else."""

from rag.answer.follow_ups import Cited, follow_ups
from rag.text.table_spans import TableRow, TableSpans
from rag.types import Block

TABLE = "Month | Visitors\nJune | 3120\nJuly | 3987\nAugust | 4102\nTotal | 11209\n"
LETTER = "Preface\nHello.\n1. The lamp\nIt burns oil.\n2. The lens\nIt is heavy.\n3. The keeper\nHe is old.\n"


def row(text: str, line: str, *, is_header: bool = False) -> TableRow:
    start = text.index(line)
    first, second = line.split(" | ")
    places = (0, len(first), 0, line.index(second), len(second), 1)
    return TableRow(start, start + len(line), places, is_header=is_header)


def a_table(quoted: str) -> Cited:
    lines = TABLE.splitlines()
    rows = tuple(row(TABLE, line, is_header=number == 0) for number, line in enumerate(lines))
    start = TABLE.index(quoted)
    return Cited(7, "Visitors", TABLE, start, start + len(quoted), (TableSpans(("Month", "Visitors"), 1, rows),), ())


def a_letter(quoted: str) -> Cited:
    names = ("Preface", "1. The lamp", "2. The lens", "3. The keeper")
    headings = [Block(LETTER.index(name), LETTER.index(name) + len(name), "heading") for name in names]
    start = LETTER.index(quoted)
    return Cited(8, "Letter", LETTER, start, start + len(quoted), (), headings)


def test_the_row_that_the_question_names_gives_way_to_its_neighbours() -> None:
    found = follow_ups("How many visitors came in july?", [a_table("July | 3987")])
    assert [one.question for one in found] == ["How many visitors came in August?", "How many visitors came in June?"]
    first = found[0]
    assert TABLE[first.start : first.end] == "August | 4102"
    assert first.document_id == 7


def test_a_sum_is_no_neighbour_and_a_header_no_row() -> None:
    assert [one.question for one in follow_ups("And in August?", [a_table("August | 4102")])] == ["And in July?"]
    assert [one.question for one in follow_ups("And in June?", [a_table("June | 3120")])] == [
        "And in July?",
        "And in August?",
    ]


def test_a_question_that_names_no_row_has_no_neighbours() -> None:
    assert follow_ups("What about the juliet balcony?", [a_table("July | 3987")]) == []


def test_the_sections_beside_the_quote_are_asked_about() -> None:
    found = follow_ups("What does the lamp burn?", [a_letter("It burns oil.")])
    assert [one.question for one in found] == [
        "What does “Letter” say about The lens?",
        "What does “Letter” say about The keeper?",
        "What does “Letter” say about Preface?",
    ]
    assert LETTER[found[0].start : found[0].end] == "\nIt is heavy.\n"


def test_questions_speak_the_language_of_the_one_before() -> None:
    german = follow_ups("Was verbrennt die Lampe im Turm, und wie lange reicht es?", [a_letter("It burns oil.")])
    assert german[0].question == "Was steht in „Letter“ über The lens?"
    assert follow_ups("Que brûle la lampe dans la tour du phare ?", [a_letter("It burns oil.")]) == []


def test_nothing_is_suggested_twice_or_asked_again() -> None:
    quotes = [a_letter("It burns oil."), a_letter("It is heavy.")]
    found = [one.question for one in follow_ups("What does “Letter” say about The lens?", quotes)]
    assert len(found) == len(set(found))
    assert "What does “Letter” say about The lens?" not in found


def test_a_heading_with_nothing_below_it_is_left_out() -> None:
    text = "One\nThis is it.\nTwo"
    headings = [Block(0, 3, "heading"), Block(text.index("Two"), len(text), "heading")]
    assert follow_ups("What is the first of all these?", [Cited(1, "T", text, 4, 15, (), headings)]) == []
