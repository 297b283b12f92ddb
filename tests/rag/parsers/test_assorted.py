"""Real, odd files: each ends with text or with a true reason. Skipped where the folder is not there."""

from pathlib import Path

import pytest

from rag.errors import ReadError, SkippedError
from rag.parsers.registry import parse

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "documents" / "assorted"
SUFFIXES = {".txt", ".md", ".html", ".xml", ".rtf"}
FILES = sorted(path for path in FOLDER.rglob("*") if path.suffix in SUFFIXES)

pytestmark = pytest.mark.skipif(not FILES, reason="the folder ../shared/data/documents/assorted is not there")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_it_is_read_or_says_why(path: Path) -> None:
    try:
        document = parse(path)
    except ReadError as error:
        assert isinstance(error, SkippedError)
        assert not path.read_bytes().strip()
        return
    lost = [warning for warning in document.warnings if not warning.endswith("put right.")]
    assert not lost or document.media_type == "message/rfc822"
    assert "\ufffd" not in document.text
    assert "Ã" not in document.text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fake-html-cp1252.html", "Die schöne Frau"),
        ("umlauts-non-utf8.md", "ö"),
        ("umlauts-utf8.md", "ö"),
        ("factbook-utf-16.xml", "leader: Justin Trudeau"),
        ("fake-text-utf-16-be.txt", "Important points"),
        ("fake-text-utf-32.txt", "Important points"),
        ("example-10k.html", "Total long-term debt, gross | $60,500,369"),
        ("fake-doc.rtf", "Column 1 | Column 2"),
        ("fake-email.txt", "Roses are red"),
        ("language-docs/UDHR_first_article_all.txt", "人人生而自由"),
    ],
)
def test_what_stands_in_it(name: str, words: str) -> None:
    assert words in parse(FOLDER / name).text
