"""Files with a value inside that no program writes: each is read without it, or refused in a sentence."""

import zipfile
from pathlib import Path

import pytest

from rag.errors import ReadError
from rag.parsers.registry import parse
from tests.rag.parsers.pdf.pdf_writer import write_raw

MAIL = "From: a@b.example\nSubject: S\nContent-Type: {}\n\nThe ferry leaves at noon.\n"


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain; charset=punycode",
        "text/plain; charset=undefined",
        "text/plain; charset=idna",
        "text/plain; charset*=utf-16-le''%00",
        "text/plain; charset=hex",
    ],
)
def test_a_mail_with_an_impossible_charset_is_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.eml"
    path.write_text(MAIL.format(kind))
    assert "The ferry leaves at noon." in parse(path).text


def replaced(path: Path, member: str, old: str, new: str) -> Path:
    """A copy of a container with text of one member replaced."""
    target = path.with_name(f"changed{path.suffix}")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            data = source.read(name)
            if name == member:
                assert old.encode() in data
                data = data.replace(old.encode(), new.encode())
            copy.writestr(name, data)
    return target


def test_a_cell_that_names_no_text_is_empty(tmp_path: Path) -> None:
    import openpyxl

    workbook = openpyxl.Workbook()
    for row in (["Ferry", "Hour"], ["North", "noon"]):
        workbook.active.append(row)
    workbook.save(tmp_path / "a.xlsx")
    cell = '<c r="B2" t="inlineStr"><is><t>noon</t></is></c>'
    path = replaced(tmp_path / "a.xlsx", "xl/worksheets/sheet1.xml", cell, '<c r="B2" t="s"><v>4000</v></c>')
    text = parse(path).text
    assert "North" in text and "noon" not in text


def test_a_relation_without_a_target_is_refused_in_a_sentence(tmp_path: Path) -> None:
    from pptx import Presentation

    presentation = Presentation()
    presentation.slides.add_slide(presentation.slide_layouts[0])
    presentation.save(str(tmp_path / "a.pptx"))
    path = replaced(tmp_path / "a.pptx", "_rels/.rels", "Target=", "Tarjet=")
    with pytest.raises(ReadError, match="The presentation is damaged"):
        parse(path)


def test_a_superscript_digit_is_no_number(tmp_path: Path) -> None:
    xml = (
        '<?xml version="1.0"?><office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
        'office:mimetype="application/vnd.oasis.opendocument.text"><office:body><office:text>'
        '<text:h text:outline-level="²">Ferries</text:h><text:p>They leave at<text:s text:c="³"/>noon.</text:p>'
        "</office:text></office:body></office:document>"
    )
    (tmp_path / "a.fodt").write_text(xml, encoding="utf-8")
    text = parse(tmp_path / "a.fodt").text
    assert "Ferries" in text and "noon" in text


def test_half_of_a_surrogate_pair_in_a_pdf_s_strings_is_shown_as_a_question(tmp_path: Path) -> None:
    half = "<feffd80000540069006400650073>"  # half a pair, then "Tides"
    path = write_raw(
        tmp_path / "a.pdf",
        ["BT /F1 12 Tf 72 700 Td (The ferry leaves at noon) Tj ET"],
        catalog=f"/PageLabels << /Nums [0 << /P {half} >>] >> /Outlines 100 0 R",
        objects={
            5: f"<< /Title {half} /Author {half} >>",
            100: "<< /First 101 0 R /Last 101 0 R /Count 1 >>",
            101: f"<< /Title {half} /Parent 100 0 R /Dest [10 0 R /Fit] >>",
        },
    )
    parsed = parse(path)
    assert "The ferry leaves at noon" in parsed.text
    assert parsed.title.endswith("Tides") and parsed.metadata["author"].endswith("Tides")


@pytest.mark.parametrize("opening", ["<a><b>x<p>", "<dl><dt>x<dd>", "<ruby>x<rt>", "<p>x<font>"])
def test_a_page_with_too_much_left_open_is_read_to_its_end(tmp_path: Path, opening: str) -> None:
    (tmp_path / "a.html").write_text(f"<p>The ferry.</p>{opening * 4_000}<p>It leaves at noon.</p>")
    document = parse(tmp_path / "a.html")
    assert "The ferry." in document.text and "It leaves at noon." in document.text
    assert document.text.count("x") == 4_000
    assert document.warnings == ("The page is nested too deep to follow its structure; only its text was read.",)


def test_a_duration_of_more_years_than_there_are(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for row, days in enumerate((1.5, 5e8), 1):
        book.active.cell(row, 1, days).number_format = "[h]:mm"
    book.save(tmp_path / "a.xlsx")
    text = parse(tmp_path / "a.xlsx").text
    assert "36:00" in text and "500000000 days" in text


def test_what_a_sheet_holds_behind_its_last_column_is_said(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append([f"c{number}" for number in range(300)])
    book.active.append(list(range(300)))
    book.save(tmp_path / "a.xlsx")
    assert "44 columns (behind the first 256) were not read." in parse(tmp_path / "a.xlsx").warnings


def test_an_archive_of_which_nothing_can_be_read_is_not_called_empty(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as archive:
        archive.writestr("a.bin", bytes(range(256)) * 10)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "inner.zip", "inner.zip")
    with pytest.raises(ReadError, match="None of the files in the archive could be read"):
        parse(tmp_path / "a.zip")
