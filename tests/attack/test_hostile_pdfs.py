"""PDFs that were made to do harm, through the processes that parse: what can be read of them is."""

import threading
from contextlib import closing
from pathlib import Path

import pytest

from rag.ingest.children.parse_job import Chunking, ParseLimits
from rag.ingest.children.parse_pool import ParsePool
from tests.rag.parsers.pdf.pdf_writer import write_raw
from tests.rag.word_counter import SPEC

TEXT = "BT /F1 12 Tf 72 700 Td (The lamp was lit in 1868.) Tj ET"
LABELS = {
    "tree of labels that holds itself": {100: "<< /Kids [100 0 R 100 0 R] >>"},
    "two that hold each other": {100: "<< /Kids [101 0 R] >>", 101: "<< /Kids [100 0 R] >>"},
    "deep tree": {number: f"<< /Kids [{number + 1} 0 R] >>" for number in range(100, 60_000)},
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_without_end_cost_no_text(tmp_path: Path, kind: str) -> None:
    path = write_raw(tmp_path / "a.pdf", [TEXT], catalog="/PageLabels 100 0 R", objects=LABELS[kind])
    files = iter([(str(path), path.stat().st_size)])
    [result] = ParsePool(ParseLimits(workers=1)).parse_all(files, Chunking(SPEC), threading.Event())
    assert result.document is not None, result.error
    with closing(result.document) as document:
        assert "The lamp was lit in 1868." in document.text()
        assert any("page numbers" in warning for warning in document.warnings) or kind == "deep tree"
