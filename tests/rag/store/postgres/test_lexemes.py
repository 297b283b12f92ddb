"""A tsvector holds the words that SQLite's index holds, which is the independent reference here."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rag.store.postgres.lexemes import tokens, tsvectors

ROOT = Path(__file__).parents[4]
TEXTS = [
    "Caf\u00e9 na\u00efve cr\u00e8me S\u00f8rensen \u0141\u00f3d\u017a Stra\u00dfe gro\u00dfe Fl\u00fc\u0301sse",
    "\u5317\u4eac\u7684\u4eba\u53e3 \u6771\u4eac \uc11c\uc6b8\uc740 \u041c\u043e\u0441\u043a\u0432\u0430",
    "order AB-1234, 10-Q, 3.5%, max_file_size, x\u00b2 \u00bd \ue000kirch\ue002 e\u0301tude running relational",
    *(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))),
    *(path.read_text(encoding="utf-8") for path in sorted((ROOT / "samples").glob("*.md"))),
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_the_words_are_those_of_fts5(text: str) -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE VIRTUAL TABLE f USING fts5 (t, tokenize = 'porter unicode61 remove_diacritics 2')")
        database.execute("CREATE VIRTUAL TABLE v USING fts5vocab (f, instance)")
        database.execute("INSERT INTO f VALUES (?)", (text,))
        theirs = [term for (term,) in database.execute("SELECT term FROM v ORDER BY offset")]
    assert list(tokens(text)) == theirs


def test_a_tsvector_tells_columns_apart() -> None:
    ((literal, count),) = tsvectors([("A title", "of words, words", "10q")])
    assert count == 6
    assert sorted(literal.split()) == ["'10q':26C", "'a':1A", "'of':13B", "'titl':2A", "'word':14B,15B"]
