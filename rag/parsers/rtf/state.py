"""What the reader of RTF keeps while it reads: the state of a group, the open paragraph, and what is done."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from rag.parsers.raised import Align
from rag.parsers.rtf.words import Destination, Place
from rag.parsers.tables.edges import RowShape
from rag.parsers.zip_xml import Element

_NO_RESULT = 25
"""The state of a form's box that says: as by default."""
_CHECK_BOX, _DROP_DOWN = 1, 2


class RtfParagraph(NamedTuple):
    """``ends`` tells what its mark ends. ``author`` is that of a comment. ``row`` is the shape of the row
    that it ends."""

    text: str
    place: Place
    ends: Literal["par", "cell", "row"]
    number: str
    style: str
    outline: int | None
    level: int
    in_table: bool
    in_contents: bool
    author: str
    row: RowShape | None = None


@dataclass(slots=True)
class RtfContent:
    """A document read through. Text boxes and comments stand in the ``body`` behind the paragraph they belong to."""

    body: list[RtfParagraph] = field(default_factory=list)
    notes: list[RtfParagraph] = field(default_factory=list)
    headers: list[RtfParagraph] = field(default_factory=list)
    footers: list[RtfParagraph] = field(default_factory=list)
    title: str = ""
    author: str = ""
    hidden: bool = False


@dataclass(slots=True)
class Field:
    code: str = ""
    said: bool = False
    """Its value is written."""


@dataclass(slots=True)
class Form:
    kind: int = 0
    result: int = _NO_RESULT
    default: int = 0
    entries: list[str] = field(default_factory=list)

    def take(self, word: str, number: int | None) -> None:
        """Takes a control word that describes the form."""
        match word:
            case "fftype":
                self.kind = number or 0
            case "ffres":
                self.result = number or 0
            case "ffdefres":
                self.default = number or 0

    @property
    def value(self) -> str:
        chosen = self.default if self.result == _NO_RESULT else self.result
        if self.kind == _CHECK_BOX:
            return "☒" if chosen else "☐"
        return self.entries[chosen] if self.kind == _DROP_DOWN and 0 <= chosen < len(self.entries) else ""


@dataclass(slots=True)
class Open:
    """The paragraph being read at one place; its properties stay until they are reset."""

    pieces: list[tuple[Align, str]] = field(default_factory=list)
    number: str = ""
    style: int = 0
    outline: int | None = None
    level: int = 0
    in_table: bool = False
    in_contents: bool = False
    note: str = ""
    author: str = ""


@dataclass(slots=True)
class State:
    """What a group inherits from the one around it."""

    destination: Destination = "text"
    outer: Destination = "text"
    place: Place = "body"
    font: int | None = None
    hidden: bool | None = None
    deleted: bool = False
    color: int = 0
    grounded: bool = False
    align: Align = ""
    character_style: int = 0
    after_unicode: int = 1
    field: Field = field(default_factory=Field)
    math: Element | None = None
    in_contents: bool = False
