"""Documents as they are shown: their text, tables, files and pages."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import UnknownDocument
from app.events import DocumentView, Layout
from rag.errors import ReadError
from rag.types import Document

if TYPE_CHECKING:
    from app.wiring import Parts
    from rag.parsers.pdf.page.page_box import Box
    from rag.text.table_spans import TableSpans

_PDF = "application/pdf"


class DocumentViews:
    """The part of the Assistant that shows documents. UnknownDocument for an id that the library does not hold."""

    def __init__(self, parts: "Parts") -> None:
        self._parts = parts

    def document_view(self, document_id: int) -> DocumentView:
        document = self._document(document_id)
        pages = None
        if document.media_type == _PDF and Path(document.path).is_file():
            with suppress(ReadError):  # then its text can be shown all the same
                pages = self._parts.page_pictures.count(Path(document.path))
        there = "://" in document.path or os.path.isfile(document.path)  # noqa: PTH113 - may hold surrogates
        return DocumentView(document, self._parts.library.document_text(document_id), pages, there)

    def document_text(self, document_id: int) -> str:
        """The canonical text, to which the positions of citations refer."""
        self._document(document_id)
        return self._parts.library.document_text(document_id)

    def document_tables(self, document_id: int, start: int, end: int) -> "tuple[TableSpans, ...]":
        """The tables of a document that stand in ``text[start:end]``, wholly or in part."""
        self._document(document_id)
        return self._parts.library.tables(document_id, start, end)

    def all_tables(self, document_id: int, start: int = 0, end: int = sys.maxsize) -> "Iterator[TableSpans]":
        """The same, in the order of the text, but read as they are taken."""
        self._document(document_id)
        return self._parts.library.all_tables(document_id, start, end)

    def document_layout(self, document_id: int) -> Layout:
        """How the text of a document is laid out: what stands where, and on which page or at which second."""
        self._document(document_id)
        library = self._parts.library
        return Layout(tuple(library.blocks(document_id)), tuple(library.places(document_id)))

    def document_file(self, document_id: int) -> tuple[Path, str]:
        """The file of a document and its media type. UnknownDocument when it is not on the disk (any more)."""
        document = self._document(document_id)
        path = Path(document.path)
        if not path.is_file():
            raise UnknownDocument(f"{document.path} is not there (any more).", "Connect its drive, or sync again.")
        return path, document.media_type

    def page_png(
        self,
        document_id: int,
        page: int,
        quote_span: tuple[int, int] | None = None,
        scale: float = 2.0,
        read_span: tuple[int, int] | None = None,
    ) -> bytes:
        """A page (from 1) of a PDF as a picture, with the quote highlighted, and more so the words read from it."""
        path = self._pdf(document_id)
        quote, read = self._words(document_id, quote_span, read_span)
        return self._parts.page_pictures.draw(path, page, quote, scale, read)

    def page_marks(
        self, document_id: int, page: int, quote_span: tuple[int, int], read_span: tuple[int, int] | None = None
    ) -> "tuple[list[Box], list[Box]]":
        """Where on a page (from 1) of a PDF a quote stands, and the words read from it."""
        path = self._pdf(document_id)
        return self._parts.page_pictures.marks(path, page, *self._words(document_id, quote_span, read_span))

    def page_text(self, document_id: int, page: int) -> str:
        """The text of a page (from 1), for where its picture cannot be drawn."""
        self._document(document_id)
        text = self._parts.library.document_text(document_id)
        spans = self._parts.library.page_spans(document_id, page)
        return "\n\n".join(text[slice(*span)].strip() for span in spans)

    def _words(
        self, document_id: int, quote_span: tuple[int, int] | None, read_span: tuple[int, int] | None
    ) -> tuple[str, str]:
        text = self._parts.library.document_text(document_id) if quote_span is not None else ""
        quote, read = (text[slice(*span)] if span is not None else "" for span in (quote_span, read_span))
        return quote, read

    def _pdf(self, document_id: int) -> Path:
        document = self._document(document_id)
        if document.media_type != _PDF:
            raise UnknownDocument(f"{document.title or document.path} has no page pictures.", "Only a PDF has them.")
        return Path(document.path)

    def _document(self, document_id: int) -> Document:
        document = self._parts.library.document(document_id)
        if document is None:
            raise UnknownDocument(f"There is no document {document_id}.", "It may have been removed since.")
        return document
