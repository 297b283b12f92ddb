"""Characters of the fonts whose letters are symbols (Symbol, Wingdings), as Unicode.

Office programs store such a character as its code in the font, plain (0x41) or in the private use area (U+F041). The
table of Symbol is Adobe's Symbol encoding; of Wingdings only what carries meaning in a text (boxes, ticks, arrows,
digits) has a place here, everything else becomes a bullet.
"""

_PRIVATE = 0xF000
_SYMBOL_LOW = " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼"
_SYMBOL_HIGH = "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪\uf8ff〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭"
_WINGDINGS = {
    0x20: " ", 0x28: "☎", 0x2A: "✉", 0x6F: "☐", 0x70: "☐", 0x71: "☐", 0x72: "☐", 0x78: "☒", 0xA8: "☐", 0xDF: "←",
    0xE0: "→", 0xE1: "↑", 0xE2: "↓", 0xE8: "→", 0xEF: "⇐", 0xF0: "⇒", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑",
    **{0x81 + n: chr(0x2460 + n) for n in range(10)},
    **{0x8C + n: chr(0x2776 + n) for n in range(10)},
}  # fmt: skip
_WINGDINGS_2 = {0x4F: "✗", 0x50: "✓", 0x51: "☒", 0x52: "☑", 0x53: "☒", 0x54: "☒", 0xA3: "☐", 0x30: "☐", 0x2A: "☐"}
_BULLET = "•"


def is_symbol_font(font: str) -> bool:
    """Tells whether the letters of this font are symbols."""
    return font.lower() == "symbol" or font.lower().startswith(("wingdings", "webdings"))


def symbol_text(code: int, font: str) -> str:
    """Returns the character with this code in a font; outside of symbol fonts a private character is a bullet."""
    low = code - _PRIVATE if _PRIVATE <= code <= _PRIVATE + 0xFF else code
    name = font.lower()
    if name == "symbol" and low <= 0xFF:
        return _of_symbol(low)
    if name.startswith("wingdings 2"):
        return _WINGDINGS_2.get(low, _BULLET)
    if name.startswith(("wingdings", "webdings")) and low <= 0xFF:
        return _WINGDINGS.get(low, _BULLET) if name == "wingdings" else _BULLET
    if code != low or 0xD800 <= code < 0xE000:
        return _BULLET
    return chr(code) if 0x20 <= code < 0x110000 else ""


def without_symbols(text: str, font: str) -> str:
    """Turns private characters, and in a symbol font every character, into what they show."""
    if is_symbol_font(font):
        return "".join(character if character in "\t\n" else symbol_text(ord(character), font) for character in text)
    if any("\uf000" <= character <= "\uf0ff" for character in text):
        return "".join(symbol_text(ord(c), font) if "\uf000" <= c <= "\uf0ff" else c for c in text)
    return text


def _of_symbol(low: int) -> str:
    if 0x20 <= low < 0x20 + len(_SYMBOL_LOW):
        return _SYMBOL_LOW[low - 0x20]
    if 0xA0 <= low < 0xA0 + len(_SYMBOL_HIGH):
        character = _SYMBOL_HIGH[low - 0xA0]
        return "" if character == "\uf8ff" else character
    return ""
