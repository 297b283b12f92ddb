"""What stands above a passage, the document's name and title and the headings, and in front of a place in it."""

from rag.text.context import document_label
from rag.text.sentences import cached_sentences
from rag.text.words import stems
from rag.types import Passage


def above(passage: Passage) -> str:
    """The document's label and the headings in one line, for their words."""
    return " ".join([document_label(passage.document.path, passage.document.title), *passage.heading_path])


def stems_above(passage: Passage) -> frozenset[str]:
    """The stems of ``above``."""
    return frozenset(stems(above(passage)))


def in_front_of(passage: Passage, start: int, most: int = 2) -> str:
    """The ``most`` sentences of a passage before the one that begins at ``start``, which may name what it is about."""
    spans = [span for span in cached_sentences(passage.text) if span[1] <= start][-most:]
    return " ".join(passage.text[first:last] for first, last in spans)
