"""Summaries of whole documents, and what changed between two versions of one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest

from rag.answer.operators.answerer import OperatorAnswerer
from rag.parsers.builder import DocumentBuilder
from rag.parsers.tables.table import Table
from rag.query.query import make_query
from rag.text.markers import AnswerPart
from rag.text.table_spans import TableSpans
from rag.types import Answer, AnswerEvent, ParsedDocument, Passage, Query, TextDelta
from tests.rag.fakes import FakeEmbedder, a_document


class Otherwise:
    name = "otherwise"

    def answer(self, query: Query, passages: Sequence[Passage]) -> Iterator[AnswerEvent]:
        yield Answer((AnswerPart("as before"),), True, (), self.name)


@dataclass(frozen=True)
class Texts:
    documents: Mapping[int, ParsedDocument]

    def document_text(self, document_id: int) -> str:
        return self.documents[document_id].text

    def tables(self, document_id: int, start: int, end: int) -> tuple[TableSpans, ...]:
        return tuple(block.table for block in self.documents[document_id].blocks if block.table is not None)


def ask(question: str, documents: Mapping[str, ParsedDocument]) -> Answer:
    """Each document is one passage: its first 40 characters, as if a search had found these."""
    numbered = dict(enumerate(documents.values(), start=1))
    passages = [
        Passage(number, a_document(number, title), 0, 40, documents[title].text[:40], 1.0)
        for number, title in enumerate(documents, start=1)
    ]
    answerer = OperatorAnswerer(Otherwise(), Texts(numbered), FakeEmbedder(dimension=256))
    *deltas, answer = answerer.answer(make_query(question), passages)
    assert isinstance(answer, Answer)
    if answer.answerer == "operators":
        assert answer.text == "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
    for citation in answer.citations:
        assert numbered[citation.document_id].text[citation.start : citation.end] == citation.quote
    return answer


def newsletter() -> ParsedDocument:
    builder = DocumentBuilder(media_type="x/y")
    for heading, text in (
        ("Holidays", "The summer holidays begin on Friday 18 July at noon. Lunch is not served on that day."),
        ("Faces", "We say goodbye to Mrs Whitcombe after 31 years. The flowers were nice and everybody liked them."),
        ("Sports", "Sports day is on Wednesday 25 June from 9:15. Please send a hat along with a bottle."),
        ("Trip", "Years 5 and 6 go to the fort at Cawthorne on 2 July. A packed lunch is a good idea for all."),
    ):
        builder.heading(heading, 1)
        builder.paragraph(text)
    return builder.build()


def quote(price: str, days: str, *, hood: bool) -> ParsedDocument:
    builder = DocumentBuilder(media_type="x/y")
    builder.paragraph(f"Larkspur Kitchens for the Abara family. Delivery takes {days} weeks after the order.")
    rows = [["Item", "Price"], ["Oven", "720"], ["Worktop", price], *([["Hood", "380"]] if hood else [])]
    builder.table(Table.of_rows(rows))
    builder.paragraph("The designer of it all is Fiona Tate.")
    return builder.build()


@pytest.mark.parametrize("question", ["Summarise the newsletter", "What is the newsletter of the school about?"])
def test_a_summary_tells_of_every_section(question: str) -> None:
    text = ask(question, {"newsletter": newsletter()}).text
    assert all(fact in text for fact in ("18 July", "Whitcombe", "25 June", "Cawthorne"))


def test_what_a_document_is_about_begins_with_its_title_and_keeps_short_items() -> None:
    builder = DocumentBuilder(media_type="x/y")
    builder.paragraph("I got across this morning on the first boat in six days. The rest, from bad to good, is this:")
    for item in ("1. The jetty has lost its end.", "2. The wheel stands still.", "3. The café sign is gone."):
        builder.paragraph(item)
    text = ask("What is the damage report about?", {"Damage report": builder.build()}).text
    assert text.startswith("Damage report.")
    assert "The jetty has lost its end." in text


def test_a_summary_stays_in_the_order_of_the_document() -> None:
    citations = ask("Summarise the newsletter", {"newsletter": newsletter()}).citations
    assert [citation.start for citation in citations] == sorted(citation.start for citation in citations)


def test_whom_a_mail_is_to_is_no_part_of_what_it_says() -> None:
    builder = DocumentBuilder(media_type="message/rfc822")
    builder.paragraph("From: Ingrid Sallow of the Trust <ingrid@trust.example>\nDate: Mon, 05 Feb 2024 08:41:00 +0000")
    builder.paragraph("The jetty has lost its outer nine metres. Sea water stood deep in the engine house.")
    builder.paragraph("The insurer comes on Wednesday with an assessor. The museum opens in April as it was planned.")
    document = builder.build()
    whole = Passage(1, a_document(1, "storm"), 0, len(document.text), document.text, 1.0)
    answerer = OperatorAnswerer(Otherwise(), Texts({1: document}), FakeEmbedder(dimension=256))
    *_, answer = answerer.answer(make_query("Summarize the storm mail"), [whole])
    assert isinstance(answer, Answer)
    assert "jetty" in answer.text
    assert "Ingrid" not in answer.text
    assert "Date" not in answer.text


def test_changes_are_told_old_against_new() -> None:
    old, new = quote("890", "eight", hood=True), quote("2,240", "ten", hood=False)
    versions = {"kitchen quote, first version": old, "kitchen quote, second version": new}
    text = ask("What changed between the first and the second version of the kitchen quote?", versions).text
    assert "eight weeks after the order → Delivery takes ten weeks" in text
    assert "Item: Worktop; Price: 890 → Item: Worktop; Price: 2,240" in text
    assert "Left out: Item: Hood; Price: 380" in text
    assert not any(same in text for same in ("Oven", "Fiona Tate", "Larkspur"))


def test_other_documents_are_no_versions() -> None:
    documents = {"kitchen quote": quote("890", "eight", hood=True), "newsletter": newsletter()}
    assert ask("What changed between the kitchen quote and the newsletter?", documents).text == "as before"


def test_documents_about_something_are_named_with_their_files() -> None:
    documents = {
        "kitchen quote": quote("890", "eight", hood=True),
        "newsletter": newsletter(),
        "kitchen quote, new": quote("2,240", "ten", hood=True),
    }
    text = ask("What documents do I have about the kitchen?", documents).text
    assert text.strip() == "kitchen quote (1.txt). [1] kitchen quote, new (3.txt). [2]"
    assert ask("Which files do I have about sailing?", documents).text == "as before"


def test_a_summary_leaves_out_capitals_and_where_something_is_told() -> None:
    builder = DocumentBuilder(media_type="x/y")
    for heading, text in (
        ("One", "REPORT OF THE HARBOUR COMPANY FOR THE YEAR 2031. Berths were let to 61 boats."),
        ("Two", "Refer to Note 7 of the accounts for the crane and its repairs. The crane lifted 900 boats in 2031."),
        ("Three", "The pier was closed in March after the storm of 4 February. It reopened in June."),
    ):
        builder.heading(heading, 1)
        builder.paragraph(text)
    text = ask("summarise the report", {"report": builder.build()}).text
    assert "61 boats" in text
    assert "900 boats" in text
    assert "REPORT OF" not in text
    assert "Refer to" not in text


def club() -> ParsedDocument:
    builder = DocumentBuilder(media_type="x/y")
    builder.heading("Lentil soup", 1)
    builder.paragraph("Serves six people. It keeps four days.")
    for item in ("300 g lentils", "2 carrots", "1 bay leaf"):
        builder.list_item(f"• {item}")
    builder.heading("Committee", 1)
    builder.paragraph("Chair: Nadia Benali. Treasurer: Oskar Lund.")
    builder.heading("Money", 1)
    builder.paragraph("Two offers came: Baxter Plumbing at 2,340 pounds and Welldone at 1,985 pounds.")
    builder.paragraph("Plot rents for 2025 have been paid by 71 of 84 plot holders on 12 May 2025.")
    builder.paragraph("The roof fund stands at 900 pounds. New slates are estimated at 1,150 pounds.")
    builder.paragraph(
        "The yearly salary of the keeper is 41,600 pounds. After the trial period it rises to 43,000 pounds."
    )
    builder.paragraph("The path is 120 metres long and 3 crowns were paid for each stone of the path.")
    return builder.build()


def test_the_recipe_whose_name_is_asked_for_is_taken_not_the_first() -> None:
    builder = DocumentBuilder(media_type="x/y")
    builder.heading("Bean soup with dumplings", 1)
    builder.paragraph("Beans, flour and marrow. Boil for an hour.")
    builder.heading("Bean soup", 1)
    builder.paragraph("Beans, leek and a bay leaf. Simmer for two hours.")
    asked = ask("what goes into the bean soup?", {"kitchen book": builder.build()})
    assert asked.text.startswith("Beans, leek and a bay leaf.")


def ask_club(question: str) -> str:
    """The whole document is one passage."""
    document = club()
    whole = Passage(1, a_document(1, "club papers"), 0, len(document.text), document.text, 1.0)
    answerer = OperatorAnswerer(Otherwise(), Texts({1: document}), FakeEmbedder(dimension=256))
    *_, answer = answerer.answer(make_query(question), [whole])
    assert isinstance(answer, Answer)
    return answer.text


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (
            "How much more expensive was Baxter than Welldone?",
            "355 pounds: 2,340 pounds − 1,985 pounds = 355 pounds. Two",
        ),
        ("How many plot holders have not paid their rents?", "13: 84 − 71 = 13. Plot rents"),
        (
            "By how much does the salary of the keeper rise?",
            "1,400 pounds: 43,000 pounds − 41,600 pounds = 1,400 pounds.",
        ),
        ("How far short is the fund of what the slates cost?", "250 pounds: 1,150 pounds − 900 pounds = 250 pounds."),
        ("How much money is missing for the slates?", "250 pounds: 1,150 pounds − 900 pounds = 250 pounds."),
        ("How much time is left?", "as before"),
        ("How much more is paid for the path than for the stone?", "as before"),  # crowns and metres
        ("How much more expensive was Baxter than Pickard?", "as before"),  # nothing about one of them
    ],
)
def test_amounts_side_by_side_are_subtracted(question: str, said: str) -> None:
    assert ask_club(question).startswith(said)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What do I need for the lentil soup?", "- 300 g lentils\n- 2 carrots\n- 1 bay leaf [1]"),
        ("ingredients for lentil soup", "- 300 g lentils\n- 2 carrots\n- 1 bay leaf [1]"),
        ("Who is on the committee of the club?", "Chair: Nadia Benali. Treasurer: Oskar Lund. [1]"),
        ("What do I need for the apple pie?", "as before"),
        ("what goes into the apple pie", "as before"),
        ("How long does the lentil soup keep?", "as before"),
    ],
)
def test_the_list_under_the_heading_that_is_asked_for_is_quoted_whole(question: str, said: str) -> None:
    assert ask_club(question).strip() == said


def contract() -> ParsedDocument:
    builder = DocumentBuilder(media_type="x/y")
    builder.paragraph("Storage agreement of the Quayside Warehouse")
    for line in ("1. Goods", "1.1 Only dry goods are stored.", "1.2 Batteries are refused.", "2. Fees"):
        builder.paragraph(line)
    builder.paragraph("2.1 Ten crowns are added to a late fee.\nThe warehouse asks for it by letter.")
    builder.paragraph("2.2 The fee may rise where")
    for line in ("(a) heating gets dearer;", "(b) the harbour raises its tax."):
        builder.paragraph(line)
    builder.paragraph("2.3 Fuel")
    builder.paragraph("The hirer returns the tank full.")
    return builder.build()


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Which clause of the storage agreement speaks of a late fee?", "2.1 Ten crowns are added to a late fee."),
        ("In which section are batteries refused?", "1.2 Batteries are refused."),
        (
            "Under which clause may the fee rise with the tax of the harbour?",
            "2.2 The fee may rise where (b) the harbour raises its tax.",
        ),
        ("Which paragraph is about fuel?", "2.3 Fuel The hirer returns the tank full."),
    ],
)
def test_the_number_of_what_a_part_says(question: str, said: str) -> None:
    answer = ask(question, {"Storage agreement": contract()})
    assert " ".join(part.text.strip() for part in answer.parts) == said
    assert [said[:3]] == list({citation.quote[:3] for citation in answer.citations} - {"(b)", "The"})


@pytest.mark.parametrize("question", ["Which clause covers fire insurance?", "Which clause is the best?"])
def test_a_part_that_is_not_there(question: str) -> None:
    assert ask(question, {"Storage agreement": contract()}).answerer == "otherwise"


def test_a_summary_is_made_in_whatever_language_it_is_asked_for() -> None:
    english = ask("Summarise this document.", {"Newsletter": newsletter()})
    german = ask("Fasse dieses Dokument zusammen.", {"Newsletter": newsletter()})
    assert german.answerer == "operators"
    assert german.text == english.text
