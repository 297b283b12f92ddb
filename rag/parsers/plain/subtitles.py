"""Parses subtitle files (WebVTT, SubRip, SBV, SubStation Alpha, LRC, MicroDVD, TTML): what is said, in blocks of 10 to
30 seconds with their times.

Markup is dropped; a speaker's tag becomes "Name: ". Rolling captions, which repeat the line before, are shown once.
"""

import html
import re
from collections.abc import Iterator
from pathlib import Path

from rag.errors import ReadError, SkippedError
from rag.parsers.builder import NO_TEXT, DocumentBuilder, one_line
from rag.parsers.captions import Caption, add_captions
from rag.parsers.encodings.decode import decode
from rag.parsers.plain.timed_text import Cue, cues
from rag.types import ParsedDocument

_SPEAKER = re.compile(r"<v(?:\.[^\s<>]*+)?[ \t]++([^<>\n]+)>")
_TAG = re.compile(r"</?[a-zA-Z0-9:._ \t=\"'#-]*>|\{(?:\\|[a-zA-Z]:)[^{}\n]*\}")
_WEBVTT_TITLE = re.compile(r"\AWEBVTT[ \t]*-?[ \t]*([^\n]*)")
_SUBRIP = "application/x-subrip"
_MEDIA_TYPES = {".vtt": "text/vtt", ".ttml": "application/ttml+xml", ".dfxp": "application/ttml+xml"}
_MEDIA_TYPES |= {".ass": "text/x-ssa", ".ssa": "text/x-ssa", ".lrc": "text/x-lrc"}


def parse(path: Path) -> ParsedDocument:
    decoded = decode(path.read_bytes())
    text = decoded.text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise SkippedError(NO_TEXT)
    title = _WEBVTT_TITLE.match(text)
    builder = DocumentBuilder(
        title=(one_line(title[1]) if title else "") or path.stem,
        media_type="text/vtt" if title else _MEDIA_TYPES.get(path.suffix.lower(), _SUBRIP),
    )
    if decoded.warning:
        builder.warn(decoded.warning)
    found = cues(text)
    if found is None:
        raise ReadError("The subtitle file holds no times that Docent knows.", "Save it as .txt to read it.")
    add_captions(builder, _without_repeats(found))
    return builder.build()


def _plain(line: str) -> str:
    line = _SPEAKER.sub(lambda match: f"{match[1].strip()}: ", line)
    return one_line(html.unescape(_TAG.sub("", line)))


def _without_repeats(found: Iterator[Cue]) -> Iterator[Caption]:
    shown: list[str] = []
    for written, start, end in found:
        lines = list(filter(None, map(_plain, written)))
        # The repeated line may stand without the speaker's name.
        fresh = [line for line in lines if not any(line == old or old.endswith(f": {line}") for old in shown)]
        shown = lines or shown
        if fresh:
            yield Caption(" ".join(fresh), start, max(start, end))
