"""Cleans the characters of a PDF for reading, and folds text to find a quote again."""

import re
import unicodedata

LINE_HYPHENS = "\x02\u00ad\ufffe"
"""What PDFium and typesetting systems write for a hyphen that stands only at a line's end."""

BULLETS = "•‣◦▪▫●○■□◆◇➢➤►▶✓✔❖⁃∙·\u2013\u2014-*"

_LIGATURES = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
_SYMBOL_FONT_BULLETS = dict.fromkeys((0xF0B7, 0xF0A7, 0xF0D8, 0xF076, 0xF0FC, 0xF06E, 0xF0A8, 0xF02D), "•")
_CONTROLS = [code for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (0x09, 0x0A, 0x0D)]
_INVISIBLE = [0x00AD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF, 0xFFFE, 0xFFFF]
_DROPPED = dict.fromkeys([*_CONTROLS, *_INVISIBLE])
_SPACES = dict.fromkeys([0x00A0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], " ")
_TABLE: dict[int, str | None] = {**_DROPPED, **_SPACES, **_LIGATURES, **_SYMBOL_FONT_BULLETS}

_PRIVATE_USE = re.compile("[\ue000-\uf8ff\ufffd]")
_NOT_COMPARED = re.compile(r"[\W_]+")


def clean(text: str) -> str:
    """Spells out ligatures, drops invisible and control characters, and makes every space a plain
    one.
    """
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_TABLE)


def unreadable_share(text: str) -> float:
    """Returns the share of characters without any meaning (a font without a character map), from 0 to 1."""
    return len(_PRIVATE_USE.findall(text)) / len(text) if text else 0.0


def fold(text: str) -> str:
    """Keeps letters and digits, in one case: what a quote and a page have in common however lines were broken."""
    return _NOT_COMPARED.sub("", unicodedata.normalize("NFKC", text)).casefold()
