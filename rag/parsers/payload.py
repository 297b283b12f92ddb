"""Recognises what stands in a text and is none: pictures and files written as base64, and takes it out."""

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
_IN_ADDRESS = re.compile(r"://\S*\Z")
_KINDS = (re.compile(r"[a-z]"), re.compile(r"[A-Z]"), re.compile(r"[0-9]"))


class WithoutPayload(NamedTuple):
    """``text`` with the payload taken out; ``warning`` says so, None where there was none."""

    text: str
    warning: str | None


def without_payload(text: str) -> WithoutPayload:
    """Takes out embedded files and other long runs of base64."""
    if len(text) < _LEAST_RUN:
        return WithoutPayload(text, None)
    taken: list[int] = []

    def take(match: re.Match[str]) -> str:
        before = match.string[max(0, match.start() - _ADDRESS_CHARS) : match.start()]
        if not all(kind.search(match[0]) for kind in _KINDS) or _IN_ADDRESS.search(before):
            return match[0]
        taken.append(len(match[0]))
        return ""

    for pattern in (_DATA_ADDRESS, _LINES, _RUN):
        text = pattern.sub(take, text)
    if not taken:
        return WithoutPayload(text, None)
    count = "One embedded file or picture" if len(taken) == 1 else f"{len(taken):,} embedded files or pictures"
    verb = "was" if len(taken) == 1 else "were"
    return WithoutPayload(text, f"{count} ({sum(taken) / 1000:,.0f} KB written as text) {verb} left out.")
