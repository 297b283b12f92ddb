"""Files that are dropped onto the window: where they are kept, and under which names."""

from pathlib import Path

import pytest

from app.errors import UsageError
from app.pages.inbox import discard, keep, safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("notes.txt", "notes.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\plan.docx", "plan.docx"),
        ("..", "document"),
        ("a\nb?.md", "a_b_.md"),
        ("CON.txt", "_CON.txt"),
        ("x" * 300 + ".pdf", "x" * 120 + ".pdf"),
        ("Ünïcode 文書.pdf", "Ünïcode 文書.pdf"),
    ],
)
def test_names_are_safe_on_every_platform(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_copies_are_kept_once_and_never_overwrite(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    first, second = tmp_path / "1" / "a.txt", tmp_path / "2" / "a.txt"
    for path, text in ((first, "one"), (second, "two")):
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
    assert [path.name for path in keep([first, second, first], inbox)] == ["a.txt", "a (2).txt", "a.txt"]
    assert sorted(path.read_text(encoding="utf-8") for path in inbox.iterdir()) == ["one", "two"]


def test_a_disk_that_refuses_is_explained(tmp_path: Path) -> None:
    (tmp_path / "inbox").write_text("a file in the way", encoding="utf-8")
    with pytest.raises(UsageError, match="room"):
        keep([tmp_path / "inbox"], tmp_path / "inbox")


def test_only_what_lies_in_the_inbox_is_deleted(tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("x", encoding="utf-8")
    with pytest.raises(UsageError):
        discard(precious, tmp_path / "inbox")
    assert precious.exists()
