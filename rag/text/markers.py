"""The grammar of the marks in an answer: ``[n]`` behind what a citation bears out, ``[?]`` behind what none does.

``[1, 3]`` is read as two markers. The only module that reads or writes marks; everywhere else an answer is made of
``AnswerPart``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

_MARKER = re.compile(r"\[(\d{1,3}(?: ?[,;] ?\d{1,3})*)\]")
_SPACED_MARKER = re.compile(rf"\s*{_MARKER.pattern}")
_MARKERS = re.compile(rf"(?:{_SPACED_MARKER.pattern})+")
_LAST_MARKERS = re.compile(rf"(?:{_SPACED_MARKER.pattern})+$")
_MARKER_BEGUN = re.compile(r"\[(?:\d{1,3}(?: ?[,;] ?\d{1,3})*(?: ?[,;] ?)?)?$")
_WORD = re.compile(r"\s*\S+\s*")
_LONGEST_MARKER = 40  # characters; an opened bracket longer than this is ordinary text
_UNSUPPORTED = " [?]"
_MARK = re.compile(rf" ?(?:{_MARKER.pattern}|\[\?\])")


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """A stretch of an answer with the marks behind it.

    ``numbers`` are the numbers of the citations that stand behind ``text``. ``supported`` is false where a sentence
    ends that no passage bears out.
    """

    text: str
    numbers: tuple[int, ...] = ()
    supported: bool = True

    @property
    def written(self) -> str:
        """The part as plain text, marks included."""
        return f"{self.text}{''.join(map(marker, self.numbers))}{'' if self.supported else _UNSUPPORTED}"


def marker(number: int) -> str:
    return f"[{number}]"


def written(parts: Iterable[AnswerPart]) -> str:
    """An answer as plain text."""
    return "".join(part.written for part in parts)


def joined(parts: Iterable[AnswerPart]) -> tuple[AnswerPart, ...]:
    """The same answer in as few parts as possible."""
    found: list[AnswerPart] = []
    for part in parts:
        last = found[-1] if found else None
        if last is not None and not last.numbers and last.supported:
            found[-1] = replace(part, text=last.text + part.text)
        elif last is not None and not part.text and last.supported:
            found[-1] = replace(last, numbers=last.numbers + part.numbers, supported=part.supported)
        else:
            found.append(part)
    return tuple(part for part in found if part != AnswerPart(""))


def word_by_word(parts: Iterable[AnswerPart]) -> Iterator[AnswerPart]:
    """The same answer in parts of one word each, with the white space around it, as it is streamed."""
    for part in parts:
        *words, last = _WORD.findall(part.text) or [part.text]
        yield from map(AnswerPart, words)
        yield replace(part, text=last)


def parts_of(text: str) -> tuple[AnswerPart, ...]:
    """The parts of an answer that is known as plain text; ``written`` gives the text back, ``[1, 3]`` as ``[1][3]``."""
    found: list[AnswerPart] = []
    for index, stretch in enumerate(text.split(_UNSUPPORTED)):
        if index:
            found.append(AnswerPart("", supported=False))
        parser = MarkerParser()
        for piece in (*parser.feed(stretch), *parser.close()):
            found.append(AnswerPart(piece) if isinstance(piece, str) else AnswerPart("", (piece.number,)))
    return joined(found)


@dataclass(frozen=True, slots=True)
class Marker:
    """A reference ``[n]`` in an answer. ``[1, 3]`` counts as two."""

    number: int


class MarkerParser:
    """Splits a streamed answer into text and markers, however the stream was cut; never lets half a marker through.

    The pieces joined, markers written as ``[n]``, are the text that was fed (``[1, 3]`` becomes ``[1][3]``).
    """

    def __init__(self) -> None:
        self._held = ""

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
            pieces.extend(map(Marker, _numbers(found)))
        if position < len(text):
            pieces.append(text[position:])
        return pieces


def _numbers(found: re.Match[str]) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", found[1])]


def tell_markers(pieces: Iterable[str], numbers: Mapping[int, int]) -> Iterator[str]:
    """A streamed text with its markers renumbered by ``numbers``; those that are not in it are left out."""
    parser = MarkerParser()
    for piece in pieces:
        yield _renumbered(parser.feed(piece), numbers)
    yield _renumbered(parser.close(), numbers)


def _renumbered(pieces: Iterable[str | Marker], numbers: Mapping[int, int]) -> str:
    known = (p if isinstance(p, str) else marker(numbers[p.number]) if p.number in numbers else "" for p in pieces)
    return "".join(known)


def renumbered(parts: Iterable[AnswerPart], numbers: Mapping[int, int]) -> Iterator[AnswerPart]:
    """Parts with other numbers; those that are not in ``numbers`` are left out."""
    for part in parts:
        yield replace(part, numbers=tuple(numbers[number] for number in part.numbers if number in numbers))


def marker_numbers(text: str) -> list[int]:
    """The numbers of all markers of a text, in order."""
    return [number for found in _MARKER.finditer(text) for number in _numbers(found)]


def skip_markers(text: str, start: int) -> int:
    """The position behind the markers that follow ``start``, white space between them included."""
    found = _MARKERS.match(text, start)
    return found.end() if found else start


def strip_markers(text: str) -> str:
    """A sentence without its ``[n]``."""
    return _SPACED_MARKER.sub("", text).strip()


def strip_last_markers(text: str) -> str:
    """A sentence without the ``[n]`` behind it."""
    return _LAST_MARKERS.sub("", text)


def strip_marks(text: str) -> str:
    """An answer without its ``[n]`` and ``[?]``."""
    return _MARK.sub("", text).strip()


def as_parentheses(text: str) -> str:
    """A text of a document whose numbers in brackets cannot be taken for markers: ``[1]`` becomes ``(1)``."""
    return _MARKER.sub(r"(\1)", text)
