"""Cells of tables in PDFs, which stand where they stand and say nothing of columns."""

from pathlib import Path

from rag.parsers.pdf import parser as pdf
from rag.types import ParsedDocument
from tests.rag.parsers.pdf_writer import Line, write_pdf


def blocks(document: ParsedDocument, kind: str) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks if block.kind == kind]


def table_lines(places: tuple[int, ...], *rows: tuple[str, ...], y: int = 100) -> list[Line]:
    """Rows of cells that begin at ``places``; "" leaves one out."""
    return [
        Line(x, y + 14 * index, cell)
        for index, row in enumerate(rows)
        for x, cell in zip(places, row, strict=True)
        if cell
    ]


def names_of(document: ParsedDocument) -> list[tuple[str, ...]]:
    return [block.table.columns for block in document.blocks if block.table is not None]


def test_empty_cells_of_a_table_keep_their_place(tmp_path: Path) -> None:
    rows = [
        ("Boat", "Owner", "Berth", "Insured until"),
        ("Petrel", "", "A5", "June 2031"),
        ("Hopper", "Mira Sand", "", ""),
        ("Tern", "", "", "March 2033"),
        ("Skua", "Nils Fjord", "C1", "July 2032"),
    ]
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [table_lines((72, 180, 300, 400), *rows)]))
    assert blocks(document, "table") == [
        "Boat | Owner | Berth | Insured until\nPetrel |  | A5 | June 2031\nHopper | Mira Sand\n"
        "Tern |  |  | March 2033\nSkua | Nils Fjord | C1 | July 2032"
    ]
    assert names_of(document) == [("Boat", "Owner", "Berth", "Insured until")]


def test_names_over_several_columns_and_labels_of_two_lines(tmp_path: Path) -> None:
    lines = [Line(310, 86, "Three months ended"), Line(450, 86, "Nine months ended")]
    rows = [
        ("", "2031", "2030", "2031", "2030"),
        ("Net sales", "1,234", "1,100", "3,600", "3,300"),
        ("Shares withheld on the settlement of", "", "", "", ""),
        ("awards", "(800)", "(750)", "(2,400)", "(2,250)"),
    ]
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [lines + table_lines((72, 310, 370, 450, 510), *rows)]))
    over, nine = "Three months ended", "Nine months ended"
    assert names_of(document) == [("", f"{over}, 2031", f"{over}, 2030", f"{nine}, 2031", f"{nine}, 2030")]
    last = blocks(document, "table")[0].splitlines()[-1]
    assert last == "Shares withheld on the settlement of awards | (800) | (750) | (2,400) | (2,250)"


def test_a_table_goes_on_under_the_names_of_the_page_before(tmp_path: Path) -> None:
    places = (72, 300, 400)
    first = table_lines(places, ("Port", "2030", "2031"), *((f"Port {n}", f"{n}1", f"{n}2") for n in range(1, 40)))
    second = table_lines(places, *((f"Port {n}", f"{n}1", f"{n}2") for n in range(40, 43)))
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [first, second]))
    assert names_of(document) == [("Port", "2030", "2031")] * 2
