"""Reads texts that are not in one encoding: UTF-8 with lines in another one, and UTF-8 that was encoded twice."""

import re
from typing import NamedTuple

from rag.parsers.encodings.legacy import legacy_encoding

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")
# How letters of UTF-8 look when its bytes are taken for Windows-1252, -1251 or Latin-1.
_TWICE_ENCODED = re.compile("[ÂÃÄÅâàáÎÏÐÑ×ØÙРСВГ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸѓ°±іґµёє»ј]")
_LEAST_SHARE = (
    0.5  # of the characters beyond ASCII that must turn out encoded twice: a text about such errors has fewer
)
_LEAST_COUNT = 3  # letters; fewer may stand there by chance
_LEAST_LETTERS = 4  # of a line in another encoding; fewer are damage


class Mixed(NamedTuple):
    """The text, and what to tell a person about it."""

    text: str
    warning: str


def decode_by_lines(data: bytes) -> Mixed | None:
    """Decodes what is UTF-8 in most of its lines with characters beyond ASCII; None where it is not."""
    lines = [match[0] for match in _LINE.finditer(data) if match[0]]
    foreign = [not line.isascii() and not _is_utf8(line) for line in lines]
    proper = sum(not line.isascii() for line, is_foreign in zip(lines, foreign, strict=True) if not is_foreign)
    strange = [line for line, is_foreign in zip(lines, foreign, strict=True) if is_foreign]
    if not strange or proper < len(strange) or any(_is_damaged_utf8(line) for line in strange):
        return None
    encoding = legacy_encoding(b"".join(strange))
    decoded = (
        line.decode(encoding, "replace") if is_foreign else line.decode("utf-8")
        for line, is_foreign in zip(lines, foreign, strict=True)
    )
    count = "One line is" if len(strange) == 1 else f"{len(strange):,} lines are"
    return Mixed("".join(decoded), f"{count} in another encoding ({encoding}) than the rest (utf-8).")


def repaired(text: str) -> Mixed | None:
    """Returns a text that was encoded twice as it was before; None where that is not certain."""
    if _TWICE_ENCODED.search(text) is None:
        return None
    from ftfy import fix_encoding

    lines = text.splitlines(keepends=True)
    fixed = [fix_encoding(line) if _TWICE_ENCODED.search(line) else line for line in lines]
    changed = [(before, after) for before, after in zip(lines, fixed, strict=True) if before != after]
    wrong = sum(len(_TWICE_ENCODED.findall(before)) for before, _ in changed)
    if wrong < _LEAST_COUNT or 2 * wrong < _LEAST_SHARE * _beyond_ascii(text):
        return None
    count = "One line was" if len(changed) == 1 else f"{len(changed):,} lines were"
    return Mixed("".join(fixed), f"{count} encoded twice (utf-8) and put right.")


def _beyond_ascii(text: str) -> int:
    return sum(not char.isascii() for char in text)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_damaged_utf8(line: bytes) -> bool:
    """Tells whether what is not UTF-8 in a line is damage: it holds little else, or other characters that are."""
    text = line.decode("utf-8", "replace")
    damaged = text.count("\ufffd")
    return _beyond_ascii(text) > 2 * damaged or sum(map(str.isalpha, text)) + damaged < _LEAST_LETTERS
