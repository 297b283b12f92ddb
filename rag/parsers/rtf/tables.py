"""The tables at the head of an RTF document: fonts with their encodings, styles, colours."""

import codecs
from dataclasses import dataclass, field

# Windows character sets and their code pages (RTF 1.9.1, "fcharset").
_PAGES = {
    0: "cp1252", 2: "cp1252", 77: "mac_roman", 78: "cp932", 80: "gbk", 81: "big5", 128: "cp932", 129: "cp949",
    130: "johab", 134: "gbk", 136: "cp950", 161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256",
    186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
_PAGES_OF_WORDS = {"ansi": "cp1252", "mac": "mac_roman", "pc": "cp437", "pca": "cp850"}
_SYMBOL_SET = 2


@dataclass(slots=True)
class Font:
    """``page`` is the codec of its characters, "" where the document's own counts."""

    name: str = ""
    page: str = ""


@dataclass(slots=True)
class Style:
    """A paragraph or character style."""

    name: str = ""
    hidden: bool = False
    outline: int | None = None


@dataclass(slots=True)
class Tables:
    """What the head of a document declares."""

    page: str = "cp1252"
    default_font: int = 0
    fonts: dict[int, Font] = field(default_factory=dict)
    styles: dict[tuple[str, int], Style] = field(default_factory=dict)
    colors: list[tuple[int, int, int] | None] = field(default_factory=list)

    def declare(self, word: str, number: int | None) -> None:
        """Takes a control word that names the document's code page or first font."""
        if word == "ansicpg" and number:
            self.page = codec_of(number) or self.page
        elif word == "deff":
            self.default_font = number or 0
        elif word in _PAGES_OF_WORDS and self.page == "cp1252":
            self.page = _PAGES_OF_WORDS[word]

    def codec(self, font: int) -> str:
        known = self.fonts.get(font)
        return (known.page if known else "") or self.page

    def is_white(self, color: int) -> bool:
        return 0 < color < len(self.colors) and self.colors[color] == (255, 255, 255)


def codec_of(page: int) -> str:
    """Returns the codec of a Windows code page, "" where Python has none."""
    name = {10000: "mac_roman", 65001: "utf-8", 936: "gbk", 1361: "johab"}.get(page, f"cp{page}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return ""


def codec_of_charset(charset: int) -> str:
    """Returns the codec of a font's character set; "" for the document's own (1) and for symbols."""
    return "" if charset in (1, _SYMBOL_SET) else _PAGES.get(charset, "")
