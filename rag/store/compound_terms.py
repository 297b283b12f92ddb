"""Looks up in the full-text index which compounds have a word of the question as a part."""

import sqlite3
from collections.abc import Iterable, Iterator

from rag.text.compounds import BACKWARDS, END, FORWARDS, base, begins_with, ends_with, last_part, mark

MAX_COMPOUNDS = 16  # of one word: those that stand in most chunks
_MAX_WORDS = 16  # of a question
_MAX_LOOKED_AT = 400


def compounds_with(connection: sqlite3.Connection, words: Iterable[str]) -> dict[str, list[str]]:
    """Returns for those of ``words`` with which compounds in the index begin or end the marks of these."""
    connection.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.chunk_words USING fts5vocab(main, chunk_fts, row)")
    found: dict[str, list[str]] = {}
    for word in [word for word in dict.fromkeys(words) if word.isalpha()][:_MAX_WORDS]:
        compounds = dict(_beginning_with(connection, word)) | dict(_ending_with(connection, word))
        best = sorted(compounds, key=lambda compound: (-compounds[compound], compound))[:MAX_COMPOUNDS]
        if best:
            found[word] = list(map(mark, best))
    return found


def _beginning_with(connection: sqlite3.Connection, word: str) -> Iterator[tuple[str, int]]:
    """Yields the marked words that begin with ``word``, and in how many chunks they stand."""
    for term, count in _range(connection, FORWARDS + base(word)):
        compound = term.removeprefix(FORWARDS).removesuffix(END)
        if begins_with(word, compound):
            yield compound, count


def _ending_with(connection: sqlite3.Connection, word: str) -> Iterator[tuple[str, int]]:
    for term, count in _range(connection, BACKWARDS + last_part(word)[::-1]):
        compound = term.removeprefix(BACKWARDS).removesuffix(END)[::-1]
        if ends_with(word, compound):
            yield compound, count


def _range(connection: sqlite3.Connection, start: str) -> list[tuple[str, int]]:
    return connection.execute(
        "SELECT term, doc FROM temp.chunk_words WHERE term >= ? AND term < ? LIMIT ?",
        (start, start + "\uffff", _MAX_LOOKED_AT),
    ).fetchall()
