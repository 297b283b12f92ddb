"""Keeps rows of a table from answering how many there are of something that the table never speaks of.

"How many hens did the storm take?" shares a word with the row "Storm petrel", whose numbers count burrows.
"""

import re
from collections.abc import Sequence

from rag.answer.above import stems_above
from rag.answer.evidence import Candidate
from rag.text.words import match, prefixes_of, stem, stems, words
from rag.types import Query

_COUNTS = re.compile(
    r"^\W*(?:and |so )?how many (?P<thing>(?!more|less|fewer|other|of|times|people|percent)[\w-]+)", re.I
)


def without_rows_of_others(query: Query, ranked: Sequence[Candidate]) -> list[Candidate]:
    """Returns the candidates without rows of tables that do not name what is counted, where a sentence does; all of
    them for other questions."""
    asked = _COUNTS.match(query.text) if query.is_english else None
    counted = next((stem(word) for word, _, _ in words(asked["thing"])), None) if asked is not None else None
    if counted is None or counted not in query.rarity:
        return list(ranked)
    if not any(one.row is None and _names(counted, frozenset(stems(one.text))) for one in ranked):
        return list(ranked)  # the table may call it otherwise
    return [one for one in ranked if one.row is None or _names(counted, _around(one))]


def _around(one: Candidate) -> frozenset[str]:
    """The stems of a row, of the names of its columns and table, and of what stands above."""
    table = one.row.table if one.row is not None else None
    columns = " ".join([table.caption, *table.columns]) if table is not None else ""
    return frozenset(stems(f"{one.said} {columns}")) | stems_above(one.passage)


def _names(counted: str, there: frozenset[str]) -> bool:
    return match(counted, there, prefixes_of(there)) > 0
