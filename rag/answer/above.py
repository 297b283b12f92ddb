"""What stands above a passage: the document's name and title, and the headings."""

from rag.text.context import document_label
from rag.text.words import stems
from rag.types import Passage


def above(passage: Passage) -> str:
    """The document's label and the headings in one line, for their words."""
    return " ".join([document_label(passage.document.path, passage.document.title), *passage.heading_path])


def stems_above(passage: Passage) -> frozenset[str]:
    """The stems of ``above``."""
    return frozenset(stems(above(passage)))
