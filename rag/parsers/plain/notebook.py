"""Parses Jupyter notebooks: text and code of the cells in order, with printed results. Pictures are left out."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder
from rag.parsers.encodings.decode import decode
from rag.parsers.markup.markdown import blocks_of_markdown
from rag.types import ParsedDocument

_MAX_OUTPUT_CHARS = 10_000  # of one output; more is a log, not a result


def parse(path: Path) -> ParsedDocument:
    try:
        notebook = json.loads(decode(path.read_bytes()).text)
        cells = list(_cells(notebook))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ReadError("The notebook is damaged: it is not the JSON that Jupyter writes.") from error
    builder = DocumentBuilder(title=path.stem, media_type="application/x-ipynb+json")
    for kind, text in cells:
        if kind == "markdown":
            for block in blocks_of_markdown(text):
                builder.add(block.kind, text[block.start : block.end], level=block.level)
        else:
            builder.add("code" if kind == "code" else "paragraph", text)
    return builder.build()


def _cells(notebook: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields the kind and text of each cell, a result as a cell of its own.

    Old notebooks keep their cells in worksheets.
    """
    sheets = notebook.get("worksheets") or [notebook]
    for sheet in sheets:
        for cell in sheet.get("cells", []):
            kind = cell.get("cell_type", "raw")
            yield kind, _joined(cell.get("source", cell.get("input", "")))
            for output in cell.get("outputs", []):
                data = output.get("data") or {}
                text = _joined(output.get("text", data.get("text/plain", "")))
                if 0 < len(text) <= _MAX_OUTPUT_CHARS:
                    yield "output", text


def _joined(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)
