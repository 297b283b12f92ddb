"""Reads the lines of subtitle formats with their times: WebVTT, SubRip, SBV, SubStation Alpha, LRC, MicroDVD, TTML.

``cues`` tells the format from the text itself. A cue is its lines with their markup, start and end in seconds.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from rag.parsers.zip_xml import Element, parse_part


class Cue(NamedTuple):
    lines: list[str]
    start_s: float
    end_s: float


_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
_ARROW = re.compile(rf"^[ \t]*{_TIME}[ \t]*-->[ \t]*{_TIME}[^\n]*$", re.MULTILINE)
_COMMA = re.compile(rf"^[ \t]*{_TIME},{_TIME}[ \t]*$", re.MULTILINE)
# The line before a timing is the next cue's number or name; notes and styles are no speech.
_BLOCK_END = re.compile(r"\n[ \t]*\n")
_EVENTS = re.compile(r"^\[Events\]", re.MULTILINE | re.IGNORECASE)
_FORMAT = re.compile(r"^Format:(.*)$", re.MULTILINE | re.IGNORECASE)
_DIALOGUE = re.compile(r"^Dialogue:[ \t]*(.*)$", re.MULTILINE | re.IGNORECASE)
_FIELDS = ("layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text")
_DRAWING = re.compile(r"\{(?=[^{}\n]*\})[^{}\n]*\\p[1-9][^{}\n]*\}")
_STAMP = re.compile(r"\[(\d{1,3}):(\d{2})(?:[.:](\d{1,3}))?\]")
_WORD_STAMP = re.compile(r"<\d{1,3}:\d{2}(?:[.:]\d{1,3})?>")
_FRAMES = re.compile(r"^\{(\d+)\}\{(\d*)\}(.*)$", re.MULTILINE)
_FRAME_RATE = 23.976  # where the first line does not say another one
_LAST_LINE_S = 4.0  # how long a line without an end is taken to stand
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2})(?:[.:](\d{1,3}))?")
_OFFSET = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|t|f)?")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "t": 1e-7, "f": 1 / 25}


def cues(text: str) -> Iterator[Cue] | None:
    """Returns the cues of a text with line feeds as line ends; None where it holds no times."""
    if text.lstrip("\ufeff \t\n").startswith("<"):
        return _of_ttml(text)
    if _EVENTS.search(text) and _DIALOGUE.search(text):
        return _of_substation(text)
    for timing in (_ARROW, _COMMA):
        if timing.search(text):
            return _between(text, timing)
    if _FRAMES.search(text):
        return _of_frames(text)
    return _of_stamps(text) if _STAMP.search(text) else None


def _between(text: str, pattern: re.Pattern[str]) -> Iterator[Cue]:
    """Yields what stands between one line of times and the next."""
    timings = [*pattern.finditer(text), None]
    for timing, following in pairwise(timings):
        assert timing is not None
        body = text[timing.end() : following.start() if following else len(text)].strip("\n")
        # A blank line ends the cue, whatever stands between it and the next timing.
        lines = _BLOCK_END.split(body, maxsplit=1)[0].split("\n")
        yield Cue(lines, _seconds(*timing.groups()[:4]), _seconds(*timing.groups()[4:]))


def _of_substation(text: str) -> Iterator[Cue]:
    """Yields the dialogue of SubStation Alpha in the order of its times; drawings are no words."""
    events = text[_EVENTS.search(text).end() :]  # type: ignore[union-attr]
    form = _FORMAT.search(events)
    names = [name.strip().lower() for name in form[1].split(",")] if form else []
    if not {"start", "end", "text"} <= set(names):
        names = list(_FIELDS)
    found: list[Cue] = []
    for match in _DIALOGUE.finditer(events):
        fields = dict(zip(names, match[1].split(",", len(names) - 1), strict=False))
        if _DRAWING.search(fields.get("text", "")):
            continue
        said = fields.get("text", "").replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
        speaker = (fields.get("name") or fields.get("actor") or "").strip()
        lines = f"{speaker}: {said}".split("\n") if speaker else said.split("\n")
        found.append(Cue(lines, _clock(fields.get("start", "")), _clock(fields.get("end", ""))))
    yield from sorted(found, key=lambda cue: cue.start_s)


def _of_stamps(text: str) -> Iterator[Cue]:
    """Yields the lines of song texts (LRC), each of which may have several times; it stands until the next one."""
    lines: list[tuple[float, str]] = []
    for line in text.split("\n"):
        stamps = list(_STAMP.finditer(line))
        said = _WORD_STAMP.sub("", line[stamps[-1].end() :]).strip() if stamps else ""
        lines += ((_seconds("0", one[1], one[2], one[3] or "0"), said) for one in stamps if said)
    lines.sort()
    ends = [start for start, _ in lines[1:]] + [lines[-1][0] + _LAST_LINE_S] if lines else []
    for (start, said), end in zip(lines, ends, strict=True):
        yield Cue([said], start, end)


def _of_frames(text: str) -> Iterator[Cue]:
    """Yields the lines of MicroDVD, whose times are frames; the first line may say how many there are a second."""
    rate = _FRAME_RATE
    for match in _FRAMES.finditer(text):
        first, last, said = match[1], match[2], match[3]
        if first in "01" and re.fullmatch(r"\d{2}(?:\.\d+)?", said.strip()):
            rate = float(said)
            continue
        start = int(first) / rate
        yield Cue(said.split("|"), start, int(last) / rate if last else start + _LAST_LINE_S)


def _of_ttml(text: str) -> Iterator[Cue] | None:
    """Returns the paragraphs of Timed Text in order, None for other XML. Raises ReadError for broken XML."""
    root = parse_part(text.lstrip("\ufeff \t\n").encode("utf-8", "replace"))
    if not str(root.tag).endswith("}tt") and root.tag != "tt":
        return None
    names = {
        str(agent.get("{http://www.w3.org/XML/1998/namespace}id", "")): "".join(agent.itertext()).strip()
        for agent in root.iter("{*}agent")
    }
    return _ttml_cues(root, names)


def _ttml_cues(root: Element, names: dict[str, str]) -> Iterator[Cue]:
    for paragraph in root.iter("{*}p"):
        start = _offset(str(paragraph.get("begin", "")))
        end = _offset(str(paragraph.get("end", ""))) or start + (_offset(str(paragraph.get("dur", ""))) or _LAST_LINE_S)
        for line_break in paragraph.iter("{*}br"):
            line_break.tail = "\n" + (line_break.tail or "")
        said = "".join(map(str, paragraph.itertext()))
        agent = next((str(value) for name, value in paragraph.attrib.items() if str(name).endswith("}agent")), "")
        speaker = f"{names[agent]}: " if names.get(agent) else ""
        yield Cue((speaker + said.strip()).split("\n"), start, end)


def _offset(written: str) -> float:
    """Reads a time of TTML: "00:01:02.500", "62.5s", "2500ms"."""
    if ":" in written:
        return _clock(written)
    found = _OFFSET.fullmatch(written.strip())
    return float(found[1]) * _UNITS[found[2] or "s"] if found else 0.0


def _clock(written: str) -> float:
    found = _CLOCK.fullmatch(written.strip())
    return _seconds(found[1], found[2], found[3], found[4] or "0") if found else 0.0


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000
