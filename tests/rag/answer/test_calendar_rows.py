"""The row of a foreign calendar is that of the month or day asked for, or none is stated."""

import pytest

from rag.answer.extractive import ExtractiveAnswerer
from rag.parsers.builder import DocumentBuilder
from rag.parsers.tables.table import Table
from rag.query.query import make_query
from rag.types import Answer, Passage
from tests.rag.fakes import FakeEmbedder, ScriptedReader, a_document

ROWS = [
    ["Monat", "Papier", "Glas"],
    ["April", "den 9.", "den 17."],
    ["Mai", "den 14.", "den 22."],
    ["Juni", "den 11.", ""],
]


class _ReadsAnyLanguage(ScriptedReader):
    reads_any_language = True


def ask(question: str, title: str = "Abfuhr 2031") -> Answer:
    builder = DocumentBuilder(media_type="x/y")
    builder.paragraph("Wann werden die Tonnen geleert?")
    builder.table(Table.of_rows(ROWS))
    built = builder.build()
    tables = tuple(block.table for block in built.blocks if block.table is not None)
    passage = Passage(1, a_document(title=title), 0, len(built.text), built.text, 1.0, tables=tables)
    answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=_ReadsAnyLanguage({"den 14.": 0.95}))
    *_, answer = answerer.answer(make_query(question), [passage])
    assert isinstance(answer, Answer)
    return answer


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("When is the paper fetched in May?", "14."),
        ("When is the paper fetched in June?", "11."),
        ("Quand est-ce que le papier est ramassé en avril ?", "9."),
    ],
)
def test_the_row_of_the_month_is_quoted(question: str, said: str) -> None:
    assert said in ask(question).citations[0].quote


@pytest.mark.parametrize("question", ["When is the paper fetched in August?", "When is the paper fetched in May 2033?"])
def test_another_month_or_year_is_not_stated(question: str) -> None:
    assert not ask(question).found
