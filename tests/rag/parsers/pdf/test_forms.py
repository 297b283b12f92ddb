"""What a person entered into a PDF's form, typed onto its pages or noted on them is read beside what it belongs to."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from rag.errors import SkippedError
from rag.parsers.pdf import parser as pdf
from rag.types import ParsedDocument
from tests.rag.parsers.pdf.pdf_writer import write_raw


def show(x: float, y: float, text: str) -> str:
    """``text`` with its baseline ``y`` points above the bottom of the page."""
    return f"BT /F1 10 Tf {x} {y} Td ({text}) Tj ET\n"


def form(path: Path, content: str, annotations: Sequence[str]) -> ParsedDocument:
    """One page with annotations; those of type widget are the fields of a form."""
    numbers = range(100, 100 + len(annotations))
    objects = {n: f"<< /Type /Annot {entries} >>" for n, entries in zip(numbers, annotations, strict=True)}
    kids = " ".join(f"{n} 0 R" for n in numbers)
    fields = " ".join(f"{n} 0 R" for n in numbers if "/Widget" in objects[n])
    catalog = (
        f"/AcroForm << /Fields [{fields}] /DR << /Font << /F1 3 0 R >> >> /DA (/F1 10 Tf 0 g) >>" if fields else ""
    )
    return pdf.parse(write_raw(path / "a.pdf", [content], catalog=catalog, page=f"/Annots [{kids}]", objects=objects))


def texts(document: ParsedDocument, kind: str = "list") -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks if block.kind == kind]


def text_field(name: str, value: str, x: float, y: float, width: float = 150, more: str = "") -> str:
    return f"/Subtype /Widget /FT /Tx /T ({name}) /V ({value}) /Rect [{x} {y} {x + width} {y + 16}] {more}"


def button(name: str, on: bool, x: float, y: float, more: str = "") -> str:
    state = "/Yes" if on else "/Off"
    looks = "/AP << /N << /Yes << >> /Off << >> >> >>"
    return (
        f"/Subtype /Widget /FT /Btn /T ({name}) /V {state} /AS {state} {looks} /Rect [{x} {y} {x + 12} {y + 12}] {more}"
    )


def test_a_value_stands_beside_the_label_to_its_left_or_above_it(tmp_path: Path) -> None:
    content = show(72, 700, "Keeper:") + show(72, 650, "Street") + show(300, 650, "Town")
    annotations = [
        text_field("Text1", "Ada Moor", 140, 696),
        text_field("Text2", "Quay Lane 4", 72, 628),
        text_field("Text3", "Lindby", 300, 628),
    ]
    assert texts(form(tmp_path, content, annotations)) == ["Keeper: Ada Moor", "Street: Quay Lane 4", "Town: Lindby"]


def test_a_field_without_a_label_is_known_by_its_name(tmp_path: Path) -> None:
    annotations = [
        text_field("form1[0].TaxNumber[0]", "77-3", 72, 500),
        text_field("Text7", "alone", 72, 400),
        text_field("f1_02[0]", "Oak", 72, 300, more="/TU (Kind of wood)"),
    ]
    document = form(tmp_path, show(72, 700, "A form"), annotations)
    assert texts(document) == ["Tax Number: 77-3", "alone", "Kind of wood: Oak"]


def test_several_fields_behind_one_label_are_one_answer(tmp_path: Path) -> None:
    annotations = [
        text_field(f"Text{n}", value, 140 + 40 * n, 696, 30) for n, value in enumerate(("14", "May", "2031"))
    ]
    assert texts(form(tmp_path, show(72, 700, "Begins on"), annotations)) == ["Begins on: 14 May 2031"]


def test_a_value_within_a_sentence_stays_in_it(tmp_path: Path) -> None:
    content = show(72, 700, "The tenant") + show(222, 700, "pays every month.")
    document = form(tmp_path, content, [text_field("Text1", "Ada Moor of Quay Lane", 125, 696, 92)])
    assert texts(document, "paragraph") == ["The tenant Ada Moor of Quay Lane pays every month."]


def test_boxes_to_tick_show_what_was_chosen(tmp_path: Path) -> None:
    content = (
        show(72, 700, "Member:") + show(160, 700, "junior") + show(240, 700, "senior") + show(90, 650, "Newsletter")
    )
    annotations = [
        button("a", False, 144, 698),
        button("b", True, 224, 698),
        button("c", True, 72, 648),
    ]
    assert texts(form(tmp_path, content, annotations)) == ["Member: [ ] junior [x] senior", "[x] Newsletter"]


def test_a_choice_is_read_as_the_form_shows_it(tmp_path: Path) -> None:
    choice = (
        "/Subtype /Widget /FT /Ch /Ff 131072 /T (x) /Opt [[(s) (Senior)] [(j) (Junior)]] /V (j) /Rect [140 696 290 712]"
    )
    assert texts(form(tmp_path, show(72, 700, "Class:"), [choice])) == ["Class: Junior"]


def test_hidden_fields_passwords_and_buttons_are_not_values(tmp_path: Path) -> None:
    annotations = [
        text_field("Secret", "unseen", 140, 696, more="/F 2"),
        text_field("Password", "hunter2", 140, 646, more="/Ff 8192"),
        "/Subtype /Widget /FT /Btn /Ff 65536 /T (Send) /Rect [140 596 200 612]",
    ]
    assert form(tmp_path, show(72, 700, "A form"), annotations).text == "A form"


def test_fields_in_rows_and_columns_stay_a_table(tmp_path: Path) -> None:
    content = show(72, 700, "Wood") + show(300, 700, "Price")
    annotations = [
        text_field(f"t{row}{column}", value, x, 680 - 16 * row)
        for row, values in enumerate((("Oak", "12"), ("Ash", "9")))
        for column, (x, value) in enumerate(zip((72, 300), values, strict=True))
    ]
    assert texts(form(tmp_path, content, annotations), "table") == ["Wood | Price\nOak | 12\nAsh | 9"]


def test_text_typed_onto_a_page_is_read_where_it_stands(tmp_path: Path) -> None:
    typed = "/Subtype /FreeText /Contents (900 crowns) /T (Ada) /Rect [160 696 300 712]"
    assert texts(form(tmp_path, show(72, 700, "Rent agreed:"), [typed])) == ["Rent agreed: 900 crowns"]


def test_text_typed_over_words_and_notes_are_notes_with_their_author(tmp_path: Path) -> None:
    content = show(72, 700, "The roof is sound and the gutter was mended.")
    annotations = [
        "/Subtype /FreeText /Contents (Not true) /T (Ada) /Rect [72 696 300 712]",
        "/Subtype /Text /Contents (Ask the mason) /T (Bo) /Rect [500 700 520 720]",
        "/Subtype /Popup /Contents (Ask the mason) /Rect [500 600 520 620]",
        "/Subtype /Popup /Contents (Seen) /Rect [500 500 520 520]",
        "/Subtype /Highlight /Contents (When?) /Rect [72 696 300 712] /QuadPoints [190 710 271 710 190 697 271 697]",
        "/Subtype /Ink /Rect [72 300 90 320]",
    ]
    document = form(tmp_path, content, annotations)
    assert texts(document, "note") == [
        "Note by Ada: Not true",
        "Note by Bo: Ask the mason",
        "Note: Seen",
        "Note: When? (on “gutter was mended”)",
    ]
    assert document.warnings == ("1 drawing by hand was not read.",)


def test_a_hidden_note_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(SkippedError):
        form(tmp_path, "", ["/Subtype /Text /Contents (Unseen) /Rect [5 7 20 20] /F 2"])
