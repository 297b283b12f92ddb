"""Documents without tables, numbered from 1."""

from collections.abc import Sequence

from rag.text.table_spans import TableSpans


class PlainTexts:
    """Implements what operators read whole documents from."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    def document_text(self, document_id: int) -> str:
        return self._texts[document_id - 1]

    def tables(self, document_id: int, start: int, end: int) -> tuple[TableSpans, ...]:
        return ()
