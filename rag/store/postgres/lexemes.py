"""The words of a chunk as a tsvector, the same as SQLite's index holds.

PostgreSQL's own parser would cut codes, file names and numbers in ways of its own and drop stop words of one language;
so an FTS5 table in memory cuts and stems them, and a library finds the same wherever it is kept. Columns are weights of
the tsvector: context A, text B, terms C.
"""

import sqlite3
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache

from rag.store.schema import TOKENIZER

COLUMNS = "ABC"
_LONGEST = 500  # characters of a lexeme; PostgreSQL takes 2046 bytes
_LAST_POSITION = 16_383  # that a tsvector knows
_BETWEEN_COLUMNS = 10  # positions, so that no phrase goes over from one to the next


class _Fts5:
    """Cuts and stems texts, of one thread at a time."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._database.execute(
            f"CREATE VIRTUAL TABLE texts USING fts5 ({', '.join(COLUMNS)}, content = '', tokenize = '{TOKENIZER}')"
        )
        self._database.execute("CREATE VIRTUAL TABLE words USING fts5vocab (texts, instance)")

    def words(self, texts: Sequence[Sequence[str]]) -> list[tuple[int, str, int, str]]:
        """Returns (number of the text, its column, number of the word in that, word) of all words, each text given as
        its columns A, B and C."""
        rows = ((number, *map(_valid, columns)) for number, columns in enumerate(texts))
        with self._turn:
            self._database.execute("BEGIN")
            try:
                self._database.executemany("INSERT INTO texts (rowid, A, B, C) VALUES (?, ?, ?, ?)", rows)
                return self._database.execute("SELECT doc, col, offset, term FROM words").fetchall()
            finally:
                self._database.execute("ROLLBACK")


_fts5 = _Fts5()


@lru_cache(maxsize=8192)
def tokens(text: str) -> tuple[str, ...]:
    """Returns the stemmed words of a question's word or phrase, in order."""
    found = _fts5.words([(text, "", "")])
    return tuple(word[:_LONGEST] for _, _, _, word in sorted(found, key=lambda row: row[2]))


def tsvectors(texts: Sequence[tuple[str, str, str]]) -> list[tuple[str, int]]:
    """Returns for each chunk, given as context, text and terms, the literal of its tsvector and how many words it has
    with repetitions."""
    found = _fts5.words(texts)
    lengths = [dict.fromkeys(COLUMNS, 0) for _ in texts]
    for number, column, _, _ in found:
        lengths[number][column] += 1
    starts = [_starts(of_columns) for of_columns in lengths]
    places: list[dict[str, list[str]]] = [defaultdict(list) for _ in texts]
    for number, column, offset, word in found:
        at = min(starts[number][column] + offset, _LAST_POSITION)
        places[number][word[:_LONGEST]].append(f"{at}{column}")
    literals = (" ".join(f"'{word}':{','.join(at)}" for word, at in of_words.items()) for of_words in places)
    return list(zip(literals, (sum(of_columns.values()) for of_columns in lengths), strict=True))


def _starts(lengths: Mapping[str, int]) -> dict[str, int]:
    """The position of the first word of each column."""
    starts, at = {}, 1
    for column, length in lengths.items():
        starts[column] = at
        at += length + _BETWEEN_COLUMNS
    return starts


def _valid(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
