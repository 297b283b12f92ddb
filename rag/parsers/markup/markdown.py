"""Parses Markdown. The canonical text is the file itself, markup included, embedded pictures not; blocks are
spans of whole lines in it.

A heading's span is its words alone, and a comment is hidden. markdown-it only finds the blocks; nothing is rendered or
loaded.
"""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from rag.parsers.builder import document_from_spans
from rag.parsers.encodings.decode import decode
from rag.parsers.payload import without_payload
from rag.parsers.tables.lines import spans_of_lines
from rag.types import Block, BlockKind, ParsedDocument

_LINE_END = re.compile(r"\r\n|\r|\n")  # what markdown-it counts as a line
_FRONT_MATTER = re.compile(
    # Atomic: a CRLF that could also be two line ends would double the ways to fail with every line.
    r"---[ \t]*(?>\r\n|\r|\n)(?:(?!---)[^\r\n]*(?>\r\n|\r|\n))*?---[ \t]*(?=[\r\n]|\Z)"
)
_FRONT_TITLE = re.compile(r"^title[ \t]*:[ \t]*(.+?)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_HEADING_MARK = re.compile(r"[\s>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*#{1,6}(?=[ \t]|$)")
_COMMENT = re.compile(r"<!--(?:(?!-->).)*-->", re.DOTALL)
_INLINE_MARKUP = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)|[`*~]+|(?<!\w)_+|_+(?!\w)|<[^>\n]*>")

_TITLE_CHARS = 1_000  # of a heading; its markup is looked for from each place that could begin some

_KIND_OF_TOKEN: dict[str, BlockKind] = {
    "heading_open": "heading",
    "paragraph_open": "paragraph",
    "fence": "code",
    "code_block": "code",
    "table_open": "table",
    "html_block": "paragraph",
}


def parse(path: Path) -> ParsedDocument:
    decoded = decode(path.read_bytes())
    readable = without_payload(decoded.text)
    text = readable.text
    front = _FRONT_MATTER.match(text)
    blocks = blocks_of_markdown(text, front.end() if front else 0)
    return document_from_spans(
        text,
        blocks,
        title=_title(text, front, blocks) or path.stem,
        media_type="text/markdown",
        warnings=[warning for warning in (decoded.warning, readable.warning) if warning],
        metadata={"encoding": decoded.encoding},
    )


def blocks_of_markdown(text: str, front_matter_end: int = 0) -> list[Block]:
    """Returns the blocks in order. Front matter is a note."""
    starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
    if starts[-1] < len(text):
        starts.append(len(text))
    lines = [text[one:other] for one, other in pairwise(starts)]
    hidden = sum(start < front_matter_end for start in starts) if front_matter_end else 0
    # Without the inline rule only lines are looked at, which keeps the parser linear.
    parser = MarkdownIt("commonmark").enable("table").disable("inline")
    body = "\n" * hidden + "".join(lines[hidden:])
    blocks = [_trimmed(text, 0, front_matter_end, "note")] if front_matter_end else []
    depth = 0
    for token in parser.parse(body):
        if token.type in ("bullet_list_open", "ordered_list_open"):
            depth += 1
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            depth -= 1
        kind = _KIND_OF_TOKEN.get(token.type)
        if kind is None or token.map is None:
            continue
        end = min(starts[min(token.map[1], len(starts) - 1)], len(text))
        start = max(starts[token.map[0]], blocks[-1].end if blocks else 0)
        if token.type == "html_block" and _COMMENT.fullmatch(text[start:end].strip()):
            kind = "hidden"
        block = _block_of_token(text, start, end, token, "list" if kind == "paragraph" and depth else kind)
        if kind == "table":
            block = replace(block, table=spans_of_lines(text, block.start, block.end))
        if block.start < block.end:
            blocks.append(block)
    return blocks


def _block_of_token(text: str, start: int, end: int, token: Token, kind: BlockKind) -> Block:
    if kind != "heading":
        return _trimmed(text, start, end, kind)
    line_end = next((m.start() for m in _LINE_END.finditer(text, start, end)), end)
    if token.markup.startswith("#"):
        mark = _HEADING_MARK.match(text, start, line_end)
        words_start = mark.end() if mark else start
        words = text[words_start:line_end].rstrip()
        bare = words.rstrip("#")
        if bare != words and (not bare or bare[-1].isspace()):
            words = bare  # closing marks
        return _trimmed(text, words_start, words_start + len(words), "heading", int(token.tag[1]))
    # Underlined ("setext"): all lines but the rule.
    rule = text[start:end].rstrip()
    rule_start = start + max(rule.rfind("\n"), rule.rfind("\r"), 0)
    return _trimmed(text, start, rule_start if rule_start > start else end, "heading", int(token.tag[1]))


def _trimmed(text: str, start: int, end: int, kind: BlockKind, level: int = 0) -> Block:
    """Returns the span without blank lines at its ends; the indentation of its first line stays with code."""
    body = text[start:end]
    end = start + len(body.rstrip())
    lead = len(body) - len(body.lstrip())
    if kind == "code" and lead:
        lead = max(body.rfind("\n", 0, lead), body.rfind("\r", 0, lead)) + 1
    return Block(min(start + lead, end), end, kind, level)


def _title(text: str, front: re.Match[str] | None, blocks: list[Block]) -> str:
    named = _FRONT_TITLE.search(front[0].replace("\r", "\n")) if front else None
    if named:
        return named[1].strip("\"' ")
    first = next((block for block in blocks if block.kind == "heading" and block.level == 1), None)
    if first is None:
        return ""
    beginning = text[first.start : min(first.end, first.start + _TITLE_CHARS)]
    return _INLINE_MARKUP.sub(r"\1", beginning).strip()
