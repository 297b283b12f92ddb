"""Recognises what stands in a text and is none (files written as base64, minified code) and takes it out."""

import re
from typing import NamedTuple

_DATA_ADDRESS = re.compile(
    r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.+-]+)*,[A-Za-z0-9+/_%-]{60,}(?:\\?\r?\n[ \t]*[A-Za-z0-9+/_%-]{60,})*"
    r"(?:\\?\r?\n[ \t]*[A-Za-z0-9+/_%-]{1,100}(?==))?={0,2}"
)
_LEAST_RUN = 160
_RUN = re.compile(rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{{_LEAST_RUN},}}={{0,2}}")
# Lines of one length, as mail programs and certificates break them.
_LINES = re.compile(
    r"(?:^[ \t]*[A-Za-z0-9+/]{60,100}[ \t]*\r?\n){3,}[ \t]*[A-Za-z0-9+/]{0,100}={0,2}[ \t]*$", re.MULTILINE
)
_ADDRESS_CHARS = 300
_MINIFIED_CHARS = 1_000  # of one line
_MINIFIED_SPACES = 0.1  # prose has one space to five letters
_IN_ADDRESS = re.compile(r"://\S*\Z")
_KINDS = (re.compile(r"[a-z]"), re.compile(r"[A-Z]"), re.compile(r"[0-9]"))


class WithoutPayload(NamedTuple):
    """``text`` with the payload taken out: ``files`` stretches of ``chars`` characters in all."""

    text: str
    files: int = 0
    chars: int = 0

    @property
    def warning(self) -> str | None:
        """Says what was left out, None where nothing was."""
        return warning_of(self.files, self.chars) if self.files else None


def without_payload(text: str) -> WithoutPayload:
    """Takes out embedded files and other long runs of base64."""
    if len(text) < _LEAST_RUN:
        return WithoutPayload(text)
    taken: list[int] = []

    def take(match: re.Match[str]) -> str:
        before = match.string[max(0, match.start() - _ADDRESS_CHARS) : match.start()]
        if not all(kind.search(match[0]) for kind in _KINDS) or _IN_ADDRESS.search(before):
            return match[0]
        taken.append(len(match[0]))
        return ""

    for pattern in (_DATA_ADDRESS, _LINES, _RUN):
        text = pattern.sub(take, text)
    return WithoutPayload(text, len(taken), sum(taken))


def warning_of(files: int, chars: int) -> str:
    """Says how many embedded files were left out."""
    count = "One embedded file or picture" if files == 1 else f"{files:,} embedded files or pictures"
    verb = "was" if files == 1 else "were"
    return f"{count} ({chars / 1000:,.0f} KB written as text) {verb} left out."


def without_minified(code: str) -> tuple[str, bool]:
    """Takes out the lines of code that were made small for machines, and tells whether there were any."""
    lines = code.splitlines(keepends=True)
    kept = [line for line in lines if len(line) < _MINIFIED_CHARS or line.count(" ") > _MINIFIED_SPACES * len(line)]
    return "".join(kept), len(kept) < len(lines)
