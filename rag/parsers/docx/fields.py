"""Follows the fields of a Word document: the code of a field is not shown, its result is, and forms show their value.

A field begins in one run, its result follows in others, and it may end many paragraphs later (a table of contents).
ECMA-376 part 1, section 17.16.
"""

import re
from dataclasses import dataclass
from typing import Any

from rag.parsers.office.field_codes import shown_by_code

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
CHECKED, UNCHECKED = "☒", "☐"
_CONTENTS = re.compile(r"\s*TOC\b")


@dataclass(slots=True)
class _Field:
    code: str = ""
    in_result: bool = False
    said: bool = False
    """Its value is already written, and a result that follows is the same once more."""

    @property
    def is_without_text(self) -> bool:
        return not self.in_result or self.said

    @property
    def is_contents(self) -> bool:
        return self.in_result and _CONTENTS.match(self.code) is not None


class Fields:
    """The fields that are open at one place of a document."""

    def __init__(self) -> None:
        self._open: list[_Field] = []
        self._without_text = self._of_contents = 0  # of the open ones

    @property
    def in_code(self) -> bool:
        """Whether text here is the code of a field, or a result that was written already."""
        return self._without_text > 0

    @property
    def in_contents(self) -> bool:
        """Whether this place lies in a table of contents."""
        return self._of_contents > 0

    def code(self, text: str) -> None:
        if self._open and not self._open[-1].in_result:
            self._open[-1].code += text

    def mark(self, node: Any) -> str:
        """Takes a ``w:fldChar``; returns what the field shows by itself, "" where its result follows."""
        kind = node.get(f"{W}fldCharType", "")
        if kind == "begin":
            shown = "" if self.in_code else form_value(node.find(f"{W}ffData"))
            self._open.append(_Field(said=bool(shown)))
            self._without_text += 1
            return shown
        if kind == "separate" and self._open and not self._open[-1].in_result:
            self._count(self._open[-1], -1)
            self._open[-1].in_result = True
            self._count(self._open[-1], 1)
        elif kind == "end" and self._open:
            closed = self._open.pop()
            self._count(closed, -1)
            if not closed.in_result and not closed.said and not self.in_code:
                return shown_by_code(closed.code)
        return ""

    def _count(self, one: _Field, by: int) -> None:
        self._without_text += by * one.is_without_text
        self._of_contents += by * one.is_contents


def form_value(data: Any | None) -> str:
    """Returns what a legacy form field shows: a box, or the chosen entry of a list; "" for a text field."""
    if data is None:
        return ""
    box, choice = data.find(f"{W}checkBox"), data.find(f"{W}ddList")
    if box is not None:
        checked = box.find(f"{W}checked")
        checked = checked if checked is not None else box.find(f"{W}default")
        off = checked is None or checked.get(f"{W}val", "1") in ("0", "false", "off")
        return UNCHECKED if off else CHECKED
    if choice is not None:
        entries = [str(entry.get(f"{W}val", "")) for entry in choice.findall(f"{W}listEntry")]
        chosen = choice.find(f"{W}result")
        chosen = chosen if chosen is not None else choice.find(f"{W}default")
        index = chosen.get(f"{W}val", "0") if chosen is not None else "0"
        return entries[int(index)] if index.isdecimal() and int(index) < len(entries) else ""
    return ""
