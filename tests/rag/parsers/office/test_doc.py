"""Word 97-2003 files give their text, not their bytes."""

import struct
from pathlib import Path

import pytest

from rag.errors import ReadError
from rag.parsers import registry
from rag.parsers.doc import parser as doc
from rag.parsers.docx import parser as docx
from rag.types import ParsedDocument
from tests.rag.parsers.office.doc_writer import (
    DELETED,
    HIDDEN,
    IN_LIST,
    IN_TABLE,
    RAISED,
    ROW_END,
    SECOND_LEVEL,
    P,
    container,
    lists,
    write_doc,
)

ASSORTED = Path(__file__).parents[4].parent / "shared/data/documents/assorted"


def found(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


@pytest.mark.parametrize("compressed", [True, False])
def test_headings_paragraphs_and_lists(tmp_path: Path, compressed: bool) -> None:
    main = [P("The Voyage", style=1), P("We left at dawn – a “calm” sea."), P("bread", extra=IN_LIST), P("water!!!!!!")]
    document = doc.parse(write_doc(tmp_path / "a.doc", main, compressed=compressed))
    assert found(document) == [
        ("heading", "The Voyage"),
        ("paragraph", "We left at dawn – a “calm” sea."),
        ("list", "• bread"),
        ("paragraph", "water!!!!!!"),
    ]
    assert document.title == "The Voyage"


def test_characters_beyond_one_byte_and_beyond_two(tmp_path: Path) -> None:
    # The first half of the file is stored a byte a character, the second as UTF-16.
    main = [P("A plain beginning that is long enough for half of it."), P("Привет, 世界, and a 🚀 here.")]
    document = doc.parse(write_doc(tmp_path / "a.doc", [main[0], P(""), main[1]], compressed=False))
    assert document.text.endswith("Привет, 世界, and a 🚀 here.")


def test_table_rows_become_lines_of_cells(tmp_path: Path) -> None:
    main = [P("Before.")]
    for row in (("Name", "Age"), ("Ada", ""), ("Grace", "85")):
        main += [P(cell, "\x07", extra=IN_TABLE) for cell in row]
        main.append(P("", "\x07", extra=ROW_END))
    document = doc.parse(write_doc(tmp_path / "a.doc", [*main, P("After.")]))
    assert found(document) == [
        ("paragraph", "Before."),
        ("table", "Name | Age\nAda\nGrace | 85"),
        ("paragraph", "After."),
    ]


def row_end(*cells: tuple[int, int]) -> bytes:
    """The end of a row whose cells are given by their right edges in twips and the flags of merged ones."""
    edges = struct.pack(f"<{len(cells) + 1}h", 0, *(right for right, _ in cells))
    operand = bytes([len(cells)]) + edges + b"".join(struct.pack("<H18x", flags) for _, flags in cells)
    return ROW_END + struct.pack("<HH", 0xD608, len(operand) + 1) + operand


def table_rows(*rows: tuple[tuple[str, ...], tuple[tuple[int, int], ...]]) -> list[P]:
    """The paragraphs of rows, each given by its texts and by its cells as in ``row_end``."""
    main: list[P] = []
    for cells, shape in rows:
        main += [P(cell, "\x07", extra=IN_TABLE) for cell in cells]
        main.append(P("", "\x07", extra=row_end(*shape)))
    return main


def test_merged_cells_keep_the_others_in_their_columns(tmp_path: Path) -> None:
    first, goes_on = 0x0060, 0x0020
    rows = table_rows(
        (("Port", "Ships"), ((1000, first), (3000, 0))),
        (("", "2030", "2031"), ((1000, goes_on), (2000, 0), (3000, 0))),
        (("Oslo", "", "84"), ((1000, 0), (2000, 0), (3000, 0))),
    )
    document = doc.parse(write_doc(tmp_path / "a.doc", rows))
    (table,) = [block.table for block in document.blocks if block.table]
    assert table.columns == ("Port", "Ships, 2030", "Ships, 2031")
    assert document.text == "Port | Ships | Ships\nPort | 2030 | 2031\nOslo |  | 84"
    rows = table_rows(
        (("Port", "2030", "2031"), ((1000, 0), (2000, 0), (3000, 0))),
        (("All", "", "91"), ((1000, 1), (2000, 2), (3000, 0))),
    )
    assert doc.parse(write_doc(tmp_path / "b.doc", rows)).text == "Port | 2030 | 2031\nAll | All | 91"


def test_white_text_on_white_is_left_out(tmp_path: Path) -> None:
    white, old_white = struct.pack("<HI", 0x6870, 0x00FFFFFF), struct.pack("<HB", 0x2A42, 8)
    black = struct.pack("<HB6xBBH", 0xCA71, 10, 0, 0, 0)
    main = [P("seen one"), P("in a bar", extra=struct.pack("<HH", 0x442D, 1 << 5))]
    looks = [(0, 2, white), (2, 4, old_white), (5, 6, white + black), (9, 11, white)]
    document = doc.parse(write_doc(tmp_path / "a.doc", main, looks=looks))
    assert document.text == " one\n\nin a bar".strip()
    assert document.warnings == ("Hidden text was left out.",)


def test_field_codes_go_and_their_results_stay(tmp_path: Path) -> None:
    text = 'See \x13 HYPERLINK "http://example.com" \x14the \x13 PAGE \x14site\x15\x15 for more\x02.'
    assert doc.parse(write_doc(tmp_path / "a.doc", [P(text)])).text == "See the site for more."


def test_equations_and_readings_show_what_their_codes_say(tmp_path: Path) -> None:
    text = "Half: \x13 EQ \\f(1,2) \x15, \x13 EQ \\* jc2 \\o\\ad(\\s\\up 9(kama),kiln)\x15 is hot."
    assert doc.parse(write_doc(tmp_path / "a.doc", [P(text)])).text == "Half: 1/2, kiln is hot."


def test_special_characters_are_spelled_out(tmp_path: Path) -> None:
    document = doc.parse(write_doc(tmp_path / "a.doc", [P("one\x0btwo\x1ethree\x1ffour\xa0five\x01\x08")]))
    assert document.text == "one\ntwo-threefour five"


def test_footnotes_and_headers_are_told_apart(tmp_path: Path) -> None:
    path = write_doc(tmp_path / "a.doc", [P("Body.")], footnotes="\x02 A remark.\r\r", headers="My Header\r12\r")
    assert found(doc.parse(path)) == [("margin", "My Header"), ("paragraph", "Body."), ("note", "[1] A remark.")]


def test_lists_carry_their_numbers_by_level(tmp_path: Path) -> None:
    main = [
        P("a", extra=IN_LIST), P("b", extra=SECOND_LEVEL), P("c", extra=SECOND_LEVEL), P("d", extra=IN_LIST),
        P("e", extra=SECOND_LEVEL), P("Chapter", style=1, extra=IN_LIST),
    ]  # fmt: skip
    tables = lists((4, 0, "\x00."), (1, 2, "\x00.\x01)"))
    document = doc.parse(write_doc(tmp_path / "a.doc", main, tables=tables))
    assert found(document) == [
        ("list", "4. a"), ("list", "4.i) b"), ("list", "4.ii) c"), ("list", "5. d"), ("list", "5.i) e"),
        ("heading", "6. Chapter"),
    ]  # fmt: skip
    bullets = doc.parse(write_doc(tmp_path / "b.doc", main[:1], tables=lists((1, 23, "\uf0b7"))))
    assert found(bullets) == [("list", "• a")]


def test_hidden_and_deleted_text_is_left_out_and_raised_text_stands_apart(tmp_path: Path) -> None:
    main = [P("Seen not gone."), P("10 is 103")]
    looks = [(4, 8, HIDDEN), (8, 13, DELETED), (23, 24, RAISED)]
    document = doc.parse(write_doc(tmp_path / "a.doc", main, looks=looks))
    assert document.text == "Seen.\n\n10 is 10^3"
    assert document.warnings == ("Hidden text was left out.",)


def test_notes_have_their_numbers_and_comments_their_author(tmp_path: Path) -> None:
    owner = struct.pack("<20xH8x", 0)
    tables = {
        2: struct.pack("<IIH", 3, 20, 1),
        4: struct.pack("<II", 4, 20) + owner,
        36: struct.pack("<H", 3) + "Ida".encode("utf-16-le"),
    }
    document = doc.parse(
        write_doc(
            tmp_path / "a.doc",
            [P("One\x02\x05 two."), P("Three.")],
            footnotes="\x02 A remark.\r",
            comments="\x05Check.\r",
            tables=tables,
        )
    )
    assert found(document) == [
        ("paragraph", "One[1] two."),
        ("note", "Comment by Ida: Check."),
        ("paragraph", "Three."),
        ("note", "[1] A remark."),
    ]


def test_a_password_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="protected by a password"):
        doc.parse(write_doc(tmp_path / "a.doc", [P("secret")], flags=0x0100))
    (tmp_path / "b.docx").write_bytes(container({"EncryptedPackage": b"x" * 5000}))
    for parse in (doc.parse, registry.parse):
        with pytest.raises(ReadError, match="password"):
            parse(tmp_path / "b.docx")


def test_older_versions_and_other_programs_are_named(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="Word 6, Word 95"):
        doc.parse(write_doc(tmp_path / "a.doc", [P("old")], ident=0xA5DC))
    (tmp_path / "b.doc").write_bytes(container({"Contents": b"x"}))
    with pytest.raises(ReadError, match="without a Word document"):
        doc.parse(tmp_path / "b.doc")


def test_damage_anywhere_is_a_reason_and_never_another_error(tmp_path: Path) -> None:
    whole = write_doc(tmp_path / "a.doc", [P("Some text here.", style=1), P("More.")]).read_bytes()
    broken = tmp_path / "b.doc"
    for position in range(0, len(whole), 37):
        broken.write_bytes(whole[:position] + b"\xff\xfe\xfd\xfc" + whole[position + 4 :])
        try:
            doc.parse(broken)
        except ReadError as error:
            assert error.message
    for length in range(600, len(whole), 501):
        broken.write_bytes(whole[:length])
        try:
            doc.parse(broken)
        except ReadError as error:
            assert error.message


@pytest.mark.skipif(not ASSORTED.is_dir(), reason="the assorted documents are not on this machine")
@pytest.mark.parametrize("name", ["simple", "fake", "duplicate-paragraphs", "fake-doc-emphasized-text"])
def test_the_twin_of_a_docx_says_the_same(name: str) -> None:
    old, new = doc.parse(ASSORTED / f"{name}.doc"), docx.parse(ASSORTED / f"{name}.docx")
    assert old.text == new.text
    assert found(old) == found(new)
