"""Slides are pages: title, text, tables, groups and the speaker's notes."""

from pathlib import Path
from zipfile import ZipFile

import pptx as python_pptx
import pytest
from pptx.util import Inches

from rag.errors import ReadError
from rag.parsers.office import pptx


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
