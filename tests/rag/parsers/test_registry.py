"""The registry reads by content, and says truly what it does not read."""

import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.errors import ReadError, SkippedError
from rag.parsers.registry import KNOWN_SUFFIXES, parse
from rag.parsers.sniff import sniff


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_the_usual_suffixes_are_known() -> None:
    assert {
        ".pdf",
        ".docx",
        ".doc",
        ".odt",
        ".epub",
        ".pptx",
        ".xlsx",
        ".txt",
        ".md",
        ".html",
        ".xml",
    } <= KNOWN_SUFFIXES
    assert {".csv", ".rtf", ".eml", ".vtt", ".srt", ".py", ".rs", ".json", ".tex", ".log"} <= KNOWN_SUFFIXES
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in KNOWN_SUFFIXES)


@pytest.mark.parametrize("name", ["notes", "notes.xyz", "notes.TXT"])
def test_text_is_read_whatever_its_suffix(tmp_path: Path, name: str) -> None:
    document = parse(write(tmp_path, name, b"Some plain words."))
    assert document.text == "Some plain words."
    assert document.title == "notes"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"%PDF-1.7\n", "pdf"),
        (b"junk\x00\x01\n%PDF-1.7\n", "pdf"),
        (b"{\\rtf1 hi}", "rtf"),
        (b"<!DOCTYPE html><p>hi", "html"),
        ("\ufeff<html><p>hi".encode("utf-16-le"), "html"),
        (b'<?xml version="1.0"?><a>hi</a>', "xml"),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\nHi", "subtitles"),
        (b"MIME-Version: 1.0\r\nSubject: x\r\nContent-Type: text/plain\r\n\r\nhi", "eml"),
        (b"just text", "text"),
        (bytes(range(256)), None),
    ],
)
def test_content_decides_where_the_name_is_wrong(tmp_path: Path, data: bytes, kind: str | None) -> None:
    assert sniff(write(tmp_path, "file.docx", data)).kind == kind


def test_the_name_decides_among_kinds_of_text(tmp_path: Path) -> None:
    markup = b"<html><p>source</p>"
    assert parse(write(tmp_path, "a.txt", markup)).text == markup.decode()
    assert parse(write(tmp_path, "a.html", markup)).text == "source"
    xhtml = b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>a&nbsp;b</p></body></html>'
    assert parse(write(tmp_path, "a.xml", xhtml)).media_type == "text/html"


def test_a_wrong_name_is_told(tmp_path: Path) -> None:
    (warning,) = parse(write(tmp_path, "letter.doc", b"<html><p>Saved as a web page</p></html>")).warnings
    assert ".doc" in warning
    assert "web page" in warning


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.docx", b"\x89PNG\r\n\x1a\n" + bytes(50), "PNG picture"),
        ("a.docx", b"PK\x03\x04 not really", "damaged"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "damaged"),
        ("a.txt", b"\x7fELF" + bytes(100), "program"),
        ("a.pdf", b"GIF89a" + bytes(100), "GIF picture"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_fails_with_the_reason(
    tmp_path: Path, name: str, data: bytes, words: str
) -> None:
    with pytest.raises(ReadError, match=words) as caught:
        parse(write(tmp_path, name, data))
    assert not isinstance(caught.value, SkippedError)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(50), "PNG picture"),
        ("a.bin", bytes(range(256)) * 4, "binary data"),
        ("empty.txt", b"", "no text"),
        ("space.txt", b" \r\n\t ", "no text"),
        ("space.md", b"\n\n", "no text"),
        ("space.html", b"<html><body> </body></html>", "no text"),
        ("song.mp3", b"ID3\x04\x00\x00" + bytes(100), "sound"),
    ],
)
def test_other_kinds_are_skipped_by_name(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    with pytest.raises(SkippedError, match=words):
        parse(write(tmp_path, name, data))


@pytest.mark.parametrize(
    ("member", "content", "words"),
    [
        ("photo.jpg", "x", "ZIP archive"),
        ("xl/workbook.bin", "x", r"\.xlsb"),
        ("mimetype", "application/vnd.oasis.opendocument.graphics", "drawing"),
    ],
)
def test_containers_are_named_by_what_is_inside(tmp_path: Path, member: str, content: str, words: str) -> None:
    path = tmp_path / "a.bin"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
    with pytest.raises(SkippedError, match=words):
        parse(path)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no longer there"):
        parse(tmp_path / "missing.txt")
    with pytest.raises(SkippedError, match="regular file"):
        parse(tmp_path)
    path = write(tmp_path, "secret.txt", b"words")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this account reads everything")
    with pytest.raises(ReadError, match="may not be read"):
        parse(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(SkippedError, match="regular file"):
        parse(tmp_path / "pipe.txt")


SUFFIXES = ["txt", "md", "html", "xml", "csv", "rtf", "eml", "vtt", "srt", "py", "bin"]
STARTS = [
    b"",
    b"{\\rtf1",
    b"<html>",
    b'<?xml version="1.0"?><a>',
    b"WEBVTT\n\n00:01.000 --> 00:02.000\n",
    b"From: a\nMIME-Version: 1\n",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(start=st.sampled_from(STARTS), data=st.binary(max_size=400), suffix=st.sampled_from(SUFFIXES))
def test_random_bytes_never_raise_anything_but_read_error(
    tmp_path: Path, start: bytes, data: bytes, suffix: str
) -> None:
    try:
        document = parse(write(tmp_path, f"a.{suffix}", start + data))
    except ReadError as error:
        assert error.message
    else:
        assert document.text.strip()
        assert all(0 <= block.start <= block.end <= len(document.text) for block in document.blocks)


MARKUP = st.text("<>/&;!-[]'\" =abprtdivtable{}\\*u0123456789\n,|:#.", max_size=300)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(start=st.sampled_from(STARTS), text=MARKUP, suffix=st.sampled_from(SUFFIXES))
def test_broken_markup_never_raises_anything_but_read_error(
    tmp_path: Path, start: bytes, text: str, suffix: str
) -> None:
    try:
        parse(write(tmp_path, f"a.{suffix}", start + text.encode()))
    except ReadError as error:
        assert error.message
