"""Links an object file that LLVM wrote for Linux: the bytes to be loaded, and where in them functions begin.

All that an object of kernels refers to is its own code and constants, by distances. So it is linked once, for any place
in memory. The format is ELF-64 (System V ABI, chapter 4, and its AMD64 supplement).
"""

import struct
from dataclasses import dataclass

from engines.errors import RuntimeUnavailable

_HEADER, _SECTION, _SYMBOL, _RELOCATION = "<16sHHIQQQIHHHHHH", "<IIQQQQIIQQ", "<IBBHQQ", "<QQq"
_SYMBOLS, _RELOCATIONS = 2, 4  # kinds of sections
_LOADED = 2  # a flag of those that are needed at run time
_RELATIVE = (2, 4)  # R_X86_64_PC32, R_X86_64_PLT32: 32 bits, from where they stand
_ALIGN = 64


@dataclass(frozen=True, slots=True)
class Linked:
    code: bytes
    functions: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Section:
    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entry: int


def link(elf: bytes) -> Linked:
    """Raises RuntimeUnavailable for an object that refers to anything outside itself."""
    header = struct.unpack_from(_HEADER, elf)
    if elf[:5] != b"\x7fELF\x02":
        raise _refused("it is no ELF-64 file")
    sections = [_Section(*struct.unpack_from(_SECTION, elf, header[6] + i * header[11])) for i in range(header[12])]
    image, places = bytearray(), {}
    for i, section in enumerate(sections):
        if section.flags & _LOADED and section.size:
            image.extend(bytes(-len(image) % _ALIGN))
            places[i] = len(image)
            image.extend(elf[section.offset : section.offset + section.size])
    table = next(section for section in sections if section.kind == _SYMBOLS)
    symbols = [struct.unpack_from(_SYMBOL, elf, table.offset + at) for at in range(0, table.size, table.entry)]
    for section in sections:
        if section.kind == _RELOCATIONS and section.info in places:
            for at in range(section.offset, section.offset + section.size, section.entry):
                _relocate(image, places, symbols, places[section.info], *struct.unpack_from(_RELOCATION, elf, at))
    names = sections[table.link].offset
    functions = {
        elf[names + name : elf.index(b"\0", names + name)].decode(): places[home] + value
        for name, info, _, home, value, _ in symbols
        if info >> 4 == 1 and home in places  # of those that are visible from outside
    }
    return Linked(bytes(image), functions)


def _relocate(
    image: bytearray,
    places: dict[int, int],
    symbols: list[tuple[int, ...]],
    start: int,
    offset: int,
    info: int,
    addend: int,
) -> None:
    kind, symbol = info & 0xFFFFFFFF, symbols[info >> 32]
    home, value = symbol[3], symbol[4]
    if kind not in _RELATIVE or home not in places:
        raise _refused("it refers to what lies outside it")
    here = start + offset
    struct.pack_into("<i", image, here, places[home] + value + addend - here)


def _refused(why: str) -> RuntimeUnavailable:
    return RuntimeUnavailable(f"The compiled kernels cannot be used: {why}.", 'Set model.runtime to "onnx".')
