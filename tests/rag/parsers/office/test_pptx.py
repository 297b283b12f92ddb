"""Slides are pages: title, text, tables, groups and the speaker's notes."""

import io
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pptx as python_pptx
import pytest
from lxml import etree
from PIL import Image
from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from rag.errors import ReadError
from rag.parsers.registry import parse
from rag.parsers.slides import pptx
from rag.types import ParsedDocument

_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_P = "http://schemas.openxmlformats.org/presentationml/2006/main"
_MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"


def make(path: Path) -> Path:
    show = python_pptx.Presentation()
    show.core_properties.title = "PowerPoint Presentation"
    slide = show.slides.add_slide(show.slide_layouts[1])
    slide.shapes.title.text = "Harvest 2024"
    frame = slide.placeholders[1].text_frame
    frame.text = "Apples doubled"
    inner = frame.add_paragraph()
    inner.text = "thanks to the rain"
    inner.level = 1
    slide.notes_slide.notes_text_frame.text = "Mention the hail in May."
    bare = show.slides.add_slide(show.slide_layouts[6])
    table = bare.shapes.add_table(2, 2, Inches(1), Inches(4), Inches(4), Inches(1)).table
    for index, text in enumerate(("Fruit", "Tons", "Pears", "7")):
        table.cell(index // 2, index % 2).text = text
    low = bare.shapes.add_textbox(Inches(1), Inches(2), Inches(3), Inches(1))
    low.text_frame.text = "Below"
    group = bare.shapes.add_group_shape()
    box = group.shapes.add_textbox(Inches(1), Inches(1), Inches(3), Inches(1))
    box.text_frame.text = "Grouped on top"
    show.save(str(path))
    return path


def test_slides_in_order_with_notes_tables_and_groups(tmp_path: Path) -> None:
    document = pptx.parse(make(tmp_path / "a.pptx"))
    found = [(b.page, b.kind, b.label or document.text[b.start : b.end]) for b in document.blocks]
    assert found == [
        (1, "heading", "Harvest 2024"),
        (1, "list", "• Apples doubled"),
        (1, "list", "• thanks to the rain"),
        (1, "note", "Mention the hail in May."),
        (2, "heading", "Slide 2"),
        (2, "paragraph", "Grouped on top"),
        (2, "paragraph", "Below"),
        (2, "table", "Fruit | Tons\nPears | 7"),
    ]
    assert document.title == "Harvest 2024"


def test_shows_and_files_with_macros_are_read_too(tmp_path: Path) -> None:
    source, target = make(tmp_path / "a.pptx"), tmp_path / "a.ppsm"
    with ZipFile(source) as old, ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "[Content_Types].xml":
                data = data.replace(
                    b"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml",
                    b"application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml",
                )
            new.writestr(name, data)
    assert pptx.parse(target).text == pptx.parse(source).text


def test_a_damaged_presentation_is_named(tmp_path: Path) -> None:
    with ZipFile(make(tmp_path / "a.pptx")) as old, ZipFile(tmp_path / "b.pptx", "w") as new:
        for name in old.namelist():
            new.writestr(name, b"" if name == "ppt/slides/slide1.xml" else old.read(name))
    with pytest.raises(ReadError, match="damaged"):
        pptx.parse(tmp_path / "b.pptx")


def kinds(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks if not block.label]


def blank(show: Any) -> Any:
    return show.slides.add_slide(show.slide_layouts[6])


def box(slide: Any, text: str, left: float = 1, top: float = 1) -> Any:
    shape = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(2), Inches(1))
    shape.text_frame.text = text
    return shape


def saved(show: Any, path: Path) -> ParsedDocument:
    show.save(str(path))
    return pptx.parse(path)


def test_figures_of_a_chart_are_a_table(tmp_path: Path) -> None:
    show = python_pptx.Presentation()
    data = CategoryChartData(number_format="0%")
    data.categories = ["Spring", "Autumn"]
    data.add_series("Share", (0.25, 0.75))
    blank(show).shapes.add_chart(XL_CHART_TYPE.PIE, Inches(1), Inches(1), Inches(4), Inches(3), data)
    [caption, table] = kinds(saved(show, tmp_path / "a.pptx"))
    assert caption[0] == "caption"
    assert table[0] == "table" and "Spring | 25%\nAutumn | 75%" in table[1]


def test_hidden_slides_and_shapes_and_text_beside_a_slide_are_hidden_and_said(tmp_path: Path) -> None:
    show = python_pptx.Presentation()
    slide = blank(show)
    box(slide, "Seen")
    box(slide, "Beside", left=-9)
    box(slide, "Switched off")._element.nvSpPr.cNvPr.set("hidden", "1")
    box(blank(show), "Not shown")
    show.slides[1]._element.set("show", "0")
    document = saved(show, tmp_path / "a.pptx")
    assert [text for kind, text in kinds(document) if kind != "hidden"] == ["Seen"]
    assert {text for kind, text in kinds(document) if kind == "hidden"} == {"Beside", "Switched off", "Not shown"}
    assert document.warnings[0] == "Left out of answers: slide 2 is hidden."


def test_alternate_content_numbers_and_raised_letters(tmp_path: Path) -> None:
    show = python_pptx.Presentation()
    slide = blank(show)
    frame = box(slide, "first").text_frame
    frame.add_paragraph().text = "second"
    for paragraph in frame.paragraphs:
        paragraph._p.get_or_add_pPr().append(etree.fromstring(f'<a:buAutoNum xmlns:a="{_A}" type="romanUcPeriod"/>'))
    raised = box(slide, "10", top=3).text_frame.paragraphs[0]
    run = raised.add_run()
    run.text = "4"
    run._r.get_or_add_rPr().set("baseline", "30000")
    shape = box(slide, "In a choice", top=5)._element
    tree = shape.getparent()
    alternate = etree.SubElement(tree, f"{{{_MC}}}AlternateContent")
    etree.SubElement(alternate, f"{{{_MC}}}Choice").append(shape)
    etree.SubElement(alternate, f"{{{_MC}}}Fallback")
    assert kinds(saved(show, tmp_path / "a.pptx")) == [
        ("list", "I. first"),
        ("list", "II. second"),
        ("paragraph", "10^4"),
        ("paragraph", "In a choice"),
    ]


def test_comments_are_notes_and_pictures_are_counted(tmp_path: Path) -> None:
    show = python_pptx.Presentation()
    slide = blank(show)
    box(slide, "Text")
    picture = io.BytesIO()
    Image.new("RGB", (2, 2)).save(picture, "PNG")
    slide.shapes.add_picture(picture, 0, 0)
    show.save(str(tmp_path / "plain.pptx"))
    with ZipFile(tmp_path / "plain.pptx") as old, ZipFile(tmp_path / "a.pptx", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "ppt/slides/_rels/slide1.xml.rels":
                relation = b'<Relationship Id="c" Type="http://x/comments" Target="../comments/comment1.xml"/>'
                data = data.replace(b"</Relationships>", relation + b"</Relationships>")
            new.writestr(name, data)
        new.writestr("ppt/commentAuthors.xml", f'<p:l xmlns:p="{_P}"><p:cmAuthor id="0" name="Ida"/></p:l>')
        comment = f'<p:cmLst xmlns:p="{_P}"><p:cm authorId="0"><p:text>Too long</p:text></p:cm></p:cmLst>'
        new.writestr("ppt/comments/comment1.xml", comment)
    document = pptx.parse(tmp_path / "a.pptx")
    assert kinds(document) == [("paragraph", "Text"), ("note", "Comment by Ida: Too long")]
    assert document.warnings == ("1 picture was not read.",)


def test_an_embedded_word_file_does_not_make_it_a_word_document(tmp_path: Path) -> None:
    content_types = (
        b'<Override PartName="/ppt/embeddings/a.docx" ContentType="application/vnd.openxmlformats-officedocument.'
        b'wordprocessingml.document.main+xml"/></Types>'
    )
    with ZipFile(make(tmp_path / "a.pptx")) as old, ZipFile(tmp_path / "b.pptx", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data.replace(b"</Types>", content_types) if name == "[Content_Types].xml" else data)
    assert parse(tmp_path / "b.pptx").text == pptx.parse(tmp_path / "a.pptx").text


def test_white_letters_on_a_white_slide_are_left_out(tmp_path: Path) -> None:
    show = python_pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[6])
    for at, (text, filled) in enumerate((("nobody sees this", False), ("on a dark box", True))):
        box = slide.shapes.add_textbox(Inches(1), Inches(1 + 2 * at), Inches(3), Inches(1))
        run = box.text_frame.paragraphs[0].add_run()
        run.text, run.font.color.rgb = text, RGBColor(255, 255, 255)
        if filled:
            box.fill.solid()
            box.fill.fore_color.rgb = RGBColor(0, 0, 80)
    picture = io.BytesIO()
    Image.new("RGB", (10, 10)).save(picture, "PNG")
    slide.shapes.add_picture(picture, Inches(5), Inches(1), Inches(3), Inches(2))
    box = slide.shapes.add_textbox(Inches(6), Inches(2), Inches(1), Inches(1))
    run = box.text_frame.paragraphs[0].add_run()
    run.text, run.font.color.rgb = "on a picture", RGBColor(255, 255, 255)
    show.save(str(tmp_path / "a.pptx"))
    document = parse(tmp_path / "a.pptx")
    shown = [document.text[b.start : b.end] for b in document.blocks if b.kind == "paragraph"]
    assert shown == ["on a picture", "on a dark box"]
    assert [document.text[b.start : b.end] for b in document.blocks if b.kind == "hidden"] == ["nobody sees this"]
