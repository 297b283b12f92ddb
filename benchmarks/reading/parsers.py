"""Counts words and characters that the parsers lose or double, against a second opinion on each file.

    python -m benchmarks.reading.parsers FOLDER_OR_FILE ... [--show 20]

The second opinion is another program's text of the same file: pdftotext (poppler-utils) for PDF, antiword or catdoc for
DOC, pandoc for DOCX, ODT, RTF, HTML and Markdown, the text of all elements for XML, the decoded file for plain text. A
file without one (no such program, or it refuses the file) is named and not counted. Words are runs of letters and
digits in NFKC and one case; both sides are multisets, so order does not matter. Lost is what the other text holds more
often, doubled what ours holds more often, as shares of the other text. What Docent says several times on purpose (the
name of a cell over several columns, names in rows of records) counts once, and so does a line that recurs at the edge
of a PDF's pages. ``--show`` lists the worst files with their commonest words.
"""

import argparse
import re
import shutil
import subprocess
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from docent import DocentError
from rag.parsers.encodings.decode import decode
from rag.parsers.registry import parse
from rag.text.table_spans import TableRow
from rag.types import ParsedDocument

_WORD = re.compile(r"[^\W_]+")
_DIVIDED = re.compile(r"(?<=[^\W\d_])[-\u2010\u00ad]\n(?=[^\W\d_])")
_PANDOC = {".docx": "docx", ".odt": "odt", ".rtf": "rtf", ".html": "html", ".htm": "html", ".md": "gfm"}
_DIGITS = re.compile(r"\d+")
_EDGE_LINES = 3
_EDGE_PAGES = 3
_SECONDS = 120
_MOST_SHOWN = 12  # words of a file


@dataclass(frozen=True)
class Comparison:
    """Words and letters of one file: how many the second opinion has, and which are lost and doubled."""

    path: Path
    by: str
    words: int
    letters: int
    lost: Counter[str]
    doubled: Counter[str]
    lost_letters: int
    doubled_letters: int

    @property
    def share(self) -> float:
        return (self.lost.total() + self.doubled.total()) / max(1, self.words)


def compared(path: Path) -> Comparison | str:
    """Compares one file, or says why not."""
    try:
        document = parse(path)
    except DocentError as error:
        return f"not read: {error.message}"
    found = second_opinion(path)
    if found is None:
        return "no second opinion"
    by, theirs = found
    other = _words(theirs)
    every, once = _words(document.text), _words(_said_once(document))
    letters = _letters(other)
    return Comparison(
        path,
        by,
        other.total(),
        letters.total(),
        other - every,
        once - other,
        (letters - _letters(every)).total(),
        (_letters(once) - letters).total(),
    )


def _letters(words: Counter[str]) -> Counter[str]:
    return Counter("".join(words.elements()))


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(unicodedata.normalize("NFKC", _DIVIDED.sub("", text)).casefold()))


def _said_once(document: ParsedDocument) -> str:
    """The text, without the repetitions of names that a table's rows bring."""
    parts: list[str] = []
    position = 0
    for block in document.blocks:
        if block.table is not None:
            parts += [document.text[position : block.start], *_cells(document.text, block.table.rows)]
            if block.table.records:
                parts += block.table.columns
            position = block.end
    return "\n".join([*parts, document.text[position:]])


def _cells(text: str, rows: Sequence[TableRow]) -> Iterator[str]:
    for row in rows:
        cells = [text[cell.start : cell.end] for cell in row.cells]
        if row.is_header:
            yield from (cell for at, cell in enumerate(cells) if not at or cell != cells[at - 1])
        else:
            yield from cells


# -- second opinions ---------------------------------------------------------------------------------------------------


def second_opinion(path: Path) -> tuple[str, str] | None:
    """Who read the file as well, and the text; None where nobody can."""
    suffix = path.suffix.lower()
    readers: list[tuple[str, Callable[[Path], str | None]]] = []
    if suffix == ".pdf":
        readers = [("pdftotext", _pdftotext)]
    elif suffix == ".doc":
        readers = [
            ("antiword", lambda path: _output("antiword", "-w", "0", "-m", "UTF-8.txt", str(path))),
            ("catdoc", lambda path: _output("catdoc", "-w", "-d", "utf-8", str(path))),
        ]
    elif suffix in _PANDOC:
        readers = [("pandoc", lambda path: _pandoc(path, _PANDOC[suffix]))]
    elif suffix == ".xml":
        readers = [("elements", _elements)]
    elif suffix == ".txt":
        readers = [("the text itself", lambda path: decode(path.read_bytes()).text)]
    for name, read in readers:
        text = read(path)
        if text is not None and text.strip():
            return name, text
    return None


def _output(*command: str, given: bytes | None = None) -> str | None:
    if shutil.which(command[0]) is None:
        raise SystemExit(f"{command[0]} is not installed: apt-get install poppler-utils pandoc antiword catdoc")
    done = subprocess.run(command, capture_output=True, input=given, timeout=_SECONDS, check=False)
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def _pdftotext(path: Path) -> str | None:
    """The text, where a line that recurs at the edge of pages (digits aside) is kept once, and numbers of pages are
    left out, as Docent does."""
    text = _output("pdftotext", "-enc", "UTF-8", str(path), "-")
    if text is None:
        return None
    pages = [[line for line in page.splitlines() if line.strip()] for page in text.split("\f")]
    keys = [[_DIGITS.sub("#", line.strip()) for line in page] for page in pages]
    seen = Counter(key for page in keys for key in {*page[:_EDGE_LINES], *page[-_EDGE_LINES:]})
    said: set[str] = set()
    kept: list[str] = []
    for lines, names in zip(pages, keys, strict=True):
        for at, (line, key) in enumerate(zip(lines, names, strict=True)):
            edge = at < _EDGE_LINES or at >= len(lines) - _EDGE_LINES
            if edge and seen[key] >= max(_EDGE_PAGES, len(pages) // 4) and (key in said or key == "#"):
                continue
            said.add(key)
            kept.append(line)
    return "\n".join(kept)


def _pandoc(path: Path, kind: str) -> str | None:
    if kind in ("html", "gfm"):
        text = decode(path.read_bytes()).text
        return _output("pandoc", "-f", kind, "-t", "plain", "--wrap=none", given=text.encode())
    return _output("pandoc", "-f", kind, "-t", "plain", "--wrap=none", str(path))


def _elements(path: Path) -> str | None:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True)
    try:
        root = etree.parse(path, parser).getroot()
    except etree.XMLSyntaxError:
        return None
    return "\n".join(root.xpath("//text()"))


# -- report ------------------------------------------------------------------------------------------------------------


def report(name: str, found: Sequence[Comparison]) -> str:
    """One line of the table."""
    words, letters = sum(each.words for each in found), sum(each.letters for each in found)
    lost, doubled = sum(each.lost.total() for each in found), sum(each.doubled.total() for each in found)
    lost_letters, doubled_letters = sum(e.lost_letters for e in found), sum(e.doubled_letters for e in found)
    shares = [n / max(1, words) for n in (lost, doubled)] + [
        n / max(1, letters) for n in (lost_letters, doubled_letters)
    ]
    return " | ".join([f"| {name}", f"{len(found)}", f"{words:,}", *(f"{share:.2%}" for share in shares)]) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, help="folders or files")
    parser.add_argument(
        "--show", type=int, default=0, metavar="N", help="list the N worst files and what is not compared"
    )
    arguments = parser.parse_args()
    files = [
        file
        for path in arguments.paths
        for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
        if file.is_file()
    ]
    found: list[Comparison] = []
    missing: list[tuple[Path, str]] = []
    for file in files:
        result = compared(file)
        if isinstance(result, str):
            missing.append((file, result))
        else:
            found.append(result)
    print("| by | files | words | words lost | words doubled | characters lost | characters doubled |")
    print("|---" * 7 + "|")
    for by in sorted({each.by for each in found}):
        print(report(by, [each for each in found if each.by == by]))
    print(report("all", found))
    print(f"not compared: {len(missing)} files")
    if arguments.show:
        for file, why in missing:
            print(f"  {file.name}: {why}")
        for each in sorted(found, key=lambda each: -each.share)[: arguments.show]:
            print(f"\n{each.path.name} ({each.by}): {each.share:.2%} of {each.words:,} words")
            for what, words in (("lost", each.lost), ("doubled", each.doubled)):
                print(f"  {what} {words.total()}:", *(f"{word}x{n}" for word, n in words.most_common(_MOST_SHOWN)))


if __name__ == "__main__":
    main()
