"""PowerPoint 97-2003: what stands on the slides, in order; written by ``ppt_writer``."""

import contextlib
import random
from pathlib import Path

import pytest

from rag.errors import ReadError
from rag.parsers.registry import parse
from rag.types import ParsedDocument
from tests.rag.parsers.office.ppt_writer import BODY, TITLE, Shape, Slide, write_ppt


def found(document: ParsedDocument) -> list[tuple[str, int | None, str]]:
    return [
        (block.kind, block.page, document.text[block.start : block.end] or str(block.label))
        for block in document.blocks
    ]


def test_slides_in_order_with_titles_tables_and_notes(tmp_path: Path) -> None:
    grid = [
        Shape("Port", box=(0, 0, 100, 50)),
        Shape("Ships", box=(100, 0, 300, 50)),
        Shape("2030", box=(100, 50, 200, 100)),
        Shape("2031", box=(200, 50, 300, 100)),
        Shape("Oslo", box=(0, 100, 100, 150)),
        Shape("84", box=(200, 100, 300, 150)),
    ]
    path = write_ppt(
        tmp_path / "talk.ppt",
        [
            Slide(
                [
                    Shape("below", box=(0, 900, 100, 1000)),
                    Shape("Lens talk", TITLE, outline=True),
                    Shape("Größe\rand weight", BODY, box=(0, 300, 100, 400), outline=True),
                    Shape("7", box=(0, 950, 9, 960), placeholder=8),
                ],
                notes="Say hello.",
                pictures=2,
            ),
            Slide([Shape("nobody sees this")], hidden=True),
            Slide(table=grid),
        ],
    )
    document = parse(path)
    assert document.title == "Lens talk"
    assert found(document) == [
        ("heading", 1, "Lens talk"),
        ("list", 1, "• Größe"),
        ("list", 1, "• and weight"),
        ("paragraph", 1, "below"),
        ("note", 1, "Say hello."),
        ("hidden", 2, "nobody sees this"),
        ("heading", 3, "Slide 3"),
        ("table", 3, "Port | Ships | Ships\n | 2030 | 2031\nOslo |  | 84".replace("\n |", "\n|")),
    ]
    assert [block.table.columns for block in document.blocks if block.table] == [("Port", "Ships, 2030", "Ships, 2031")]
    assert document.warnings == ("Left out of answers: slide 2 is hidden.", "2 pictures were not read.")


def test_raised_letters_stay_apart_and_text_beside_a_slide_is_hidden(tmp_path: Path) -> None:
    raised = ((9, 0), (1, 30), (12, 0), (1, 30))
    shapes = [
        Shape("It has 24" + "3" + " lamps\rof 10" + "4" + " candles", raised=raised, box=(0, 300, 100, 400)),
        Shape("cough twice", box=(-900, 10, -100, 50)),
    ]
    document = parse(write_ppt(tmp_path / "talk.ppt", [Slide(shapes)]))
    assert found(document)[1:] == [
        ("hidden", 1, "cough twice"),
        ("paragraph", 1, "It has 24 ³ lamps"),
        ("paragraph", 1, "of 10^4 candles"),
    ]
    assert document.warnings == ("Text beside a slide was left out.",)


def test_a_password_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="password"):
        parse(write_ppt(tmp_path / "talk.ppt", [Slide([Shape("text")])], token=0xF3D1C4DF))


def test_damage_anywhere_is_a_reason_and_never_another_error(tmp_path: Path) -> None:
    whole = write_ppt(
        tmp_path / "talk.ppt", [Slide([Shape("Lens talk", TITLE, outline=True)], notes="Hello")]
    ).read_bytes()
    choose = random.Random(7)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(choose.randint(1, 6)):
            data[choose.randrange(512, len(data))] = choose.randrange(256)
        (tmp_path / "broken.ppt").write_bytes(data)
        with contextlib.suppress(ReadError):
            parse(tmp_path / "broken.ppt")
