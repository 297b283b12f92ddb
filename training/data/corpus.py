"""Reads the data folder: corpus files (``corpus/*.jsonl.xz``) and SQuAD articles (``qa/squad-train-v1.1.json.xz``).

SQuAD is split by article. Articles held out for validation and test are dropped from the encyclopaedia by title.
"""

import json
import lzma
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

HELD_OUT = 44  # articles in the validation split, and as many in the test split


@dataclass(frozen=True, slots=True)
class Question:
    """``answers`` are (character start, text) in the paragraph; empty means unanswerable."""

    text: str
    answers: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Article:
    title: str
    paragraphs: tuple[Paragraph, ...]


def _open(path: Path) -> Any:
    return lzma.open(path, "rt", encoding="utf-8") if path.suffix == ".xz" else path.open(encoding="utf-8")


def read_squad(path: Path) -> list[Article]:
    """Reads a file in SQuAD's format, plain or .xz."""
    with _open(path) as file:
        data = json.load(file)["data"]
    return [
        Article(
            unquote(article["title"]).replace("_", " "),
            tuple(
                Paragraph(
                    p["context"],
                    tuple(
                        Question(
                            qa["question"].strip(),
                            ()
                            if qa.get("is_impossible")
                            else tuple(dict.fromkeys((a["answer_start"], a["text"]) for a in qa["answers"])),
                        )
                        for qa in p["qas"]
                    ),
                )
                for p in article["paragraphs"]
            ),
        )
        for article in data
    ]


def split_articles(articles: list[Article]) -> dict[str, list[Article]]:
    """Splits by order: the last 44 articles are ``val``, the 44 before them ``test``, the rest ``train``."""
    return {
        "train": articles[: -2 * HELD_OUT],
        "test": articles[-2 * HELD_OUT : -HELD_OUT],
        "val": articles[-HELD_OUT:],
    }


def read_jsonl(path: Path) -> Iterator[tuple[str, str]]:
    """Yields (title, text) of each line."""
    with _open(path) as file:
        for line in file:
            row = json.loads(line)
            yield row["title"], row["text"]


_HEADING_END = re.compile(r"[.!?]$")


@dataclass(frozen=True, slots=True)
class Section:
    """A paragraph of an encyclopaedia article with the heading above it ('' before the first heading)."""

    heading: str
    text: str


def wiki_sections(title: str, text: str, max_words: int = 170, min_words: int = 35) -> list[Section]:
    """Returns paragraphs about as long as a chunk: short neighbours under one heading are joined, long ones cut at
    sentences."""
    out: list[Section] = []
    heading, buffer = "", ""

    def flush() -> None:
        nonlocal buffer
        if len(buffer.split()) >= min_words:
            out.append(Section(heading, buffer))
        buffer = ""

    for line in text.split("\n"):
        line = line.strip()
        if not line or line == title:
            continue
        words = len(line.split())
        if words <= 9 and len(line) < 70 and _HEADING_END.search(line) and line.count(". ") == 0:
            flush()
            heading = line.rstrip(".")
            continue
        if buffer and len(buffer.split()) + words > max_words:
            flush()
        if words <= max_words:
            buffer = f"{buffer} {line}".strip()
            continue
        for sentence in sentences(line):
            if buffer and len(buffer.split()) + len(sentence.split()) > max_words:
                flush()
            buffer = f"{buffer} {sentence}".strip()
    flush()
    return out


_SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|Jr|Sr|vs|etc|No|Gen|Col|Lt|Prof|Inc|Ltd|Co|Corp|Mt|Ft|c|ca|e\.g|i\.e|U\.S))\.$"
)


def sentences(text: str) -> list[str]:
    """Splits into sentences, roughly; abbreviations and initials do not end a sentence."""
    out: list[str] = []
    start = 0
    for match in _SENTENCE.finditer(text):
        piece = text[start : match.start()]
        if _ABBREVIATION.search(piece):
            continue
        out.append(text[start : match.end()].strip())
        start = match.end()
    if text[start:].strip():
        out.append(text[start:].strip())
    return out
