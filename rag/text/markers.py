"""The grammar of ``[n]``, the marks by which an answer names its passages: ``[1]``, and ``[1, 3]`` for two.

The only module that reads or writes them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_MARKER = re.compile(r"\[(\d{1,3}(?: ?[,;] ?\d{1,3})*)\]")
_SPACED_MARKER = re.compile(rf"\s*{_MARKER.pattern}")
_MARKER_BEGUN = re.compile(r"\[(?:\d{1,3}(?: ?[,;] ?\d{1,3})*(?: ?[,;] ?)?)?$")
_LONGEST_MARKER = 40  # characters; an opened bracket longer than this is ordinary text


@dataclass(frozen=True, slots=True)
class Marker:
    """A reference ``[n]`` in an answer. ``[1, 3]`` counts as two."""

    number: int


class MarkerParser:
    """Splits a streamed answer into text and markers, however the stream was cut; never lets half a marker through.

    The pieces joined, markers written as ``[n]``, are the text that was fed (``[1, 3]`` becomes ``[1][3]``).
    ``numbers`` holds the markers seen so far, each once, in order of first use.
    """

    def __init__(self) -> None:
        self._held = ""
        self.numbers: list[int] = []

    def feed(self, text: str) -> list[str | Marker]:
        """What is now certain: stretches of plain text and markers."""
        pending = self._held + text
        begun = _MARKER_BEGUN.search(pending, max(0, len(pending) - _LONGEST_MARKER))
        cut = begun.start() if begun else len(pending)
        self._held = pending[cut:]
        return self._split(pending[:cut])

    def close(self) -> list[str | Marker]:
        """What was held back at the end of the stream: an opened bracket that never became a marker."""
        held, self._held = self._held, ""
        return [held] if held else []

    def _split(self, text: str) -> list[str | Marker]:
        pieces: list[str | Marker] = []
        position = 0
        for found in _MARKER.finditer(text):
            if found.start() > position:
                pieces.append(text[position : found.start()])
            position = found.end()
            for number in re.findall(r"\d+", found[1]):
                pieces.append(Marker(int(number)))
                if int(number) not in self.numbers:
                    self.numbers.append(int(number))
        if position < len(text):
            pieces.append(text[position:])
        return pieces


def tell_markers(pieces: Iterable[str], numbers: Mapping[int, int]) -> Iterator[str]:
    """A streamed text with its markers renumbered by ``numbers``; those that are not in it are left out."""
    parser = MarkerParser()
    for piece in pieces:
        yield _renumbered(parser.feed(piece), numbers)
    yield _renumbered(parser.close(), numbers)


def _renumbered(parts: Iterable[str | Marker], numbers: Mapping[int, int]) -> str:
    known = (p if isinstance(p, str) else f"[{numbers[p.number]}]" if p.number in numbers else "" for p in parts)
    return "".join(known)


def strip_markers(text: str) -> str:
    """A sentence without its ``[n]``."""
    return _SPACED_MARKER.sub("", text).strip()
