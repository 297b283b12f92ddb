"""Writes small Word 97 files for tests: an OLE container, a FIB, a piece table and one page of paragraph properties."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SECTOR = 512
_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
IN_TABLE = struct.pack("<HB", 0x2416, 1)
ROW_END = IN_TABLE + struct.pack("<HB", 0x2417, 1)
IN_LIST = struct.pack("<HH", 0x460B, 1)
SECOND_LEVEL = IN_LIST + struct.pack("<HB", 0x260A, 1)
HIDDEN, DELETED = struct.pack("<HB", 0x083C, 1), struct.pack("<HB", 0x0800, 1)
RAISED = struct.pack("<HB", 0x2A48, 1)
LISTS = 73


@dataclass(frozen=True)
class P:
    """A paragraph: ``mark`` ends it; ``style`` 1 to 9 is a heading; ``extra`` are property modifiers (Prl)."""

    text: str
    mark: str = "\r"
    style: int = 0
    extra: bytes = b""


def write_doc(
    path: Path,
    main: Sequence[P],
    *,
    footnotes: str = "",
    headers: str = "",
    comments: str = "",
    looks: Sequence[tuple[int, int, bytes]] = (),
    tables: Mapping[int, bytes] | None = None,
    compressed: bool = True,
    flags: int = 0,
    ident: int = 0xA5EC,
) -> Path:
    """``compressed`` stores a byte a character (cp1252); otherwise the first half is so and the rest is UTF-16.

    ``looks`` are stretches of the main text (first and last CP, modifiers), in order; ``tables`` further structures of
    the table stream by their index in the header.
    """
    body = "".join(paragraph.text + paragraph.mark for paragraph in main)
    text = body + footnotes + headers + comments
    split = len(text) if compressed else len(text) // 2
    stream = bytearray(1024)
    first_fc = len(stream)
    stream += text[:split].encode("cp1252")
    stream += b"\0" * (len(stream) % 2)
    second_fc = len(stream)
    stream += text[split:].encode("utf-16-le")

    def fc(cp: int) -> int:
        return first_fc + cp if cp < split else second_fc + 2 * (cp - split)

    # An odd gap before the UTF-16 part belongs to no paragraph that a test looks at.
    stream += b"\0" * (-len(stream) % _SECTOR)
    page = len(stream) // _SECTOR
    stream += _papx_page(main, fc)
    character_page = len(stream) // _SECTOR
    stream += _chpx_page([(fc(first), fc(last), data) for first, last, data in looks])
    table = bytearray(struct.pack("<BI", 2, 4 * 3 + 8 * 2 if split < len(text) else 4 * 2 + 8))
    positions = (0, split, len(text)) if split < len(text) else (0, len(text))
    table += struct.pack(f"<{len(positions)}I", *positions)
    table += struct.pack("<HIH", 0, 0x40000000 | (2 * first_fc), 0)
    if split < len(text):
        table += struct.pack("<HIH", 0, second_fc, 0)
    clx_length = len(table)
    table += struct.pack("<III", first_fc, fc(len(text)), page)
    struct.pack_into("<HH", stream, 0, ident, 0x00C1)
    struct.pack_into("<H", stream, 0x0A, 0x0200 | flags)
    struct.pack_into("<8i", stream, 0x4C, len(body), len(footnotes), len(headers), 0, len(comments), 0, 0, 0)
    further = {12: struct.pack("<III", first_fc, fc(len(text)), character_page)} if looks else {}
    for index, data in {**further, **(tables or {})}.items():
        # The levels of lists follow behind the length that the header states.
        stated = struct.unpack_from("<H", data)[0] * 28 + 2 if index == LISTS else len(data)
        struct.pack_into("<II", stream, 0x9A + 8 * index, len(table), stated)
        table += data
    struct.pack_into("<II", stream, 0x9A + 8 * 13, clx_length, 12)
    struct.pack_into("<II", stream, 0x9A + 8 * 33, 0, clx_length)
    path.write_bytes(container({"WordDocument": bytes(stream), "1Table": bytes(table)}))
    return path


def _papx_page(paragraphs: Sequence[P], fc) -> bytes:  # type: ignore[no-untyped-def]
    """A PapxFkp: bounds, one BxPap for each paragraph, and the properties from the end of the page downwards."""
    page = bytearray(_SECTOR)
    number = len(paragraphs)
    at, end = 0, _SECTOR - 1
    for index, paragraph in enumerate(paragraphs):
        struct.pack_into("<I", page, 4 * index, fc(at))
        data = struct.pack("<H", paragraph.style) + paragraph.extra
        data += b"\0" * ((len(data) + 1) % 2)
        end = (end - len(data) - 1) // 2 * 2
        page[end] = (len(data) + 1) // 2
        page[end + 1 : end + 1 + len(data)] = data
        page[4 * (number + 1) + 13 * index] = end // 2
        at += len(paragraph.text) + len(paragraph.mark)
    struct.pack_into("<I", page, 4 * number, fc(at))
    assert 4 * (number + 1) + 13 * number <= end, "too many paragraphs for one page"
    page[511] = number
    return bytes(page)


def _chpx_page(runs: Sequence[tuple[int, int, bytes]]) -> bytes:
    """A ChpxFkp with these runs, and runs without modifiers between them."""
    edges = sorted({edge for first, last, _ in runs for edge in (first, last)})
    modifiers = {first: data for first, _, data in runs}
    page = bytearray(_SECTOR)
    end = _SECTOR - 1
    for index, edge in enumerate(edges):
        struct.pack_into("<I", page, 4 * index, edge)
        data = modifiers.get(edge, b"")
        if data:
            end = (end - len(data) - 1) // 2 * 2
            page[end] = len(data)
            page[end + 1 : end + 1 + len(data)] = data
            page[4 * len(edges) + index] = end // 2
    page[511] = max(0, len(edges) - 1)
    return bytes(page)


def lists(*levels: tuple[int, int, str]) -> dict[int, bytes]:
    """One list that paragraphs name as 1; a level is its start, the code of its form and its text."""
    definition = struct.pack("<hii9HBB", 1, 7, 0, *[0x0FFF] * 9, 0, 0)
    for start, code, text in (*levels, *[(1, 0, "")] * (9 - len(levels))):
        definition += struct.pack("<iBB9xB8xBBBB", start, code, 0, 0, 0, 0, 0, 0)
        definition += struct.pack("<H", len(text)) + text.encode("utf-16-le")
    override = struct.pack("<IiIIBBBB", 1, 7, 0, 0, 0, 0, 0, 0) + b"\xff" * 4
    return {LISTS: definition, 74: override}


def container(streams: dict[str, bytes]) -> bytes:
    """A compound file (MS-CFB) with these streams; each is padded so that none is a small one. A slash in a name parts
    storages.
    """
    names = dict.fromkeys(streams)  # every stream and storage, parents first
    for name in streams:
        parts = name.split("/")
        names = {**dict.fromkeys("/".join(parts[:depth]) for depth in range(1, len(parts))), **names}
    ordered = sorted(names, key=lambda name: name.count("/"))
    folders = len(ordered) // 4 + 1  # sectors of the directory, of four entries each
    sectors: list[bytes] = [b""] * (1 + folders)
    fat = [_FAT, *range(2, 1 + folders), _END]

    def children(storage: str) -> list[int]:
        return [at for at, name in enumerate(ordered, 1) if name.rpartition("/")[0] == storage]

    entries = [_entry("Root Entry", 5, _END, 0, children("")[0])]
    for at, name in enumerate(ordered, 1):
        storage, _, short = name.rpartition("/")
        after = [other for other in children(storage) if other > at]
        right = after[0] if after else -1
        if name not in streams:
            entries.append(_entry(short, 1, 0, 0, children(name)[0], right))
            continue
        data = streams[name] + b"\0" * max(0, 4096 - len(streams[name]))
        size = len(data)
        data += b"\0" * (-len(data) % _SECTOR)
        start, count = len(sectors), len(data) // _SECTOR
        sectors += [data[_SECTOR * number : _SECTOR * (number + 1)] for number in range(count)]
        fat += [*range(start + 1, start + count), _END]
        entries.append(_entry(short, 2, start, size, -1, right))
    assert len(fat) <= 128
    sectors[0] = struct.pack("<128I", *fat, *[_FREE] * (128 - len(fat)))
    for sector in range(folders):
        sectors[1 + sector] = b"".join(entries[4 * sector : 4 * sector + 4]).ljust(_SECTOR, b"\0")
    header = struct.pack("<8s16xHHHHH6xIIIIIIIIII", bytes.fromhex("d0cf11e0a1b11ae1"), 0x3E, 3, 0xFFFE, 9, 6,
                         0, 1, 1, 0, 4096, _END, 0, _END, 0, 0)  # fmt: skip
    header += struct.pack("<108I", *[_FREE] * 108)
    return header[:_SECTOR].ljust(_SECTOR, b"\xff") + b"".join(sectors)


def _entry(name: str, kind: int, start: int, size: int, child: int, right: int = -1) -> bytes:
    raw = name.encode("utf-16-le") + b"\0\0"
    return struct.pack("<64sHBBiii16xIQQIQ", raw, len(raw), kind, 1, -1, right, child, 0, 0, 0, start, size)
