"""Finds pages of a manual by their titles, in languages that keyword search finds hard: German, Chinese, Japanese.

    apt-get download libreoffice-help-de libreoffice-help-zh-cn libreoffice-help-ja   # Debian; dpkg -x each into DIR
    python -m benchmarks.search.known_items DIR/usr/share/libreoffice/help/de --language de
    pip install icu4py && python -m benchmarks.search.known_items DIR/usr/share/libreoffice/help/zh-CN --language zh

A page's title is the question and its text without the title the document, so nobody's segmentation decides what is
asked. German is searched with and without compounds, also by the two parts of the compounds in a title, where both are
words of the pages. Chinese and Japanese are searched by pairs of characters, as Docent does, and by the words that ICU
finds.
"""

import argparse
import importlib
import random
import re
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from lxml import html

from rag.store import keyword_search
from rag.store.library import Library
from rag.store.protocols import FileState
from rag.store.writer import LibraryWriter
from rag.text.normal import normalized
from rag.text.words import UNSPACED_RANGES
from rag.types import Chunk, ParsedDocument

CHARS = 1_500  # of a page
QUESTIONS = 600
SHOWN = 10
Page = tuple[str, str]
"""Title and text."""
Search = Callable[[str], list[int]]
_RUN = re.compile(f"[{UNSPACED_RANGES}]+")
_NOUN = re.compile(r"\b[A-ZÄÖÜ][a-zäöüß]{3,}\b")
_LONG = 9  # letters of a noun that may be a compound


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", type=Path)
    parser.add_argument("--language", choices=("de", "zh", "ja"), required=True)
    arguments = parser.parse_args()
    pages = read(arguments.pages)
    print(f"{len(pages):,} pages")
    (german if arguments.language == "de" else unspaced)(pages)


def read(folder: Path) -> list[Page]:
    """Reads the pages of LibreOffice's help, without the heading that repeats the title."""
    found: list[Page] = []
    for path in sorted(folder.rglob("*.html")):
        root = html.parse(str(path)).getroot()
        title = (root.findtext(".//title") or "").split("|")[0].strip()
        body = root.find(".//*[@id='DisplayArea']")
        if body is None or not title:
            continue
        for heading in list(body.iter("h1", "h2"))[:2]:
            if heading.text_content().strip() == title:
                heading.drop_tree()
        text = " ".join(body.text_content().split())[:CHARS]
        if len(text) > 120:
            found.append((title, text))
    return found


def measure(name: str, search: Search, questions: Sequence[tuple[int, str]]) -> None:
    """Prints mean reciprocal rank, and how often the page is first or among SHOWN."""
    began = time.perf_counter()
    ranks = [(found.index(page) + 1 if page in (found := search(text)) else 0) for page, text in questions]
    seconds = time.perf_counter() - began
    count = len(ranks)
    print(
        f"{name:28} MRR {sum(1 / rank for rank in ranks if rank) / count:.3f}  first {ranks.count(1) / count:.3f}  "
        f"in {SHOWN} {sum(map(bool, ranks)) / count:.3f}  {1000 * seconds / count:.1f} ms  ({count} questions)"
    )


def drawn(pages: Sequence[Page]) -> list[tuple[int, str]]:
    places = list(range(len(pages)))
    random.Random(1).shuffle(places)
    return [(place, pages[place][0]) for place in places[:QUESTIONS]]


def german(pages: Sequence[Page]) -> None:
    titles = drawn(pages)
    with tempfile.TemporaryDirectory() as folder, Library.open(Path(folder, "library.db")) as library:
        writer = LibraryWriter(library)
        with writer.transaction():
            source = writer.add_source("folder", "/pages")
            for place, (_, text) in enumerate(pages):
                state = FileState(source.id, f"/pages/{place}", len(text), 0, str(place))
                parsed = ParsedDocument(text, (), "", "text/plain")
                writer.put_document(
                    state, parsed, [Chunk(0, 0, 0, len(text), text)], [""], np.zeros((1, 4), np.float16)
                )

        def search(question: str) -> list[int]:
            return [id_ - 1 for id_, _ in library.full_text_search(question, SHOWN)]

        parts = in_parts(pages, titles)
        for weight in (keyword_search.COMPOUND_WEIGHT, 0.0):
            keyword_search.COMPOUND_WEIGHT = weight
            measure(f"titles, weight {weight}", search, titles)
            measure(f"parts of titles, weight {weight}", search, parts)


def in_parts(pages: Sequence[Page], titles: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """Returns the titles with a compound, cut into two words that stand in the pages."""
    known = {word.lower() for _, text in pages for word in _NOUN.findall(text)}
    found: list[tuple[int, str]] = []
    for place, title in titles:
        made = title
        for word in (word for word in _NOUN.findall(title) if len(word) >= _LONG):
            for at in range(4, len(word) - 3):
                first, last = word[:at].removesuffix("s") if word[:at].lower() not in known else word[:at], word[at:]
                if first.lower() in known and last.lower() in known:
                    made = made.replace(word, f"{first} {last.capitalize()}")
                    break
        if made != title:
            found.append((place, made))
    return found


def unspaced(pages: Sequence[Page]) -> None:
    word_breaker = importlib.import_module("icu4py.breakers").WordBreaker

    def pairs(run: str) -> list[str]:
        return [run[at : at + 2] for at in range(max(1, len(run) - 1))]

    def by_icu(run: str) -> list[str]:
        return [str(word) for word in word_breaker(run, "zh")]

    for name, split in (("pairs of characters", pairs), ("words by ICU", by_icu)):
        database = sqlite3.connect(":memory:")
        database.execute("CREATE VIRTUAL TABLE pages USING fts5 (text)")
        for place, (_, text) in enumerate(pages):
            database.execute("INSERT INTO pages (rowid, text) VALUES (?, ?)", (place, " ".join(terms(text, split))))

        def search(question: str, database: sqlite3.Connection = database, split: Splitter = split) -> list[int]:
            asked = " OR ".join(dict.fromkeys(terms(question, split)))
            sql = "SELECT rowid FROM pages WHERE pages MATCH ? ORDER BY bm25(pages), rowid LIMIT ?"
            return [row[0] for row in database.execute(sql, (asked, SHOWN))] if asked else []

        measure(name, search, drawn(pages))


Splitter = Callable[[str], list[str]]


def terms(text: str, split: Splitter) -> list[str]:
    """Returns the terms of a text, each as letters that no tokenizer parts."""
    compared = normalized(text).text.lower()
    words = [word for run in _RUN.findall(compared) for word in split(run)]
    words += re.findall(r"\w+", _RUN.sub(" ", compared))
    return [f"x{word.encode().hex()}" for word in words if word.strip()]


if __name__ == "__main__":
    main()
