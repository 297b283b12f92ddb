"""Writes raised and lowered characters in line, so that they do not run into what stands before them.

An exponent is written as one (10^5, m²), a footnote's mark apart from its word (320 ¹), the end of an ordinal (1st) and
the number in a formula (H2O) as they are typed.
"""

import re
from itertools import groupby
from typing import Literal

Align = Literal["", "super", "sub"]
LOOK_BACK = 64
"""Characters in front of a raised or lowered stretch that say how it is written."""

_SUPERSCRIPTS = str.maketrans("0123456789+-=()ni\u2212", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ⁻")
_ORDINAL = re.compile(r"(?i)st|nd|rd|th|er|re|ers|res|e|es|eme|ème|o|os|a|as|º|ª")
_LOW_NUMBER = re.compile(r"(?<![\d.,])\d{1,2}$")
_NAME_SIGNS = {"tm": "™", "sm": "℠", "r": "®", "(r)": "®"}
_NUMBER = re.compile(r"[+\u2212-]?\d{1,3}(?:[.,/]\d{1,2})?|[+\u2212-]")
_WHOLE_NUMBER = re.compile(r"[+\u2212-]?\d*")
_FOOTNOTE = re.compile(r"\d{1,3}(?:\s?[,;\u2013-]\s?\d{1,3})*")
_POWER_BASE = re.compile(
    r"""(?x)
    (?:(?<![\d.,])10 | [×x*·⋅]\s?\d{1,3} | [)\]])$                # 10^5, 3 × 2^8, (a + b)^2
    | =\s?[A-Za-z]{1,3}$                                         # a product of variables
    | (?<![^\W\d_])
      (?:[kcdmnµμ]?m | [kmµμ]?g | [kM]?W | ft | in | yd | mi | sec | min | s | h | ha | Pa | Hz | mol | [Ll] | px
         | [A-Za-z\u0370-\u03ff\U0001d400-\U0001d7ff])$           # a unit or the name of a variable
    """
)
_VARIABLE = re.compile(r"[a-zA-Z\u0370-\u03ff]([+\u2212-]\d)?")
_BASE_OF_NUMBER = re.compile(r"(?:^|[\s=(×x*·⋅])\d{1,3}$")


def compose(pieces: list[tuple[Align, str]]) -> str:
    """Joins the pieces of a line, each raised, lowered or neither, to text. A line all of one height is plain."""
    together = groupby((piece for piece in pieces if piece[1]), key=lambda piece: piece[0])
    merged = [(align, "".join(text for _, text in group)) for align, group in together]
    if len(merged) == 1:
        return merged[0][1]
    out: list[str] = []
    end = ""  # of what is written so far
    for align, text in merged:
        lead, trail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        if align and text.strip():
            before = end + lead
            text = lead + (superscript(before, text) if align == "super" else subscript(before, text)) + trail
        out.append(text)
        end = (end + text)[-LOOK_BACK:]
    return "".join(out)


def superscript(before: str, mark: str) -> str:
    """Returns how raised characters are written behind ``before``: the text of their line up to them."""
    mark = mark.strip()
    before = before[-LOOK_BACK:]
    if not mark or not before.strip():
        return mark
    if mark.lower() in _NAME_SIGNS and not before[-1].isdecimal():
        return _NAME_SIGNS[mark.lower()]
    if before[-1].isdecimal() and _ORDINAL.fullmatch(mark) and (len(mark) > 1 or _LOW_NUMBER.search(before)):
        return mark
    if _NUMBER.fullmatch(mark) and _POWER_BASE.search(before):
        plain = before[-1].isdecimal() or not _WHOLE_NUMBER.fullmatch(mark)
        return f"^{mark}" if plain else mark.translate(_SUPERSCRIPTS)
    if _VARIABLE.fullmatch(mark) and (_POWER_BASE.search(before) or _BASE_OF_NUMBER.search(before)):
        return f"^{mark}" if len(mark) == 1 else f"^({mark})"
    if _FOOTNOTE.fullmatch(mark):
        return ("" if before[-1].isspace() else " ") + mark.translate(_SUPERSCRIPTS)
    if before[-1].isdecimal() and mark[0].isalnum():
        return f" ({mark})" if len(mark) == 1 else f"^({mark})"
    return mark


def subscript(before: str, mark: str) -> str:
    """Returns how lowered characters are written behind ``before``."""
    mark = mark.strip()
    return f"_{mark}" if mark and before[-1:].isdecimal() else mark


def fraction(before: str, numerator: str, denominator: str) -> str:
    """Returns a fraction whose numerator is raised and whose denominator is lowered: ``3 1/2``."""
    gap = " " if before[-1:].isdecimal() else ""
    return f"{gap}{numerator.strip()}/{denominator.strip()}"
