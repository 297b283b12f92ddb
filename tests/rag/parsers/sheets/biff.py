"""Writes small workbooks in the format of Excel 97-2003, as the bare stream of records ([MS-XLS])."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

_GENERAL = 0
_FIRST_FORMAT = 164


@dataclass
class Sheet:
    """``rows`` hold texts and numbers, or (number, format); ``merged`` holds (top, bottom, left, right), from 0."""

    name: str
    rows: Sequence[Sequence[str | float | tuple[float, str] | None]]
    merged: Sequence[tuple[int, int, int, int]] = ()
    hidden_rows: Sequence[int] = ()
    hidden: bool = False


def workbook(*sheets: Sheet) -> bytes:
    """The records of a workbook."""
    codes = list(dict.fromkeys(cell[1] for s in sheets for row in s.rows for cell in row if isinstance(cell, tuple)))
    bodies = [_sheet(sheet, codes) for sheet in sheets]
    head = _record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 6)) + _record(0x42, struct.pack("<H", 1200))
    for _ in range(4):
        head += _record(0x31, struct.pack("<HHHHHBBBB", 200, 0, 0x7FFF, 400, 0, 0, 0, 0, 0) + _text("Arial", "<B"))
    for number, code in enumerate(codes):
        head += _record(0x41E, struct.pack("<H", _FIRST_FORMAT + number) + _text(code, "<H"))
    for number in (_GENERAL, *range(_FIRST_FORMAT, _FIRST_FORMAT + len(codes))):
        head += _record(0xE0, struct.pack("<HHH", 0, number, 0) + bytes(14))
    sizes = [len(_bound(sheet, 0)) for sheet in sheets]
    at = len(head) + sum(sizes) + len(_record(0x0A, b""))
    for sheet, body in zip(sheets, bodies, strict=True):
        head += _bound(sheet, at)
        at += len(body)
    return head + _record(0x0A, b"") + b"".join(bodies)


def _bound(sheet: Sheet, at: int) -> bytes:
    return _record(0x85, struct.pack("<IBB", at, int(sheet.hidden), 0) + _text(sheet.name, "<B"))


def _sheet(sheet: Sheet, codes: Sequence[str]) -> bytes:
    body = _record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 6))
    for at, row in enumerate(sheet.rows):
        hidden = 0x20 if at in sheet.hidden_rows else 0
        body += _record(0x208, struct.pack("<HHHHHHHH", at, 0, len(row), 255, 0, 0, 0x100 | hidden, 0))
        for column, cell in enumerate(row):
            if isinstance(cell, str):
                body += _record(0x204, struct.pack("<HHH", at, column, 0) + _text(cell, "<H"))
            elif cell is not None:
                value, form = cell if isinstance(cell, tuple) else (cell, None)
                style = 0 if form is None else 1 + codes.index(form)
                body += _record(0x203, struct.pack("<HHHd", at, column, style, value))
    if sheet.merged:
        places = b"".join(struct.pack("<HHHH", *place) for place in sheet.merged)
        body += _record(0xE5, struct.pack("<H", len(sheet.merged)) + places)
    return body + _record(0x0A, b"")


def _record(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _text(text: str, length: str) -> bytes:
    return struct.pack(length, len(text)) + b"\x01" + text.encode("utf-16-le")
