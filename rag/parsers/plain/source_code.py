"""Parses source code in any language. The canonical text is the file itself, without minified lines and
embedded files; definitions are headings over their code.

Definitions are found line by line with one pattern per family of languages: cheap, linear, and no parser to trip over
code that does not compile. A language without a pattern is one run of code.
"""

import re
from pathlib import Path

from rag.errors import SkippedError
from rag.parsers.builder import document_from_spans
from rag.parsers.encodings.decode import decode
from rag.parsers.payload import without_minified, without_payload
from rag.types import Block, ParsedDocument

_MODIFIERS = (
    r"(?:(?:export|default|public|private|protected|internal|static|final|abstract|sealed|open|override|data|async|"
    r"partial|virtual|case|inline|suspend|declare|unsafe|const|extern|pub(?:\([^)\n]*\))?|local)[ \t]+)*"
)
_NAMED = (
    r"(?:class|interface|enum|record|struct|trait|object|protocol|extension|impl|mod|module|namespace|union|fn|func|fun|"
    r"function\*?|def|defp|defmodule|sub|procedure|subroutine|program|package|type)[ \t]+[\w(<\[.:$*&]"
)
_KEYWORD = rf"^[ \t]*{_MODIFIERS}{_NAMED}[^\n]*"
_METHOD = r"^[ \t]+(?:public|private|protected|internal)[ \t][^;={}()\n]*\w[ \t]*\([^;\n]*"
_ARROW = r"^(?:export[ \t]+)?(?:const|let|var)[ \t]+\w+[ \t]*=[ \t]*(?:async[ \t]*)?(?:function|\()[^\n]*"
_C_FUNCTION = r"^(?!(?:if|for|while|switch|return|else|do|case|typedef|using)\b)[A-Za-z_][^;=\n(#]*\w[ \t]*\([^;\n]*"
_PYTHON = r"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+\w[^\n]*"
_RUBY = r"^[ \t]*(?:def|class|module)[ \t]+\S[^\n]*"
_SHELL = r"^[ \t]*(?:function[ \t]+[\w-]+|[\w-]+[ \t]*\(\))[^\n]*"
_SQL = (
    r"^[ \t]*create[ \t]+(?:or[ \t]+replace[ \t]+)?(?:\w+[ \t]+)?(?:table|view|function|procedure|trigger|type)\b[^\n]*"
)
_LISP = r"^\(def\w*[ \t][^\n]*"
_CSS = r"^[^\s@/*}{][^\n{}]*\{[^\n]*"

_PATTERN_OF_SUFFIX: dict[str, str] = {
    **dict.fromkeys((".py", ".pyi", ".pyw"), _PYTHON),
    **dict.fromkeys((".rb", ".ex", ".exs", ".jl"), _RUBY),
    **dict.fromkeys((".sh", ".bash", ".zsh", ".fish"), _SHELL),
    ".sql": _SQL,
    **dict.fromkeys((".lisp", ".el", ".scm", ".clj", ".cljs"), _LISP),
    **dict.fromkeys((".css", ".scss", ".sass", ".less"), _CSS),
    **dict.fromkeys(
        (".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx", ".cu", ".cuh"), f"{_KEYWORD}|{_C_FUNCTION}"
    ),
    **dict.fromkeys(
        (".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".vue", ".svelte"), f"{_KEYWORD}|{_ARROW}"
    ),
    **dict.fromkeys((".java", ".cs", ".php", ".kt", ".scala", ".swift", ".groovy", ".dart"), f"{_KEYWORD}|{_METHOD}"),
}
_MINIFIED = "Lines of minified code were left out."
_MAX_LINE_CHARS = 400  # longer "lines" are minified code, in which lines mean nothing


def parse(path: Path) -> ParsedDocument:
    decoded = decode(path.read_bytes())
    # SQL is not made small: a dump has all rows of a table in one line.
    written, minified = (decoded.text, False) if path.suffix.lower() == ".sql" else without_minified(decoded.text)
    if minified and not written.strip():
        raise SkippedError(
            "The file holds minified code, which is made for machines.", "Add the source it was made from."
        )
    readable = without_payload(written)
    warnings = (decoded.warning, _MINIFIED if minified else None, readable.warning)
    return document_from_spans(
        readable.text,
        blocks_of_code(readable.text, path.suffix.lower()),
        title=path.name,
        media_type="text/x-source",
        warnings=[warning for warning in warnings if warning],
        metadata={"encoding": decoded.encoding},
    )


def blocks_of_code(text: str, suffix: str) -> list[Block]:
    """Returns a heading for each definition (its first line), a code block for what stands between two of them."""
    pattern = re.compile(_PATTERN_OF_SUFFIX.get(suffix, _KEYWORD), re.MULTILINE | re.IGNORECASE * (suffix == ".sql"))
    blocks: list[Block] = []
    indents: list[int] = []
    position = 0
    for match in pattern.finditer(text):
        if match.end() - match.start() > _MAX_LINE_CHARS:
            continue
        line = match[0]
        start = match.start() + len(line) - len(line.lstrip())
        end = match.start() + len(line.rstrip())
        indent = len(line[: start - match.start()].expandtabs(4))
        while indents and indents[-1] >= indent:
            indents.pop()
        indents.append(indent)
        _add_code(blocks, text, position, match.start())
        blocks.append(Block(start, end, "heading", len(indents)))
        position = end
    _add_code(blocks, text, position, len(text))
    return blocks


def _add_code(blocks: list[Block], text: str, start: int, end: int) -> None:
    """Adds the span without blank lines around it; the first line keeps its indentation."""
    body = text[start:end]
    stripped_end = start + len(body.rstrip())
    lead = len(body) - len(body.lstrip())
    start += max(body.rfind("\n", 0, lead), body.rfind("\r", 0, lead)) + 1
    if start < stripped_end:
        blocks.append(Block(start, stripped_end, "code"))
