"""Joins timed captions into blocks that read like sentences and keep their times."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rag.parsers.builder import DocumentBuilder, one_line

_AIM_S = 12.0  # from here on a block ends with its sentence
_MAX_S = 30.0  # here it ends anyway
_MAX_CHARS = 600
_PAUSE_S = 4.0
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]]*$")


@dataclass(frozen=True, slots=True)
class Caption:
    """One line on the screen, from ``start_s`` to ``end_s`` in seconds."""

    text: str
    start_s: float
    end_s: float


def add_captions(builder: DocumentBuilder, captions: Iterable[Caption]) -> None:
    """Adds a block for every 10 to 30 seconds of speech."""
    for caption in merged(captions):
        builder.add("caption", caption.text, start_s=caption.start_s, end_s=caption.end_s)


def merged(captions: Iterable[Caption]) -> Iterator[Caption]:
    texts: list[str] = []
    start = end = 0.0
    size = 0
    for caption in captions:
        text = one_line(caption.text)
        if not text:
            continue
        full = caption.end_s - start > _MAX_S or size + len(text) > _MAX_CHARS
        ended = end - start >= _AIM_S and _SENTENCE_END.search(texts[-1]) if texts else None
        if texts and (full or ended or caption.start_s - end > _PAUSE_S):
            yield Caption(" ".join(texts), start, end)
            texts, size = [], 0
        if not texts:
            start, end = caption.start_s, caption.start_s
        texts.append(text)
        size += len(text) + 1
        end = max(end, caption.end_s)
    if texts:
        yield Caption(" ".join(texts), start, end)
