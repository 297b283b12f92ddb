"""Rows and cells of tables in answers: the right row, under its own names, and the value asked for."""

from collections.abc import Sequence

import pytest

from rag.answer.extractive import ExtractiveAnswerer
from rag.answer.quote import LONGEST_QUOTE, readable
from rag.answer.rows import asked_cell, row_at, units_of
from rag.parsers.builder import DocumentBuilder
from rag.parsers.tables.table import Cell, Table
from rag.query.query import make_query
from rag.types import Answer, Passage
from tests.rag.fakes import FakeEmbedder, ScriptedReader, a_document

CATCH = [
    ["Species", "2029", "2030", "2031"],
    ["Cod", "", "120", "84"],
    ["Mackerel", "233", "207", "260"],
    ["Squid", "", "", "19"],
]
FARES = [
    ["Route", "Vessel", "Passenger", "Bicycle", "Car"],
    ["Skerry island", "Petrel", "17", "6", "71"],
    ["Skerry island", "Night boat", "22", "8", "90"],
    ["Long Bay", "Hopper", "11", "4", "44"],
]


def passage(table: Table, before: str = "Before the table.", start: int = 0) -> Passage:
    """The document of a paragraph and a table, from ``start`` on."""
    builder = DocumentBuilder(media_type="x/y")
    builder.paragraph(before)
    builder.table(table)
    built = builder.build()
    tables = tuple(block.table for block in built.blocks if block.table is not None)
    return Passage(1, a_document(), start, len(built.text), built.text[start:], 1.0, tables=tables)


def of_rows(rows: Sequence[Sequence[str]], *, records: bool = False) -> Passage:
    return passage(Table.of_rows(rows, records=records))


def _answerer(reader: ScriptedReader | None) -> ExtractiveAnswerer:
    """The fake embedder knows no meanings: the threshold is set low."""
    return ExtractiveAnswerer(FakeEmbedder(dimension=256), min_confidence=0.1, reader=reader)


def ask(question: str, given: Passage, reader: ScriptedReader | None = None) -> Answer:
    *_, answer = _answerer(reader).answer(make_query(question), [given])
    assert isinstance(answer, Answer)
    return answer


def shown(given: Passage, words: str) -> str:
    """The row that begins with some words, as it is shown."""
    row = row_at(given, given.text.index(words))
    assert row is not None
    return readable(given, row.start, row.end)


@pytest.mark.parametrize("records", [False, True])
def test_a_row_is_shown_with_the_names_of_its_own_columns(records: bool) -> None:
    given = of_rows(CATCH, records=records)
    assert shown(given, "Species: Cod" if records else "Cod") == "Species: Cod; 2030: 120; 2031: 84"
    assert shown(given, "Species: Squid" if records else "Squid") == "Species: Squid; 2031: 19"


def test_the_cell_of_a_row_and_a_column_is_the_answer() -> None:
    answer = ask("How much mackerel was caught in 2031?", of_rows(CATCH))
    assert answer.text.startswith("Species: Mackerel; 2029: 233; 2030: 207; 2031: 260")
    assert len(answer.citations) == 1 and answer.citations[0].quote == "Mackerel | 233 | 207 | 260"
    assert answer.span is not None and answer.span.text == "260"


def test_the_column_asked_for_counts_more_than_what_the_reader_read() -> None:
    reader = ScriptedReader({"22": 0.95})
    answer = ask("What does a car cost on the night boat to Skerry island?", of_rows(FARES), reader)
    assert answer.span is not None and answer.span.text == "90"
    assert "Petrel" not in answer.text


@pytest.mark.parametrize(
    ("question", "words", "value"),
    [
        ("What is the bicycle fare on the night boat?", "Skerry island | Night boat", "8"),
        ("Which vessel takes a car for 44?", "Long Bay", "Hopper"),
        ("Which route does the Hopper sail?", "Long Bay", "Long Bay"),
        ("What does the Hopper cost?", "Long Bay", None),
    ],
)
def test_the_question_names_the_column(question: str, words: str, value: str | None) -> None:
    given = of_rows(FARES)
    row = row_at(given, given.text.index(words))
    assert row is not None
    cell = asked_cell(make_query(question), row)
    assert (cell and cell.text) == value


def test_a_column_without_a_value_gives_no_other_value() -> None:
    answer = ask("How much squid was caught in 2030?", of_rows(CATCH), ScriptedReader({"19": 0.9}))
    assert answer.span is None


def test_a_single_letter_tells_rows_apart() -> None:
    given = of_rows([["Berth", "Summer", "Winter"], ["A-pier", "1200", "800"], ["B-pier", "950", ""]])
    answer = ask("What does a berth at the B-pier cost in summer?", given)
    assert answer.citations[0].quote == "B-pier | 950"
    assert answer.span is not None and answer.span.text == "950"


def test_no_number_says_where() -> None:
    given = of_rows([["Tool", "Pieces", "Kept"], ["Saw 3", "999", "Shelf 10"], ["Saw 4", "7", "Shelf 2"]])
    assert ask("Where is saw 3?", given, ScriptedReader({"999": 0.9})).span is None


def test_levels_of_a_header_tell_columns_apart() -> None:
    cells = (
        Cell("Cabin", 0, 0, rows=2), Cell("Low season", 0, 1, columns=2), Cell("High season", 0, 3, columns=2),
        Cell("Weekday", 1, 1), Cell("Weekend", 1, 2), Cell("Weekday", 1, 3), Cell("Weekend", 1, 4),
        Cell("Willow", 2, 0), Cell("500", 2, 1, columns=2), Cell("600", 2, 3), Cell("650", 2, 4),
        Cell("Birch", 3, 0), Cell("310", 3, 1), Cell("380", 3, 2), Cell("450", 3, 3), Cell("520", 3, 4),
    )  # fmt: skip
    answer = ask("What does Birch cost on a weekend in the high season?", passage(Table(cells)))
    assert answer.span is not None and answer.span.text == "520"
    assert "High season, Weekend: 520" in answer.text


def test_a_wide_row_is_quoted_around_the_cell_asked_for() -> None:
    names = ["Boat", *(f"Check number {n}" for n in range(60))]
    rows = [names, *([boat, *(f"{boat} passed with {n}" for n in range(60))] for boat in ("Tern", "Skua"))]
    answer = ask("What about check number 41 of the Skua?", of_rows(rows))
    assert answer.span is not None and answer.span.text == "Skua passed with 41"
    assert "Boat: Skua; " in answer.text and "Check number 41: Skua passed with 41" in answer.text
    assert len(answer.text) < LONGEST_QUOTE + 50
    assert "Tern" not in answer.citations[0].quote


def test_a_passage_that_begins_within_a_table_keeps_the_names() -> None:
    whole = of_rows(CATCH)
    late = passage(Table.of_rows(CATCH), start=whole.text.index("Squid"))
    assert ask("How much squid was caught in 2031?", late).text.startswith("Species: Squid; 2031: 19")


def test_sentences_in_a_long_cell_are_units_and_know_their_row() -> None:
    story = "The pump ran dry in May. " + "It was cleaned and greased and put back again. " * 8 + "It leaks since June."
    given = of_rows([["Pump", "Report", "Seen by"], ["Bilge", story, "Ann"], ["Fuel", "Fine.", "Ben"]])
    said = [given.text[unit.start : unit.end] for unit in units_of(given, 100)]
    assert said[:4] == ["Before the table.", "Pump | Report | Seen by", "Bilge", "The pump ran dry in May."]
    assert said[-3:] == ["It leaks since June.", "Ann", "Fuel | Fine. | Ben"]
    answer = ask("When does the bilge pump leak since?", given)
    assert answer.citations[0].quote == "It leaks since June."


def test_rows_of_a_table_without_names_are_answers_too() -> None:
    answer = ask("Who keeps the lamp?", of_rows([["", ""], ["Keeper of the lamp", "Ada Holm"], ["Cook", "Bo"]]))
    assert "Ada Holm" in answer.text


VOICES = [
    ["Name", "Voice", "Since"],
    ["Ingrid Falk", "Soprano", "2009"],
    ["Tom Abara", "Bass", "2015"],
    ["Lucy Penn", "Alto", "2021"],
    ["Henrik Moe", "Tenor", "2012"],
    ["Sana Qureshi", "Soprano", "2023"],
    ["Paul Dray", "Bass", "2018"],
    ["Ove Lind", "Tenor", "2002"],
]


def test_who_fits_alike_in_a_table_is_quoted_alike() -> None:
    answer = ask("Who sings bass?", of_rows(VOICES))
    assert "Tom Abara" in answer.text
    assert "Paul Dray" in answer.text
    assert "Lucy Penn" not in answer.text


def test_rows_that_hold_nothing_of_the_question_are_not_quoted_for_being_alike() -> None:
    answer = ask("Who has the voice Alto?", of_rows(VOICES))
    assert "Lucy Penn" in answer.text
    assert "Dray" not in answer.text


def test_a_reader_of_any_language_keeps_to_the_row_that_the_question_names() -> None:
    catch = of_rows([["Fisch", "Kilogramm", "Preis"], ["Dorsch", "120", "4"], ["Makrele", "207", "6"]])
    reader = ScriptedReader({"120": 0.98})
    reader.reads_any_language = True
    for question, row in (("Wie viel Makrele wurde gefangen?", "Makrele"), ("Wie viel wurde gefangen?", "Dorsch")):
        assert ask(question, catch, reader).text.startswith(f"Fisch: {row}")


def test_a_row_does_not_tell_how_many_there_are_of_what_its_table_never_names() -> None:
    before = "The gale carried off the barn with 14 geese."
    given = passage(
        Table.of_rows([["Bird", "2029", "2030"], ["Gale finch", "190", "267"], ["Puffin", "12", "21"]]), before
    )
    answer = ask("how many geese did the gale take?", given, ScriptedReader({"267": 0.6, "14 geese": 0.2}))
    assert "267" not in answer.text


def test_what_is_said_without_a_date_is_not_of_a_year_that_a_table_has() -> None:
    given = passage(
        Table.of_rows([["Bird", "2029", "2030"], ["Finch", "190", "267"], ["Puffin", "12", "21"]]), "Nine crows."
    )
    for question, found in (("How many crows were there in 2029?", False), ("How many crows are there?", True)):
        *_, answer = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=ScriptedReader({"Nine": 0.97})).answer(
            make_query(question), [given]
        )
        assert isinstance(answer, Answer)
        assert answer.found is found
