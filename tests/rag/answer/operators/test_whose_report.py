"""Tables of a report whose name stands around other tables, and money where things are counted."""

from rag.answer.operators.answerer import OperatorAnswerer
from rag.parsers.builder import DocumentBuilder
from rag.parsers.tables.table import Table
from rag.query.query import make_query
from rag.types import Answer, Passage
from tests.rag.answer.operators.one_table import OneDocument, Otherwise, ask
from tests.rag.fakes import FakeEmbedder, a_document

QUARTERS = [["", "Three months ended July 1, 2031", "Three months ended July 2, 2030"], ["Lamps", "$ 1,240", "$ 990"]]


def test_the_name_may_stand_below_a_table_on_the_cover() -> None:
    builder = DocumentBuilder(media_type="x/y")
    builder.table(Table.of_rows([["Form", "10-Q"], ["File", "0-23"]]))
    builder.paragraph("NORDLICHT CORPORATION, quarterly report.")
    builder.paragraph("Nothing else happened. " * 60)
    builder.table(Table.of_rows(QUARTERS))
    built = builder.build()
    spans = tuple(block.table for block in built.blocks if block.table is not None)
    whole = Passage(1, a_document(title="Form"), 0, len(built.text), built.text, 1.0, tables=spans)
    answerer = OperatorAnswerer(Otherwise(), OneDocument(built.text, spans), FakeEmbedder(dimension=256))
    *_, answer = answerer.answer(make_query("nordlicht lamps in the quarter ended July 1, 2031"), [whole])
    assert isinstance(answer, Answer)
    assert "1,240" in answer.text


def test_how_many_were_sold_is_not_what_they_brought() -> None:
    assert ask("how many lamps did we sell in the quarter", QUARTERS).answerer == "otherwise"
    assert "1,240" in ask("how much did lamps bring in the quarter", QUARTERS).text
