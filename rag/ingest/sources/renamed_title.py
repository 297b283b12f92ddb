"""Which title a document has after its file was renamed."""

from pathlib import Path

from rag.ingest.children.prepared import printable
from rag.ingest.sources.scan import FoundFile
from rag.types import Document


def title_after(renamed: Document, file: FoundFile) -> str:
    """Returns the title of a renamed file: one that was the file's name, with its suffix (source code) or without,
    follows the name."""
    before, after = Path(renamed.path), Path(file.path)
    for old, new in ((before.name, after.name), (before.stem, after.stem)):
        if renamed.title == printable(old):
            return printable(new)
    return renamed.title
