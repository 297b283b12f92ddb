"""Parses subtitle files (WebVTT, SubRip): what is said, in blocks of 10 to 30 seconds with their times.

Markup is dropped; a speaker's tag becomes "Name: ". Rolling captions, which repeat the line before, are shown once.
"""

import html
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from rag.errors import ReadError, SkippedError
from rag.parsers.builder import NO_TEXT, DocumentBuilder, one_line
from rag.parsers.captions import Caption, add_captions
from rag.parsers.encoding import decode
from rag.types import ParsedDocument

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
_TIMING = re.compile(rf"^[ \t]*{_TIME}[ \t]*-->[ \t]*{_TIME}[^\n]*$", re.MULTILINE)
_SPEAKER = re.compile(r"<v(?:\.[^\s>]*)?[ \t]+([^>\n]+)>")
_TAG = re.compile(r"</?[a-zA-Z0-9:._ \t=\"'#-]*>|\{\\[^}\n]*\}")
_WEBVTT_TITLE = re.compile(r"\AWEBVTT[ \t]*-?[ \t]*([^\n]*)")
# The line before a timing is the next cue's number or name; notes and styles are no speech.
_BLOCK_END = re.compile(r"\n[ \t]*\n")


def parse(path: Path) -> ParsedDocument:
    decoded = decode(path.read_bytes())
    text = decoded.text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise SkippedError(NO_TEXT)
    title = _WEBVTT_TITLE.match(text)
    is_vtt = title is not None or path.suffix.lower() == ".vtt"
    builder = DocumentBuilder(
        title=(one_line(title[1]) if title else "") or path.stem,
        media_type="text/vtt" if is_vtt else "application/x-subrip",
    )
    if decoded.warning:
        builder.warn(decoded.warning)
    if not _TIMING.search(text):
        raise ReadError(
            "The subtitle file holds no times, so it is not WebVTT or SubRip.", "Save it as .txt to read it."
        )
    add_captions(builder, _without_repeats(_cues(text)))
    return builder.build()


def _cues(text: str) -> Iterator[tuple[list[str], float, float]]:
    """Yields the lines of each cue with its times."""
    timings = [*_TIMING.finditer(text), None]
    for timing, following in pairwise(timings):
        assert timing is not None
        body = text[timing.end() : following.start() if following else len(text)].strip("\n")
        # A blank line ends the cue, whatever stands between it and the next timing.
        lines = [_plain(line) for line in _BLOCK_END.split(body, maxsplit=1)[0].split("\n")]
        yield [line for line in lines if line], _seconds(*timing.groups()[:4]), _seconds(*timing.groups()[4:])


def _plain(line: str) -> str:
    line = _SPEAKER.sub(lambda match: f"{match[1].strip()}: ", line)
    return one_line(html.unescape(_TAG.sub("", line)))


def _without_repeats(cues: Iterator[tuple[list[str], float, float]]) -> Iterator[Caption]:
    shown: list[str] = []
    for lines, start, end in cues:
        # The repeated line may stand without the speaker's name.
        fresh = [line for line in lines if not any(line == old or old.endswith(f": {line}") for old in shown)]
        shown = lines or shown
        if fresh:
            yield Caption(" ".join(fresh), start, max(start, end))


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000
