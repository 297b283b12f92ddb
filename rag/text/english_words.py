"""Tells English words, common names of places among them: the list of some 80,000 that comes with symspellpy."""

from functools import lru_cache
from importlib import resources


def is_english_word(word: str) -> bool:
    """Whether a folded word is on the list."""
    return word in _english()


@lru_cache(maxsize=1)
def _english() -> frozenset[str]:
    lines = resources.files("symspellpy").joinpath("frequency_dictionary_en_82_765.txt").read_text(encoding="utf-8-sig")
    return frozenset(line.partition(" ")[0] for line in lines.splitlines())
