"""Contact details, holders of positions, coded and dated entries, and steps, quoted by where they stand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from rag.answer.operators.answerer import OperatorAnswerer
from rag.parsers.builder import DocumentBuilder
from rag.parsers.tables.table import Table
from rag.query.query import make_query
from rag.text.markers import AnswerPart
from rag.text.table_spans import TableSpans
from rag.types import Answer, AnswerEvent, ParsedDocument, Passage, Query
from tests.rag.fakes import FakeEmbedder, ScriptedReader, a_document

LETTER = """Northgate Library
Wharf Street 8, 4021 Ostby
Tel. 555 0411 - Fax 555 0412
desk@northgate.example

Dear Mr Rask,

the reading room is closed until 3 May. The grant of 1,250,000 crowns was paid 2019-2021.

Signe Holt
Head of lending
Direct line 555 0419
holt@northgate.example"""
CONTRACT = """Landlord: Ada Quist, telephone 555 0433. Tenant: Bo Rask.

The rent goes to IBAN NO93 8601 1117 947. Mr Ferner, the caretaker, can be reached on 555 0435."""
CHRONICLE = """- 1743: The first pier is built.
- 1788: A storm destroys it.
- 1934: The lido opens.
- 1962: The railway is closed."""


class Otherwise:
    name = "otherwise"

    def answer(self, query: Query, passages: Sequence[Passage]) -> Iterator[AnswerEvent]:
        yield Answer((AnswerPart("left to another"),), True, (), self.name)


@dataclass(frozen=True)
class OneDocument:
    parsed: ParsedDocument

    def document_text(self, document_id: int) -> str:
        return self.parsed.text

    def tables(self, document_id: int, start: int, end: int) -> tuple[TableSpans, ...]:
        return tuple(block.table for block in self.parsed.blocks if block.table is not None)


def ask(
    question: str, document: ParsedDocument | str, title: str = "document", reader: ScriptedReader | None = None
) -> str:
    """The operators' answer, every citation checked; empty where the question is left to another answerer."""
    if isinstance(document, str):
        builder = DocumentBuilder(media_type="x/y")
        for paragraph in document.split("\n\n"):
            builder.paragraph(paragraph)
        document = builder.build()
    texts = OneDocument(document)
    whole = Passage(1, a_document(title=title), 0, len(document.text), document.text, 1.0, tables=texts.tables(1, 0, 0))
    answerer = OperatorAnswerer(Otherwise(), texts, FakeEmbedder(dimension=256), reader=reader)
    *_, answer = answerer.answer(make_query(question), [whole])
    assert isinstance(answer, Answer)
    for citation in answer.citations:
        assert document.text[citation.start : citation.end] == citation.quote
    return answer.text if answer.answerer == "operators" else ""


@pytest.mark.parametrize(
    ("question", "document", "value"),
    [
        ("What is the phone number of Northgate Library?", LETTER, "555 0411"),
        ("What is the fax number of Northgate Library?", LETTER, "555 0412"),
        ("What is Signe Holt's e-mail address?", LETTER, "holt@northgate.example"),
        ("What is the phone number of Signe Holt?", LETTER, "555 0419"),
        ("What is the landlord's telephone number?", CONTRACT, "555 0433"),
        ("What is the phone number of the caretaker?", CONTRACT, "555 0435"),
        ("Which IBAN is the rent paid to?", CONTRACT, "NO93 8601 1117 947"),
    ],
)
def test_a_detail_is_told_by_its_form_and_by_whom_it_stands_beside(question: str, document: str, value: str) -> None:
    assert value in ask(question, document)


@pytest.mark.parametrize(
    ("question", "document"),
    [
        ("What is the tenant's phone number?", CONTRACT),  # only the landlord's and the caretaker's are there
        ("What is the tenant's phone number?", CONTRACT.replace(". Tenant", "\nTenant")),
        ("What is the tenant's phone number?", "Tenant: Bo Rask\nLandlord: Ada Quist, telephone 555 0433"),
        ("What is Ada Quist's e-mail address?", CONTRACT),
        ("What is the mobile number of Mr Rask?", LETTER),
        ("What did the e-mail say about the grant?", LETTER),
    ],
)
def test_nobody_elses_detail_is_given(question: str, document: str) -> None:
    assert ask(question, document) == ""


def test_the_holder_of_a_position_stands_above_it() -> None:
    assert ask("Who is the head of lending?", LETTER).startswith("Signe Holt, Head of lending.")
    assert ask("Who is the head of acquisitions?", LETTER) == ""


def manual() -> ParsedDocument:
    builder = DocumentBuilder(media_type="x/y")
    builder.paragraph("Velo 45 dishwasher")
    builder.table(
        Table.of_rows(
            [
                ["Display", "Cause", "Remedy"],
                ["F1", "Water does not run in", "Open the tap"],
                ["F4", "Water does not drain", "Clean the filter and the pump"],
                ["F14", "Door open", "Close the door"],
            ]
        )
    )
    return builder.build()


def test_an_error_code_gets_its_whole_entry() -> None:
    assert "Remedy: Clean the filter and the pump" in ask("What should I do when F4 appears?", manual())
    assert "Cause: Water does not run in" in ask("What does F1 mean?", manual())
    listed = "Error codes:\n\n- E10: no water. Open the tap.\n- E18: the pump is blocked.\n- E1: the door is open."
    assert "Open the tap" in ask("What should I do when E10 appears?", listed)
    quarters = "Terms:\n\n- Q1: first quarter.\n- E18: the pump.\n- CCG: client computing."
    assert "first quarter" not in ask("What was the income in Q1?", quarters)


@pytest.mark.parametrize("question", ["What should I do when F9 appears?", "When did F4 first appear?"])
def test_other_codes_and_questions_about_a_code_get_none(question: str) -> None:
    assert "F4" not in ask(question, manual())


@pytest.mark.parametrize(
    ("question", "entry"),
    [
        ("What happened in 1934?", "1934: The lido opens."),
        ("What happened first?", "1743: The first pier is built."),
        ("What was the last event in the chronicle?", "1962: The railway is closed."),
    ],
)
def test_a_dated_entry_is_found_by_its_date_or_place(question: str, entry: str) -> None:
    assert ask(question, CHRONICLE, "Chronicle").startswith(entry)


def test_a_year_without_an_entry_has_none() -> None:
    assert ask("What happened in 1950?", CHRONICLE, "Chronicle") == ""
    unordered = CHRONICLE + "\n- 1802: The stone pier is finished."
    assert ask("What happened last?", unordered, "Chronicle") == ""


DATA = """Height 82 cm, width 45 cm.

Net weight: 34.5 kg

Noise level: 46 dB(A)

Connected load: 1,900 W

Length of the hose: 1.5 m"""


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("How loud is the dishwasher?", "Noise level: 46 dB(A)"),
        ("How heavy is the Velo 45 dishwasher?", "34.5 kg"),
        ("How much power does the dishwasher need?", "1,900 W"),
    ],
)
def test_a_measure_in_a_list_of_data_is_told_by_its_unit(question: str, value: str) -> None:
    assert value in ask(question, DATA, "Velo 45 dishwasher")


@pytest.mark.parametrize(
    ("question", "data"),
    [
        ("How loud is the pump?", DATA),
        ("How fast is the dishwasher?", DATA),
        ("How heavy is the dishwasher?", DATA + "\n\nGross weight: 38 kg"),
    ],
)
def test_of_another_thing_or_of_several_lines_none_is_taken(question: str, data: str) -> None:
    assert ask(question, data, "Velo 45 dishwasher") == ""


def steps() -> ParsedDocument:
    builder = DocumentBuilder(media_type="x/y")
    builder.heading("How to bleed a radiator")
    builder.paragraph("You need a bleed key, a cloth and a bowl.")
    for text in ("1. Switch off the pump.", "2. Open the valve half a turn.", "3. Close it when water comes."):
        builder.list_item(text)
    builder.heading("Cleaning the filter", 2)
    builder.paragraph("Turn the filter and lift it out. Rinse it under water. Put it back.")
    return builder.build()


def test_how_to_do_something_is_answered_with_its_steps() -> None:
    told = ask("How do I bleed a radiator?", steps(), "Radiators")
    assert "Switch off the pump" in told
    assert "Close it" in told
    prose = ask("How do I clean the filter?", steps(), "Radiators")
    assert "lift it out" in prose
    assert "Put it back" in prose


def test_what_is_needed_is_not_answered_with_steps() -> None:
    assert "Switch off" not in ask("What do I need to bleed a radiator?", steps(), "Radiators")


MANUAL = """knit(1)

-k, --keep-wool

Does not cut the wool at the end.

--gauge=NUMBER

Stitches on four inches. The default is 22.

--Gauge

Prints the gauge.

--fold

Folds what was knitted. The values are once and twice.

KNIT_COLOUR

Name of the colour that is used first.

loop

Members of this group may use the loom."""


@pytest.mark.parametrize(
    ("question", "entry"),
    [
        ("What does --keep-wool do?", "-k, --keep-wool: Does not cut the wool at the end."),
        ("what does knit -k do?", "-k, --keep-wool: Does not cut the wool at the end."),
        ("What is the default of --gauge?", "--gauge=NUMBER: The default is 22."),
        ("Which values can --fold have?", "--fold: The values are once and twice."),
        ("What does KNIT_COLOUR contain?", "KNIT_COLOUR: Name of the colour that is used first."),
        ("What is the group loop for?", "loop: Members of this group may use the loom."),
        ("What can members of loop do?", "loop: Members of this group may use the loom."),
        ("What is the default of --keep-wool?", ""),
        ("What is the price of the loop?", ""),
        ("What does --wash do?", ""),
        ("When does the loop end?", ""),
    ],
)
def test_the_entry_of_a_manual_is_quoted_with_its_term(question: str, entry: str) -> None:
    assert ask(question, MANUAL, title="knit").replace(" [1]", "").strip() == entry


def test_a_single_line_in_a_text_is_no_entry_of_a_manual() -> None:
    assert ask("What is compression?", "Compression\n\nIt is described in another chapter.") == ""


LIMITS = """Limits of the loom

Maximum Number Of Threads

The parameter MAX_THREAD bounds the number of threads in a warp. It has a price. The default setting is 2000.

Maximum Length Of A Cloth

A cloth is never folded. It may hold up to 400 metres.

Colours

Each may be used 3 times."""


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("What is the maximum number of threads?", "The default setting is 2000."),
        ("What is the maximum length of a cloth?", "It may hold up to 400 metres."),
        ("What is the maximum number of colours?", ""),
        ("What is the maximum number of needles?", ""),
    ],
)
def test_the_limit_is_found_in_the_section_that_is_headed_by_it(question: str, sentence: str) -> None:
    assert ask(question, LIMITS, title="loom").replace(" [1]", "").strip() == sentence


FAQ = """Can the loom knit?

Not by itself, no. See the other machine.

1. Well that's nice, but how do I wash a woollen cloth?

In cold water. It shrinks in hot water.

How much wool is there?

What colours are there?

Red."""


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How do I wash a woollen cloth?", "In cold water. It shrinks in hot water."),
        ("can the loom knit", "Not by itself, no. See the other machine."),
        ("How do I iron a woollen cloth?", ""),
        ("How much wool is there?", ""),
    ],
)
def test_what_a_document_asks_itself_is_answered_by_what_follows(question: str, answer: str) -> None:
    assert ask(question, FAQ, title="loom").replace(" [1]", "").strip() == answer


WARRANTY = """Kestrel cycles

3. What is covered
We repair any part that fails.

4. What is not covered
- wear of tyres
- damage through racing
- bicycles that were bought second-hand

5. Weight limit
It is 130 kg."""


def test_the_items_under_a_numbered_line_are_quoted() -> None:
    told = ask("Which parts are not covered?", WARRANTY, title="Kestrel cycles")
    assert "wear of tyres" in told and "second-hand" in told and "Weight" not in told


@pytest.mark.parametrize(("sure", "told"), [(0.9, True), (0.02, False)])
def test_a_contact_that_the_reader_doubts_is_not_told(sure: float, told: bool) -> None:
    said = ask("What is the phone number of Signe Holt?", LETTER, reader=ScriptedReader({"555 0419": sure}))
    assert ("555 0419" in said) is told
