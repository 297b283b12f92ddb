"""Lines of minutes that begin with a name: what somebody has to do."""

import pytest

from rag.answer.operators.quoted.duties import quote_duties
from rag.query.query import make_query
from tests.rag.answer.operators.plain_texts import PlainTexts
from tests.rag.answer.two_passages import passage

MINUTES = """Allotment society, committee meeting of 12 March

Present: Ilse Brandt, Piet Smit, Noor Haddad
Apologies: Tom Weller, Agnes Lund

Water
Piet: the pump is loud.

Actions
- Piet: order the paint by 4 May
- **Noor**: ask the council about the hedge
1. Ilse to write to all members
"""
OTHER = "Choir, committee meeting of 2 June\n\nAbsent: Lena Voss\n\nTasks:\nPiet: book the hall\n"


def quoted(question: str, *texts: str) -> list[str] | None:
    passages = [passage(number, text, document=number) for number, text in enumerate(texts, 1)]
    worked = quote_duties(make_query(question), passages, PlainTexts(texts))
    if worked is None:
        return None
    for statement in worked.statements:
        [source] = statement.sources
        assert texts[source.passage.document.id - 1][source.start : source.end].strip("*") in statement.text
    return [statement.text for statement in worked.statements]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What does Piet have to do?", ["Piet: order the paint by 4 May"]),
        ("What is Noor supposed to do?", ["Noor: ask the council about the hedge"]),
        ("What are Noor's tasks?", ["Noor: ask the council about the hedge"]),
        ("What must Ilse do?", ["Ilse to write to all members"]),
        ("What does Piet have to do after the committee meeting?", ["Piet: order the paint by 4 May"]),
        ("What does Piet have to do for the summer party?", None),
        ("What does Tom have to do?", None),
        ("What is Piet's task?", ["Piet: order the paint by 4 May"]),
        ("What is Piet's job?", None),
        ("What does Piet do?", None),  # for a living
        ("What did Piet say?", None),
    ],
)
def test_what_somebody_has_to_do_stands_under_duties_or_says_so(question: str, said: list[str] | None) -> None:
    found = quoted(question, MINUTES)
    assert (found and [text.replace("*", "") for text in found]) == said


def test_duties_of_several_documents_are_all_told() -> None:
    assert quoted("What does Piet have to do?", MINUTES, OTHER) == [
        "Piet: order the paint by 4 May",
        "Piet: book the hall",
    ]


@pytest.mark.parametrize("question", ["Who was present?", "What does Piet like?", "What do I have to do?"])
def test_other_questions_are_left_alone(question: str) -> None:
    assert quoted(question, MINUTES) is None
