"""Books are read in the order of their spine."""

import zipfile
from pathlib import Path

import pytest

from rag.errors import ReadError
from rag.parsers.markup import epub

_CONTAINER = """<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>"""
_PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title>Two Chapters</dc:title><dc:creator>A. Writer</dc:creator></metadata><manifest>
<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="two" href="text/ch%202.xhtml" media-type="application/xhtml+xml"/>
<item id="one" href="text/ch1.xhtml" media-type="application/xhtml+xml"/>
<item id="gone" href="text/gone.xhtml" media-type="application/xhtml+xml"/>
<item id="css" href="s.css" media-type="text/css"/></manifest>
<spine><itemref idref="nav"/><itemref idref="one"/><itemref idref="two"/><itemref idref="gone"/></spine></package>"""


def chapter(title: str, text: str) -> str:
    return f"<html xmlns='http://www.w3.org/1999/xhtml'><body><h1>{title}</h1><p>{text}</p></body></html>"


def write_epub(path: Path, **extra: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", epub.MEDIA_TYPE)
        archive.writestr("META-INF/container.xml", _CONTAINER)
        archive.writestr("OEBPS/book.opf", _PACKAGE)
        archive.writestr("OEBPS/nav.xhtml", chapter("Contents", "skip me"))
        archive.writestr("OEBPS/text/ch 2.xhtml", chapter("End", "They came home&#8212;late."))
        archive.writestr("OEBPS/text/ch1.xhtml", chapter("Start", "They left."))
        for name, data in extra.items():
            archive.writestr(name, data)
    return path


def test_chapters_come_in_the_order_of_the_spine(tmp_path: Path) -> None:
    book = epub.parse(write_epub(tmp_path / "a.epub"))
    found = [(block.kind, book.text[block.start : block.end]) for block in book.blocks]
    assert found == [
        ("heading", "Start"),
        ("paragraph", "They left."),
        ("heading", "End"),
        ("paragraph", "They came home—late."),
    ]
    assert (book.title, book.metadata["author"]) == ("Two Chapters", "A. Writer")
    assert book.warnings == ("1 of 3 chapters are missing from the file.",)


def test_what_a_linked_style_sheet_hides_is_left_out(tmp_path: Path) -> None:
    styled = chapter("Start", "They left.</p><p class='cue'>Turn the page.").replace(
        "<body>", "<head><link rel='stylesheet' href='../my%20s.css'/></head><body>"
    )
    extra = {"OEBPS/text/ch1.xhtml": styled, "OEBPS/my s.css": ".cue { display: none }"}
    with pytest.warns(UserWarning, match="Duplicate name"):
        book = epub.parse(write_epub(tmp_path / "a.epub", **extra))
    assert "They left." in book.text and "Turn the page" not in book.text


def test_copy_protection_is_named_and_obfuscated_fonts_are_not(tmp_path: Path) -> None:
    encryption = '<encryption><EncryptedData><EncryptionMethod Algorithm="{}"/></EncryptedData></encryption>'
    name = "META-INF/encryption.xml"
    fonts = encryption.format("http://www.idpf.org/2008/embedding")
    assert "They left." in epub.parse(write_epub(tmp_path / "a.epub", **{name: fonts})).text
    drm = encryption.format("http://www.w3.org/2001/04/xmlenc#aes128-cbc")
    with pytest.raises(ReadError, match="copy-protected"):
        epub.parse(write_epub(tmp_path / "b.epub", **{name: drm}))


def test_a_book_without_contents_is_damaged(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.epub", "w") as archive:
        archive.writestr("mimetype", epub.MEDIA_TYPE)
    with pytest.raises(ReadError, match="list of contents is missing"):
        epub.parse(tmp_path / "a.epub")
