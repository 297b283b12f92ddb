"""Decodes the bytes of a text file in whatever encoding they are.

Order of evidence: byte order mark; UTF-16/32 by the place of zero bytes; ISO-2022 escapes; valid UTF-8; then legacy
encodings by statistics, with Windows-1252 where the text is too short to tell. UTF-8 with foreign lines is decoded line
by line, UTF-8 that was encoded twice is put right where that is certain. Line ends are kept as they are.
"""

import codecs
import re
import unicodedata
from typing import NamedTuple

from rag.errors import SkippedError
from rag.parsers.encodings.legacy import legacy_encoding
from rag.parsers.encodings.mixed import decode_by_lines, repaired

NOT_TEXT = "The file holds binary data, not text."

_BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_ESCAPES: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\x1b\$[@B]|\x1b\([IJ]|\x1b\$\("), "iso2022_jp_ext"),
    (re.compile(rb"\x1b\$\)C"), "iso2022_kr"),
)
# C0 controls that text files do not use; tab, newline, form feed, carriage return, escape (terminal
# logs) and the shifts of ISO-2022 are fine.
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\x0b\x0c\r\x0e\x0f\x1b")) + b"\x7f"
_MAX_CONTROL_SHARE = 0.01
_MIN_ZERO_SHARE = 0.2  # ASCII in UTF-16 is half zeros
_SAMPLE_BYTES = 65_536
# What these names mean on the web and in mail: the wider encoding of the program that wrote them.
_CODEC_OF_LABEL = {
    **dict.fromkeys(("ascii", "us-ascii", "iso-8859-1", "iso8859-1", "latin1", "latin-1"), "cp1252"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis"), "cp932"),
    **dict.fromkeys(("gb2312", "gbk", "gb_2312-80"), "gb18030"),
    **dict.fromkeys(("ks_c_5601-1987", "euc-kr", "ks_c_5601"), "cp949"),
    **dict.fromkeys(("iso-8859-9", "iso-8859-9-e"), "cp1254"),
    **dict.fromkeys(("iso-8859-8-i", "iso-8859-8-e"), "cp1255"),
}


class Decoded(NamedTuple):
    """The text without byte order mark, the name of its encoding, and a warning if something was lost."""

    text: str
    encoding: str
    warning: str | None = None


def looks_like_text(head: bytes) -> bool:
    """Tells whether the first bytes of a file are text in some encoding; the last character may be cut off."""
    return any(head.startswith(bom) for bom, _ in _BOMS) or _wide_encoding(head) is not None or _few_controls(head)


def decode(data: bytes) -> Decoded:
    """Decodes the bytes of a text. Raises SkippedError for what is not text in any encoding."""
    bom, encoding = next(((bom, name) for bom, name in _BOMS if data.startswith(bom)), (b"", None))
    if encoding is None:
        encoding = _wide_encoding(data[:_SAMPLE_BYTES])
    if encoding is None:
        if not _few_controls(data):
            raise SkippedError(NOT_TEXT)
        encoding = _escaped_encoding(data)
        if encoding is None and not _is_utf8(data) and (mixed := decode_by_lines(data)) is not None:
            return Decoded(mixed.text.replace("\x00", " "), "utf-8", mixed.warning)
        encoding = encoding or _utf8(data) or legacy_encoding(data)
    return _decode_as(data[len(bom) :], encoding)


def decode_declared(data: bytes, label: str) -> Decoded:
    """Decodes bytes of a format that names its encoding; the name counts unless the bytes contradict it."""
    try:
        encoding = _CODEC_OF_LABEL.get(label.lower(), codecs.lookup(label).name)
        if not codecs.lookup(encoding)._is_text_encoding or any(data.startswith(bom) for bom, _ in _BOMS):
            return decode(data)
        # Valid UTF-8 with characters beyond ASCII is never anything else by chance, whatever was declared.
        if encoding.startswith(("utf-16", "utf-32")) or (not data.isascii() and _is_utf8(data)):
            return decode(data)
        return _put_right(Decoded(data.decode(encoding).replace("\x00", " "), encoding))
    except (LookupError, UnicodeError):  # also of codecs that are no encodings of text (punycode, undefined)
        return decode(data)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _decode_as(data: bytes, encoding: str) -> Decoded:
    try:
        text, warning = data.decode(encoding), None
    except UnicodeDecodeError:
        text = data.decode(encoding, "replace")
        lost = text.count("\ufffd")
        warning = f"{lost:,} characters could not be decoded as {encoding}."
    if "\x00" in text:
        # One space for one NUL keeps every position; databases and C libraries end a string at NUL.
        text = text.replace("\x00", " ")
    return _put_right(Decoded(text, encoding, warning))


def _put_right(decoded: Decoded) -> Decoded:
    mixed = None if decoded.warning else repaired(decoded.text)
    return decoded if mixed is None else Decoded(mixed.text, decoded.encoding, mixed.warning)


def _few_controls(data: bytes) -> bool:
    return len(data) - len(data.translate(None, _CONTROLS)) <= _MAX_CONTROL_SHARE * len(data)


def _wide_encoding(head: bytes) -> str | None:
    """Finds UTF-16 or UTF-32 without a byte order mark: what decodes to plausible text with the most ASCII in it."""
    zeros = head.count(b"\x00")
    if not zeros:
        return None
    narrow = head.replace(b"\x00", b"")
    if zeros < _MIN_ZERO_SHARE * len(head) and _few_controls(narrow) and _is_utf8(narrow):
        return None  # a log with some zeros in it, not wide characters
    best, most_ascii = None, 0
    for encoding in _WIDE:
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            continue
        ascii_count = sum(char.isascii() for char in text)
        if ascii_count > most_ascii and _plausible(text):
            best, most_ascii = encoding, ascii_count
    return best


def _plausible(text: str) -> bool:
    odd = sum(unicodedata.category(char) in ("Cc", "Cn", "Co", "Cs") and char not in "\t\n\r\f" for char in text)
    return odd <= 0.02 * len(text)


def _escaped_encoding(data: bytes) -> str | None:
    if b"\x1b" not in data or not data.isascii():
        return None
    for escape, encoding in _ESCAPES:
        if escape.search(data):
            try:
                data.decode(encoding)
            except UnicodeDecodeError:
                continue
            return encoding
    return None


def _utf8(data: bytes) -> str | None:
    """Returns "utf-8" where the bytes are that, apart from a few damaged places in much that is right."""
    if _is_utf8(data):
        return "utf-8"
    text = data.decode("utf-8", "replace")
    damaged = text.count("\ufffd")
    right = sum(not char.isascii() for char in text) - damaged
    return "utf-8" if right >= 20 * damaged else None
