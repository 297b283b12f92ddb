"""The builder's spans are the text that was added."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import SkippedError
from rag.parsers.builder import DocumentBuilder, document_from_spans
from rag.parsers.tables.table import Table
from rag.types import Block


def test_blocks_are_joined_by_their_kind() -> None:
    builder = DocumentBuilder(title=" My \n title ", media_type="x/y")
    builder.heading("Head\nline", 2, page=1)
    builder.paragraph("One.\r\nTwo.", page=1)
    builder.list_item("- a")
    builder.list_item("- b")
    builder.table(Table.of_rows([["h1", "h2"], ["", ""], ["a\nb", "c"]]), page=2)
    builder.label("Sheet 1", 1)
    builder.add("caption", "Hi", start_s=1.0, end_s=2.5)
    builder.warn("w")
    builder.warn("w")
    document = builder.build()
    assert document.text == "Head line\n\nOne.\nTwo.\n\n- a\n- b\n\nh1 | h2\na b | c\n\nHi"
    assert [(block.kind, document.text[block.start : block.end], block.page) for block in document.blocks] == [
        ("heading", "Head line", 1),
        ("paragraph", "One.\nTwo.", 1),
        ("list", "- a", None),
        ("list", "- b", None),
        ("table", "h1 | h2\na b | c", 2),
        ("heading", "", None),
        ("caption", "Hi", None),
    ]
    assert document.blocks[0].level == 2
    assert document.blocks[5].label == "Sheet 1"
    assert (document.blocks[6].start_s, document.blocks[6].end_s) == (1.0, 2.5)
    assert document.title == "My title"
    assert document.warnings == ("w",)


@given(st.lists(st.tuples(st.sampled_from(["heading", "paragraph", "list_item", "label"]), st.text())))
def test_spans_are_ordered_and_within_the_text(calls: list[tuple[str, str]]) -> None:
    builder = DocumentBuilder(media_type="x/y")
    for name, text in calls:
        getattr(builder, name)(text)
    try:
        document = builder.build()
    except SkippedError:
        assert not builder.has_text
        return
    position = 0
    for block in document.blocks:
        assert position <= block.start <= block.end <= len(document.text)
        assert block.label or document.text[block.start : block.end].strip()
        position = block.end
    assert "\x00" not in document.text
    document.text.encode("utf-8")


def test_a_document_without_text_is_skipped() -> None:
    builder = DocumentBuilder(media_type="x/y")
    builder.paragraph(" \n ")
    builder.label("only a label")
    assert not builder.has_text
    with pytest.raises(SkippedError, match="no text"):
        builder.build()


def test_overlapping_spans_are_a_defect() -> None:
    with pytest.raises(AssertionError, match="overlap"):
        document_from_spans("abc", [Block(0, 2), Block(1, 3)], title="", media_type="x/y")
    with pytest.raises(AssertionError, match="outside"):
        document_from_spans("abc", [Block(0, 4)], title="", media_type="x/y")
