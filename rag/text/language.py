"""Tells English from other languages by the small words of a text."""

from rag.text.stop_words import ENGLISH, OTHERS
from rag.text.words import words


def is_english(text: str) -> bool:
    """Whether the small words of a text are English rather than of another language; true where it has none."""
    said = [word for word, _, _ in words(text)]
    english = sum(word in ENGLISH and word not in OTHERS for word in said)
    other = sum(word in OTHERS and word not in ENGLISH for word in said)
    return english >= other and 2 * sum(word.isascii() for word in said) > len(said)
