"""Parses plain text in any encoding. The canonical text is the file itself, without embedded files; blocks are
paragraphs, headings and lists.

A line is taken for a heading only where it stands alone and is a title beyond doubt: "Chapter 3", "2.1 Results",
a line of capitals, an underlined line. Lines with bars, tabs or semicolons between their cells, or with cells below
each other, are a table.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from rag.parsers.builder import document_from_spans
from rag.parsers.encodings.decode import decode
from rag.parsers.payload import without_payload
from rag.parsers.tables.lines import spans_of_plain_lines
from rag.text.table_spans import TableSpans
from rag.types import Block, BlockKind, ParsedDocument

_MAX_HEADING_CHARS = 80
_ONE_LINE_PARAGRAPH_CHARS = 100  # lines this long on average are not hard-wrapped: each is a paragraph
_MAX_CAPITALS_SHARE = 0.3  # more headings in capitals than this: the author simply writes in capitals

_DIVISION = re.compile(
    r"(?P<name>part|book|volume|chapter|section|appendix|article|act|scene|kapitel|teil|chapitre|partie|cap[ií]tulo)"
    r"\s+(?:\d{1,4}|[ivxlcdm]+|[a-z]|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b(?P<rest>[^\n]*)",
    re.IGNORECASE,
)
_OUTER_DIVISIONS = frozenset({"part", "book", "volume", "act", "teil", "partie"})
_NUMBERED = re.compile(r"(?P<number>\d{1,3}(?:\.\d{1,3})*)\.?[ \t]+(?P<first>\w)[^\n]*")
_SENTENCE_END = tuple(".,;:!?…)\"'”’")
_UNDERLINE = re.compile(r"(=|-|~|\*|#|\^){3,}\s*")
_BULLET = re.compile(r"\s*(?:[-*•‣▪◦–+]|\d{1,3}[.)]|[a-z]\))\s+\S")

_Span = tuple[int, int]
_BARS = "|+│┃║┌├╔╠"
_LEAST_TABLE_LINES = 3


def parse(path: Path) -> ParsedDocument:
    decoded = decode(path.read_bytes())
    readable = without_payload(decoded.text)
    text = readable.text
    return document_from_spans(
        text,
        blocks_of_text(text),
        title=path.stem,
        media_type="text/plain",
        warnings=[warning for warning in (decoded.warning, readable.warning) if warning],
        metadata={"encoding": decoded.encoding},
    )


def blocks_of_text(text: str) -> list[Block]:
    """Returns the paragraphs of ``text`` as spans without white space at their ends."""
    runs = list(_runs(text))
    levels = [_heading_level(text[start:end]) if len(lines) == 1 else None for start, end, lines in runs]
    capitals = [level == _CAPITALS for level in levels]
    if sum(capitals) > max(1, _MAX_CAPITALS_SHARE * len(runs)):
        levels = [None if capital else level for level, capital in zip(levels, capitals, strict=True)]
    blocks: list[Block] = []
    for at, ((start, end, lines), level) in enumerate(zip(runs, levels, strict=True)):
        following = levels[at + 1] if at + 1 < len(levels) else _END
        if level is not None and not (level.numbered and following in (level, _END)):
            # A numbered line right before its sibling is an item of a list.
            blocks.append(Block(start, end, "heading", level.depth))
        else:
            blocks.extend(_blocks_of_run(text, start, end, lines))
    return blocks


class _Level:
    """How deep a heading is and by which kind of evidence."""

    def __init__(self, depth: int, *, numbered: bool = False) -> None:
        self.depth = depth
        self.numbered = numbered

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Level) and (self.depth, self.numbered) == (other.depth, other.numbered)

    __hash__ = None  # type: ignore[assignment]


_CAPITALS = _Level(3)
_END = _Level(0)


def _heading_level(line: str) -> _Level | None:
    if len(line) > _MAX_HEADING_CHARS:
        return None
    division = _DIVISION.fullmatch(line)
    if division and (not division["rest"] or division["rest"][0] in ".:-–— ") and not line.endswith((",", ";")):
        return _Level(1 if division["name"].lower() in _OUTER_DIVISIONS else 2)
    if line.endswith(_SENTENCE_END):
        return None
    numbered = _NUMBERED.fullmatch(line)
    if (
        numbered
        and (numbered["first"].isupper() or not numbered["first"].islower())
        and not numbered["first"].isdecimal()
    ):
        return _Level(2 + numbered["number"].count("."), numbered=True)
    letters = sum(char.isalpha() for char in line)
    if letters >= 4 and line.isupper() and letters > 0.6 * len(line.replace(" ", "")):
        return _CAPITALS
    return None


def _runs(text: str) -> Iterator[tuple[int, int, list[_Span]]]:
    """Yields runs of lines without a blank line between them: the trimmed span and the spans of its lines."""
    position = 0
    lines: list[_Span] = []
    for line in text.splitlines(keepends=True):
        body = line.strip()
        if body:
            start = position + len(line) - len(line.lstrip())
            lines.append((start, start + len(body)))
        elif lines:
            yield lines[0][0], lines[-1][1], lines
            lines = []
        position += len(line)
    if lines:
        yield lines[0][0], lines[-1][1], lines


def _blocks_of_run(text: str, start: int, end: int, lines: list[_Span]) -> Iterator[Block]:
    if (found := _table_in(text, lines)) is not None:
        first, last, table = found
        if first:
            yield from _blocks_of_run(text, start, lines[first - 1][1], lines[:first])
        yield Block(table.start, table.end, "table", table=table)
        if last < len(lines):
            yield from _blocks_of_run(text, lines[last][0], end, lines[last:])
        return
    if len(lines) >= 2 and _underlined(text, lines):
        yield Block(*lines[0], "heading", 1 if text[lines[1][0]] in "=#*" else 2)
        lines = lines[2:]
        if not lines:
            return
        start = lines[0][0]
    kind: BlockKind = "list" if _BULLET.match(text, start, end) else "paragraph"
    if len(lines) > 1 and (end - start) / len(lines) > _ONE_LINE_PARAGRAPH_CHARS:
        for line_start, line_end in lines:
            yield Block(line_start, line_end, kind)
    else:
        yield Block(start, end, kind)


def _table_in(text: str, lines: list[_Span]) -> tuple[int, int, TableSpans] | None:
    """Returns the first and last line of a table among lines that follow each other: those that begin with a bar, else
    all of them, with or without a first one that names the table."""
    barred = [text[start] in _BARS for start, _ in lines]
    first = barred.index(True) if True in barred else 0
    last = next((at for at in range(first, len(lines)) if not barred[at]), len(lines)) if True in barred else len(lines)
    for begin in (first,) if True in barred else (0, 1):
        if last - begin >= _LEAST_TABLE_LINES - (begin == first):
            table = spans_of_plain_lines(text, lines[begin][0], lines[last - 1][1])
            if table is not None:
                return begin, last, table
    return None


def _underlined(text: str, lines: list[_Span]) -> bool:
    title, rule = text[slice(*lines[0])], text[slice(*lines[1])]
    return len(title) <= _MAX_HEADING_CHARS and len(rule) >= len(title) / 2 and bool(_UNDERLINE.fullmatch(rule))
