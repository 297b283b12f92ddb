"""Amounts with a currency sign or a unit in running text: "14 crowns", "$ 3.50", "185 euros"."""

import re
from collections.abc import Iterator

from rag.answer.operators.tables.values import Value, read_value
from rag.text import numbers
from rag.text.stop_words import STOP_WORDS

_AMOUNT = re.compile(
    rf"(?P<before>[$€£¥]\s?)?(?P<number>{numbers.PATTERN})(?P<after>\s?[$€£¥]|\s[^\W\d_]{{2,}})?", re.IGNORECASE
)
_MEASURES = frozenset(["time", "mass", "length", "volume"])


def prices_in(text: str) -> Iterator[tuple[int, int, Value]]:
    """Yields start, end and value of each amount that has a unit which is no measure."""
    for found in _AMOUNT.finditer(text):
        after = (found["after"] or "").strip()
        if after.casefold() in STOP_WORDS:
            after = ""
        value = read_value(f"{found['before'] or ''}{found['number']}{f' {after}' if after.isalpha() else after}")
        if value is not None and (value.before or value.after) and value.magnitude[0] not in _MEASURES:
            yield found.start(), found.end(), value
