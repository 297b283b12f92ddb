"""A quote that names what is asked for and says no more of it is the nearest passage and no answer."""

import pytest

from rag.answer.asked.answers import lacks_answer
from rag.query.query import make_query


@pytest.mark.parametrize(
    ("question", "quote"),
    [
        ("Who is the treasurer?", "The treasurer's report was accepted."),
        ("Who is the treasurer of the club?", "The committee consists of the chair, the treasurer and the warden."),
        ("When was Dr. Diallo born?", "Dr. Amara Diallo, senior physician"),
        ("Which poem do the twins recite?", "Nele plays the violin; the twins want to recite a poem."),
        ("Who will be the new conductor?", "A new conductor has to be found since Mr Halloran moves to Bristol."),
        ("When is the list renewed?", "The list may be renewed, and the clerks march to the town hall."),
        ("When is the concert?", "The date of the concert is not yet known."),
    ],
)
def test_such_a_quote_lacks_the_answer(question: str, quote: str) -> None:
    assert lacks_answer(make_query(question), quote, quote)


@pytest.mark.parametrize(
    ("question", "quote"),
    [
        ("Who is the treasurer?", "Our treasurer is Kirsten Hale."),
        ("Who teaches the strings?", "A student teaches the strings."),
        ("When is the list renewed?", "The list is renewed in May."),
        ("When is the list renewed?", "The list is renewed every term."),
        ("When does the shop open?", "The shop opens after breakfast."),
        ("When is the key handed over?", "The key is handed over when the deposit has been paid."),
        ("Which poem do the twins recite?", 'The twins recite a poem by Rilke, "The Panther".'),
        ("Which poem do the twins recite?", "The twins recite the poem of the two frogs."),
        ("Was kostet das Zimmer?", "Das Zimmer hat ein Fenster."),
    ],
)
def test_other_quotes_may_be_answers(question: str, quote: str) -> None:
    assert not lacks_answer(make_query(question), quote, quote)
