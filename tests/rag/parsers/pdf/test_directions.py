"""Lines of right-to-left scripts and of vertical writing are read in the order in which a person reads them."""

from collections.abc import Sequence
from pathlib import Path

from rag.parsers.pdf import parser as pdf
from rag.parsers.pdf.page_view import locate_quote
from tests.rag.parsers.pdf.pdf_writer import coded, write_raw


def drawn(path: Path, lines: Sequence[tuple[float, float, str]], size: int = 10) -> Path:
    """Lines at x and y from the bottom left, each told from left to right as it is drawn."""
    alphabet = "".join(sorted({character for _, _, text in lines for character in text}))
    content = "\n".join(f"BT /F3 {size} Tf {x} {y} Td {coded(text, alphabet)} Tj ET" for x, y, text in lines)
    return write_raw(path / "a.pdf", [content], alphabet=alphabet)


def backwards(text: str) -> str:
    return text[::-1]


def test_a_line_of_hebrew_is_read_from_right_to_left(tmp_path: Path) -> None:
    text = "המפתח אצל השומר בביתן הכחול"
    assert pdf.parse(drawn(tmp_path, [(72, 700, backwards(text))])).text == text


def test_numbers_latin_words_and_brackets_keep_their_order(tmp_path: Path) -> None:
    lines = [
        (72, 700, ".21:00 " + backwards("המרינה פתוחה משעה") + " 7:30 " + backwards("עד")),
        (72, 660, backwards("מפעיל את המקום") + " Harbour Club 85 " + backwards("מועדון")),
        (72, 620, "(" + backwards("כולל מים") + ") " + backwards("שקלים") + " 85 " + backwards("המחיר")),
    ]
    text = pdf.parse(drawn(tmp_path, lines)).text.replace("\n\n", "\n")
    assert text.split("\n") == [
        "עד 7:30 המרינה פתוחה משעה 21:00.",
        "מועדון Harbour Club 85 מפעיל את המקום",
        "המחיר 85 שקלים (כולל מים)",
    ]


def test_right_to_left_columns_and_cells_begin_on_the_right(tmp_path: Path) -> None:
    rows = [("שם", "מחיר"), ("סירה", "120"), ("מפרש", "75")]
    lines = [
        (x, 700.0 - 14 * n, cell if cell.isdigit() else backwards(cell))
        for n, row in enumerate(rows)
        for x, cell in zip((400.0, 200.0), row, strict=True)
    ]
    document = pdf.parse(drawn(tmp_path, lines))
    (table,) = (block for block in document.blocks if block.kind == "table")
    assert document.text[table.start : table.end].split("\n") == ["שם | מחיר", "סירה | 120", "מפרש | 75"]


def test_hebrew_within_an_english_line_is_turned(tmp_path: Path) -> None:
    line = "The sign says " + backwards("סגור היום") + " in blue letters."
    assert pdf.parse(drawn(tmp_path, [(72, 700, line)])).text == "The sign says סגור היום in blue letters."


def test_arabic_ligatures_and_presentation_forms_are_spelled_out(tmp_path: Path) -> None:
    drawn_forms = "\ufee1\ufefc\ufeb4\ufedf\ufe8d"  # meem, lam-alef, seen, lam, alef as they are drawn
    assert pdf.parse(drawn(tmp_path, [(72, 700, drawn_forms)])).text == "السلام"


def test_vertical_lines_are_read_from_right_to_left(tmp_path: Path) -> None:
    columns = ["灯台の鍵は赤い箱に", "あります。番人は夜", "に門を閉めます。"]
    lines = [
        (400.0 - 26 * number, 700.0 - 16 * place, character)
        for number, column in enumerate(columns)
        for place, character in enumerate(column)
    ]
    document = pdf.parse(drawn(tmp_path, lines, size=16))
    assert document.text == "灯台の鍵は赤い箱にあります。番人は夜に門を閉めます。"


def test_a_quote_from_right_to_left_is_found_on_its_page(tmp_path: Path) -> None:
    path = drawn(tmp_path, [(72, 700, backwards("המפתח אצל השומר"))])
    boxes = locate_quote(path, 1, "אצל השומר")
    assert len(boxes) == 1 and 80 < boxes[0].y0 < 100
