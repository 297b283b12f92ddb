"""Rows that name a person and say nothing of what he or she has to do."""

from collections.abc import Sequence

import pytest

from rag.answer.asked.duties import with_asked_duty
from rag.answer.evidence import Candidate
from rag.answer.rows import row_of, units_of
from rag.parsers.builder import DocumentBuilder
from rag.parsers.tables.table import Table
from rag.query.query import make_query
from rag.types import Passage
from tests.rag.fakes import a_document

MEMBERS = [["Name", "Role", "Phone"], ["Ada Quist", "Treasurer", "555 0433"], ["Bo Rask", "Secretary", "555 0435"]]
ACTIONS = [["Who", "Action"], ["Ada Quist", "Order the paint"], ["Bo Rask", "Write to the town"]]


def kept(question: str, rows: Sequence[Sequence[str]]) -> bool:
    """Whether the rows of a table may answer the question; a sentence always may."""
    builder = DocumentBuilder(media_type="x/y")
    builder.paragraph("Bo Rask orders the paint.")
    builder.table(Table.of_rows(rows))
    built = builder.build()
    tables = tuple(block.table for block in built.blocks if block.table is not None)
    passage = Passage(1, a_document(), 0, len(built.text), built.text, 1.0, tables=tables)
    units = units_of(passage, len(built.text))
    candidates = [Candidate(passage, unit.start, unit.end, {}, row=row_of(passage, unit)) for unit in units]
    left = with_asked_duty(make_query(question), candidates)
    assert any(one.row is None for one in left)
    return any(one.row is not None for one in left)


@pytest.mark.parametrize(
    "question",
    ["What does Bo Rask have to do?", "What must Bo do?", "What is Bo supposed to do?", "What is Bo's task?"],
)
def test_a_row_without_a_column_for_duties_tells_none(question: str) -> None:
    assert not kept(question, MEMBERS)
    assert kept(question, ACTIONS)


@pytest.mark.parametrize(
    "question",
    [
        "What is Bo Rask's role?",
        "What is Bo's job?",
        "Which phone number does Bo Rask have?",
        "What should I do when Bo Rask calls?",
    ],
)
def test_other_questions_keep_every_row(question: str) -> None:
    assert kept(question, MEMBERS)
