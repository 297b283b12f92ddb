"""Takes a model's text apart while it is written: its thought, its text and its calls of tools.

The text comes in pieces of any length. What may turn out to be a mark is held back. Calls are written as
``engines.messages.tool_grammar`` makes a model write them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engines.messages.held_text import overlap
from engines.messages.marks import THOUGHT_ENDS
from engines.messages.tools import LLAMA, ToolFormat


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of what the model thinks before it answers."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """The beginning of a call; its arguments follow."""

    number: int
    name: str


@dataclass(frozen=True, slots=True)
class Arguments:
    """A piece of the arguments (JSON) of a call."""

    number: int
    text: str


Part = Thought | Text | Call | Arguments


class ReplyParser:
    """``thinking``: the text begins inside a thought. Without ``form`` there are no calls."""

    def __init__(self, form: ToolFormat | None = None, *, thinking: bool = False) -> None:
        self._form = form
        self._held = ""
        self._state = self._thought if thinking else self._text
        self._is_begun = False  # whether the message is text
        self._calls = 0
        self._object = _ObjectEnd()
        self._marks = () if form is None else (form.mark,)
        self._head = None if form is None else _head(form)

    @property
    def calls(self) -> int:
        """Calls so far."""
        return self._calls

    def push(self, text: str) -> list[Part]:
        self._held += text
        found: list[Part] = []
        while self._state(found):
            pass
        return found

    def finish(self) -> list[Part]:
        """What was held back. The beginning of a call that never came to its arguments is dropped."""
        rest, self._held = self._held, ""
        if not rest or self._state not in (self._thought, self._text):
            return []
        return [Thought(rest) if self._state == self._thought else Text(rest)]

    def _thought(self, found: list[Part]) -> bool:
        before, is_there = self._until((THOUGHT_ENDS,))
        if before:
            found.append(Thought(before))
        if is_there:
            self._held = self._held.removeprefix(THOUGHT_ENDS)
            self._state = self._gap
        return is_there

    def _gap(self, found: list[Part]) -> bool:
        """The white space between thought and answer."""
        self._held = self._held.lstrip()
        if not self._held:
            return False
        self._state = self._text
        return True

    def _text(self, found: list[Part]) -> bool:
        if self._form is LLAMA:
            return self._text_or_call(found)
        before, is_there = self._until(self._marks)
        if before.strip() or (before and not is_there):  # white space in front of a call is not text
            found.append(Text(before))
        if is_there:
            self._state = self._between
        return is_there

    def _text_or_call(self, found: list[Part]) -> bool:
        """By the first character, where calls have no mark."""
        if self._held and not self._is_begun and self._held[0] == LLAMA.mark[0]:
            self._state = self._between
            return True
        if self._held:
            self._is_begun = True
            found.append(Text(self._held))
            self._held = ""
        return False

    def _between(self, found: list[Part]) -> bool:
        """In front of a call, behind one, or behind the last."""
        assert self._head is not None, "calls are written in some form"
        head = self._head.search(self._held)
        if head is None:
            return False
        self._held = self._held[head.end() :]
        found.append(Call(self._calls, head[1]))
        self._calls += 1
        self._object = _ObjectEnd()
        self._state = self._arguments
        return True

    def _arguments(self, found: list[Part]) -> bool:
        end = self._object.find(self._held)
        piece, self._held = self._held[:end], self._held[end:]
        if piece:
            found.append(Arguments(self._calls - 1, piece))
        if self._object.ended:
            self._state = self._between
        return self._object.ended

    def _until(self, marks: Sequence[str]) -> tuple[str, bool]:
        """Takes the text up to the first mark; the mark, or what may become one, stays held."""
        places = [place for mark in marks if (place := self._held.find(mark)) >= 0]
        keep = max((overlap(self._held, mark) for mark in marks), default=0)
        end = min(places) if places else len(self._held) - keep
        before, self._held = self._held[:end], self._held[end:]
        return before, bool(places)


class _ObjectEnd:
    """Finds where a JSON object ends that comes in pieces."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = self._escaped = False
        self.ended = False

    def find(self, text: str) -> int:
        """Characters of this piece that belong to the object."""
        for place, character in enumerate(text):
            if self._in_string:
                if self._escaped:
                    self._escaped = False
                elif character == "\\":
                    self._escaped = True
                elif character == '"':
                    self._in_string = False
            elif character == '"':
                self._in_string = True
            elif character in "{[":
                self._depth += 1
            elif character in "}]":
                self._depth -= 1
                if self._depth == 0:
                    self.ended = True
                    return place + 1
        return len(text)


def _head(form: ToolFormat) -> re.Pattern[str]:
    """What a call begins with, up to its arguments."""
    return re.compile(re.escape(form.head or form.before) + r'([^"\\\[\]]+)' + re.escape(form.middle))
