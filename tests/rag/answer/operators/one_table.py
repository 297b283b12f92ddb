"""Asks questions of one table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.answer.operators.answerer import OperatorAnswerer
from rag.parsers.builder import DocumentBuilder
from rag.parsers.tables.table import Table
from rag.query.query import make_query
from rag.text.markers import AnswerPart
from rag.text.table_spans import TableSpans
from rag.types import Answer, AnswerEvent, Passage, Query, TextDelta
from tests.rag.fakes import FakeEmbedder, a_document

INCOME = [
    ["", "Three months ended June 30, 2031", "Three months ended June 30, 2030", "Six months ended June 30, 2031"],
    ["Revenue:", "", "", ""],
    ["Lamps", "$ 1,240", "$ 1,100", "$ 2,300"],
    ["Lenses", "760", "810", "1,500"],
    ["Total revenue", "2,000", "1,910", "3,800"],
    ["Operating income (loss):", "", "", ""],
    ["Lamps", "310", "250", "600"],
    ["Lenses", "(45)", "20", "(80)"],
]
STAFF = [
    ["Name", "Department", "Extension", "Since"],
    ["Ada Holm", "Workshop", "411", "2015"],
    ["Bo Lund", "Office", "412", "2009"],
    ["Cleo Marr", "Workshop", "413", "2022"],
]
HIRE = [
    ["Item", "Price in crowns", "Deposit in crowns", "Delivery"],
    ["Tent", "120", "300", "yes"],
    ["Heater", "28", "80", "no"],
    ["Stove", "45", "0", "no"],
]


class Otherwise:
    """Stands in for the answerer that is asked where no operator answers."""

    name = "otherwise"

    def answer(self, query: Query, passages: Sequence[Passage]) -> Iterator[AnswerEvent]:
        yield Answer((AnswerPart("not computed"),), True, (), self.name)


@dataclass(frozen=True)
class OneDocument:
    """The texts of a library that holds one document."""

    text: str
    spans: tuple[TableSpans, ...]

    def document_text(self, document_id: int) -> str:
        return self.text

    def tables(self, document_id: int, start: int, end: int) -> tuple[TableSpans, ...]:
        return self.spans


def library(rows: Sequence[Sequence[str]], before: str) -> tuple[OneDocument, Passage]:
    builder = DocumentBuilder(media_type="x/y")
    builder.paragraph(before)
    builder.table(Table.of_rows(rows))
    built = builder.build()
    spans = tuple(block.table for block in built.blocks if block.table is not None)
    whole = Passage(1, a_document(title="report"), 0, len(built.text), built.text, 1.0, tables=spans)
    return OneDocument(built.text, spans), whole


def ask(question: str, rows: Sequence[Sequence[str]], before: str = "Before the table.") -> Answer:
    texts, whole = library(rows, before)
    answerer = OperatorAnswerer(Otherwise(), texts, FakeEmbedder(dimension=256))
    *deltas, answer = answerer.answer(make_query(question), [whole])
    assert isinstance(answer, Answer)
    if answer.answerer == "operators":
        assert answer.text == "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
    for citation in answer.citations:
        assert texts.text[citation.start : citation.end] == citation.quote
    return answer
