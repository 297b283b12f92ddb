"""Plain text, Markdown and source code: the text is the file, the blocks are spans of it."""

import contextlib
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.errors import ReadError, SkippedError
from rag.parsers.markup import markdown
from rag.parsers.plain import source_code, text
from rag.parsers.registry import parse
from rag.types import ParsedDocument


def parts(document: ParsedDocument, *kinds: str) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks if not kinds or block.kind in kinds]


def write(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_bytes(content.encode("utf-8"))
    return path


LINES = st.lists(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs", "Cc"])),
        st.sampled_from(
            ["", "# H", "- a", "  - b", "> q", "```", "| a | b |", "|--|--|", "===", "---", "CHAPTER 1", "def f():"]
        ),
    ),
    max_size=30,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    lines=LINES,
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    name=st.sampled_from(["a.txt", "a.md", "a.py", "a.c", "a.js"]),
)
def test_the_text_is_the_file_and_blocks_lie_in_it_in_order(
    tmp_path: Path, lines: list[str], end: str, name: str
) -> None:
    content = end.join(lines)
    path = write(tmp_path, name, "\ufeff" + content)
    parser = {".txt": text, ".md": markdown}.get(path.suffix, source_code)
    try:
        document = parser.parse(path)
    except SkippedError:
        assert not content.strip() or content.isspace()
        return
    assert document.text == content
    position = 0
    for block in document.blocks:
        assert position <= block.start < block.end <= len(content)
        assert content[block.start : block.end].strip()
        position = block.end


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(words=st.lists(st.text(string.ascii_letters, min_size=1), min_size=1), name=st.sampled_from(["a.txt", "a.py"]))
def test_no_word_is_outside_the_blocks(tmp_path: Path, words: list[str], name: str) -> None:
    document = parse(write(tmp_path, name, "\n\n".join(words)))
    assert " ".join(parts(document)).split() == words


def test_plain_text_headings(tmp_path: Path) -> None:
    content = (
        "PART ONE\n\nChapter 3: The Sea\n\nIt was calm.\nVery calm.\n\n2.1 Results\n\nGood ones.\n\n"
        "ACKNOWLEDGEMENTS\n\nThanks.\n\nUnderlined\n==========\nBody here.\n\n- one\n- two\n"
    )
    document = text.parse(write(tmp_path, "book.txt", content))
    assert parts(document, "heading") == [
        "PART ONE",
        "Chapter 3: The Sea",
        "2.1 Results",
        "ACKNOWLEDGEMENTS",
        "Underlined",
    ]
    assert [block.level for block in document.blocks if block.kind == "heading"] == [1, 2, 3, 3, 1]
    assert parts(document, "paragraph") == ["It was calm.\nVery calm.", "Good ones.", "Thanks.", "Body here."]
    assert parts(document, "list") == ["- one\n- two"]


@pytest.mark.parametrize(
    "content",
    [
        "I AM SHOUTING\n\nALL THE TIME\n\nWITHOUT END\n",
        "1. Milk\n\n2. Bread\n\n3. Eggs\n",
        "Chapter 3 was the longest of all the chapters that he had ever written in his life so far, he said.\n\nx\n",
        "Part of the problem is this\n\nx\n",
        "This is all.\n\nx\n",
    ],
)
def test_what_is_not_beyond_doubt_is_no_heading(tmp_path: Path, content: str) -> None:
    assert parts(text.parse(write(tmp_path, "a.txt", content)), "heading") == []


def test_long_lines_are_paragraphs_of_their_own(tmp_path: Path) -> None:
    lines = ["word " * 40 + "end.", "other " * 40 + "end."]
    assert parts(text.parse(write(tmp_path, "a.txt", "\n".join(lines)))) == lines


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.py", "a.js", "a.c", "a.html", "a.xml", "a.csv", "a.srt"])
def test_one_line_of_megabytes_is_read_in_linear_time(tmp_path: Path, name: str) -> None:
    content = "word " * 600_000
    if name == "a.xml":
        content = f"<r>{content}</r>"
    if name == "a.srt":
        content = f"1\n00:00:01,000 --> 00:00:02,000\n{content}"
    assert "word word" in parse(write(tmp_path, name, content)).text


def test_markdown_blocks_and_title(tmp_path: Path) -> None:
    content = (
        '---\ntitle: "My Doc"\ntags: x\n---\r\n\r\n# Head *one* #\r\n\r\nSome `text`\r\nhere.\r\n'
        "\r\n- a\r\n  - b\r\n- c\r\n\r\n"
        "| a | b |\r\n|---|---|\r\n| 1 | 2 |\r\n\r\nSet\r\next\r\n---\r\n\r\n```py\r\nx\r\n```\r\n"
    )
    document = markdown.parse(write(tmp_path, "doc.md", content))
    assert document.title == "My Doc"
    assert document.text == content
    assert [(block.kind, block.level) for block in document.blocks if block.kind == "heading"] == [
        ("heading", 1),
        ("heading", 2),
    ]
    assert parts(document, "heading") == ["Head *one*", "Set\r\next"]
    assert parts(document, "paragraph") == ["Some `text`\r\nhere."]
    assert parts(document, "list") == ["- a", "- b", "- c"]
    assert parts(document, "table") == ["| a | b |\r\n|---|---|\r\n| 1 | 2 |"]
    (table,) = [block.table for block in document.blocks if block.table is not None]
    assert table.columns == ("a", "b")
    cells = [[(content[cell.start : cell.end], cell.column) for cell in row.cells] for row in table.rows]
    assert cells == [[("a", 0), ("b", 1)], [("1", 0), ("2", 1)]]
    assert parts(document, "code") == ["```py\r\nx\r\n```"]
    assert parts(document, "note") == ['---\ntitle: "My Doc"\ntags: x\n---']


def test_markdown_headings_are_their_words(tmp_path: Path) -> None:
    content = "# One #\n\n## C#\n\n> ### Quoted ###\n\n- #### In list\n\n#\n\n#not\n"
    document = markdown.parse(write(tmp_path, "doc.md", content))
    assert parts(document, "heading") == ["One", "C#", "Quoted", "In list"]
    assert [block.level for block in document.blocks if block.kind == "heading"] == [1, 2, 3, 4]


def test_markdown_title_from_its_heading_without_markup(tmp_path: Path) -> None:
    document = markdown.parse(write(tmp_path, "doc.md", "Intro\n\n# The **bold** [link](http://x) `code`\n"))
    assert document.title == "The bold link code"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.md", "---\r\n" + "key: value\r\n" * 50_000),
        ("a.md", "# a" + " " * 300_000 + "b # c"),
        ("a.md", "# " + "# " * 100_000 + "b"),
        ("a.txt", "a" * 3_000_000 + "\n\n" + "\n" * 300_000),
        ("a.html", "<!--" * 300_000 + "text"),
        ("a.html", "<script" * 200_000),
        ("a.html", "<p>" + "&#32; \n" * 300_000 + "x"),
        ("a.java", "  public " + "a " * 200_000 + "\n  public" + " " * 300_000 + "x"),
        ("a.srt", "00:00:01,000 --> 00:00:02,000\n" + "<" * 500_000 + "v "),
        ("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\n" + "\n " * 300_000 + "x"),
        ("a.eml", "Subject: x\n\n" + "\n " * 300_000 + "x"),
        ("a.xml", "<r>" + "&lt;p" * 100_000 + "</r>"),
        ("a.csv", "a,b\n" + "," * 300_000),
    ],
)
def test_no_input_makes_a_pattern_run_for_ever(tmp_path: Path, name: str, content: str) -> None:
    """The suite's own time limit is what fails here."""
    with contextlib.suppress(ReadError):
        parse(write(tmp_path, name, content))


def test_a_long_ascii_line_before_the_first_accent(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"word " * 600_000 + "\nGrüße, schöne Straße".encode("cp1252"))
    assert parse(path).text.endswith("Grüße, schöne Straße")
    path.write_bytes(b"word " * 600_000 + ("すべての人間は自由である。" * 5_000).encode("cp932"))
    assert parse(path).text.endswith("自由である。")


def test_nested_brackets_and_quotes_do_not_blow_up(tmp_path: Path) -> None:
    content = "[" * 20_000 + "\n\n" + "> " * 3_000 + "x\n\n" + "- " * 3_000 + "y\n"
    assert markdown.parse(write(tmp_path, "a.md", content)).text == content


@pytest.mark.parametrize(
    ("name", "code", "headings"),
    [
        (
            "a.py",
            "class A:\n    def f(self):\n        pass\n\nasync def g():\n    pass\n",
            "class A:|def f(self):|async def g():",
        ),
        ("a.c", "int main(int argc)\n{\n  if (x) f();\n}\nstruct S {\n};\n", "int main(int argc)|struct S {"),
        (
            "a.js",
            "export function f() {\n}\nconst g = async () => {\n}\n",
            "export function f() {|const g = async () => {",
        ),
        ("a.go", "package main\nfunc (s *S) Run() error {\n}\n", "package main|func (s *S) Run() error {"),
        ("a.rs", "pub(crate) fn f() {}\nimpl A {\n    fn g() {}\n}\n", "pub(crate) fn f() {}|impl A {|fn g() {}"),
        (
            "a.java",
            "public class A {\n    private int f(int x) {\n    }\n}\n",
            "public class A {|private int f(int x) {",
        ),
        ("a.sql", "create table t (\n  a int\n);\n", "create table t ("),
        ("a.sh", "go() {\n  echo hi\n}\n", "go() {"),
    ],
)
def test_definitions_are_headings(tmp_path: Path, name: str, code: str, headings: str) -> None:
    document = source_code.parse(write(tmp_path, name, code))
    assert parts(document, "heading") == headings.split("|")
    assert document.title == name


def test_methods_are_a_level_below_their_class(tmp_path: Path) -> None:
    document = source_code.parse(
        write(tmp_path, "a.py", "class A:\n    def f(self):\n        pass\n\ndef g():\n    pass\n")
    )
    assert [block.level for block in document.blocks if block.kind == "heading"] == [1, 2, 1]
    assert parts(document, "code") == ["        pass", "    pass"]


def test_cells_of_markdown_may_be_empty_and_hold_bars(tmp_path: Path) -> None:
    content = "Boat | Owner | Berth\n--- | --- | ---\nTern || A5\nSk\\|ua | Ann |\n"
    document = markdown.parse(write(tmp_path, "doc.md", content))
    (table,) = [block.table for block in document.blocks if block.table is not None]
    assert [row.is_header for row in table.rows] == [True, False, False]
    cells = [[(content[cell.start : cell.end], cell.column) for cell in row.cells] for row in table.rows[1:]]
    assert cells == [[("Tern", 0), ("A5", 2)], [("Sk\\|ua", 0), ("Ann", 1)]]
