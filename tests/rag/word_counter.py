"""Counts words, for fakes of embedders, in the process that parses files as well; it needs no models."""

import re
from collections.abc import Sequence

from rag.types import CounterSpec, CountTokens

_WORD = re.compile(r"\w+")
SPEC = CounterSpec("tests.rag.word_counter")


def count(texts: Sequence[str]) -> list[int]:
    return [len(_WORD.findall(text)) for text in texts]


def load(argument: str) -> CountTokens:
    return count
