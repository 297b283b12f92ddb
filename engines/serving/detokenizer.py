"""Turns token ids into text as they come, without half a UTF-8 character or a part of a stop string.

Byte-level tokenizers split one character over several tokens, and a stop string may begin in one token and end in the
next, so text is held back until it cannot change any more.
"""

from collections.abc import Callable, Sequence

from engines.messages.held_text import overlap

_REPLACEMENT = "�"
# A tokenizer's context for joining: some strip the space of the first token they decode.
_CONTEXT = 5
_LONGEST_CHARACTER = 4  # bytes, and so tokens, of UTF-8
_LONGEST_WAIT = 8  # tokens that may stay without text


class Detokenizer:
    """Takes tokens one by one and returns the text that is final; a stop string sets ``stopped``."""

    def __init__(self, decode: Callable[[Sequence[int]], str], stop: Sequence[str] = ()) -> None:
        self._decode = decode
        self._stop = tuple(stop)
        self._tokens: list[int] = []
        self._read = 0  # tokens whose text was taken over already
        self._held = ""  # text that may turn out to be the beginning of a stop string
        self.stopped = False

    def push(self, token: int) -> str:
        """Takes the next token, returns the text that it makes final (often empty)."""
        self._tokens.append(token)
        fresh = self._fresh_text()
        complete = len(self._tokens)
        if fresh.endswith(_REPLACEMENT):
            if complete - self._read < _LONGEST_WAIT:
                return ""
            # No character is that long: these are bytes that never make one. The last ones may yet.
            complete -= _LONGEST_CHARACTER - 1
            fresh = self._fresh_text(complete)
        self._read = complete
        return self._release(fresh)

    def finish(self) -> str:
        """The text that was held back, at the end of the answer. An unfinished character stays out."""
        if self.stopped:
            return ""
        rest = self._release(self._fresh_text().rstrip(_REPLACEMENT))
        held, self._held = self._held, ""
        return rest if self.stopped else rest + held

    def _fresh_text(self, stop: int | None = None) -> str:
        start = max(0, self._read - _CONTEXT)
        before = self._decode(self._tokens[start : self._read])
        return self._decode(self._tokens[start:stop])[len(before) :]

    def _release(self, fresh: str) -> str:
        if self.stopped:
            return ""
        text = self._held + fresh
        found = [(text.find(stop), stop) for stop in self._stop if stop in text]
        if found:
            self.stopped = True
            self._held = ""
            return text[: min(found)[0]]
        keep = max((overlap(text, stop) for stop in self._stop), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]
