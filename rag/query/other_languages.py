"""Earlier exchanges in other languages, from which an English follow-up takes no words."""

from collections.abc import Sequence

from rag.text.language import is_english
from rag.types import Turn

_LEAST_WORDS = 4  # of a question whose language is told


def turns_understood(question: str, turns: Sequence[Turn]) -> list[Turn]:
    """The exchanges that a question may take words from. An English one takes none from questions in other languages,
    whose words would stand in it like names. Of few words the language cannot be told."""
    if not _tells_its_language(question) or not is_english(question):
        return list(turns)
    return [turn for turn in turns if not _tells_its_language(turn.question) or is_english(turn.question)]


def _tells_its_language(text: str) -> bool:
    return len(text.split()) >= _LEAST_WORDS
