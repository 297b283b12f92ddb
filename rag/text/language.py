"""Tells in which language a text is written (py3langid, a naive Bayes model over byte n-grams; no network)."""

import threading
from functools import lru_cache
from typing import TYPE_CHECKING

from rag.text.words import words

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

LANGUAGES = (
    "en", "de", "fr", "es", "it", "pt", "nl", "pl", "cs", "ru", "tr", "zh", "ja", "ar", "da", "sv", "no", "fi", "hu",
    "ro", "el", "uk", "ko", "he", "bg", "vi", "th", "fa", "hi", "id",
)  # fmt: skip
"""What is told apart; among fewer languages short texts are told more surely."""

_LEAST_WORDS = 3  # of a text; fewer are mostly names and keywords
_SURE, _SURE_OF_FEW = 0.7, 0.9  # probability from which a text (of few words) counts as not English
_CHARS = 2000
_lock = threading.Lock()


@lru_cache(maxsize=1)
def _identifier() -> "LanguageIdentifier":
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(LANGUAGES))
    return identifier


@lru_cache(maxsize=4096)
def language_of(text: str) -> str:
    """The two-letter code of a text's language; "en" where that is not clear."""
    few = len(words(text[:_CHARS])) < _LEAST_WORDS
    with _lock:
        language, probability = _identifier().classify(text[:_CHARS])
    return str(language) if probability > (_SURE_OF_FEW if few else _SURE) else "en"


def is_english(text: str) -> bool:
    """Whether a text is English, or too short to tell."""
    return language_of(text) == "en"
