"""In which forms the CUDA kernels take weights in the blocks of GGUF (``kernels/blocks.cuh``).

Matrices that are computed together share a form: the narrowest one that holds all of them exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from engines.model.block_types import BlockType

CHUNK = 128  # inputs of a unit
_BITS = (4, 5, 6, 8)
_MOST_BITS = 8
_BYTE_ZERO = 128  # the kernels take bytes as integers from -128 on
_GROUPS = (16, 32)


class Levels(IntEnum):
    """How scales lie: a float16 for each group; factors in float16 and a level for each group; a float32 for each."""

    NONE, BYTES, WIDE = range(3)


@dataclass(frozen=True, slots=True)
class BlockForm:
    """``bits`` of a weight, ``group`` inputs that share a scale, and, where there is a ``minimum``, one of these."""

    bits: int
    group: int
    levels: Levels
    minimum: bool
    zero: int

    @property
    def settings(self) -> dict[str, int]:
        """The kernels' macros."""
        numbers = {"LEVELS": int(self.levels), "MINIMUM": int(self.minimum), "ZERO": self.zero}
        return {"BLOCKS": 1, "BITS": self.bits, "GROUP": self.group} | numbers

    @property
    def scale_bytes(self) -> int:
        """Of a unit."""
        numbers, groups = 8 * (4 if self.minimum else 2), CHUNK // self.group
        return numbers * {Levels.NONE: 2 * groups, Levels.BYTES: 2 + groups, Levels.WIDE: 4 * groups}[self.levels]

    @property
    def unit_bytes(self) -> int:
        return self.scale_bytes + 16 * CHUNK * self.bits // 8

    @property
    def code(self) -> int:
        """A number below those that stand for other kinds of weights (``packing``)."""
        fields = (_BITS.index(self.bits), _GROUPS.index(self.group), int(self.levels), int(self.minimum), self.zero)
        code = 0
        for field, size in zip(fields, _SIZES, strict=True):
            code = code * size + field
        return -2 - code

    @classmethod
    def of_code(cls, code: int) -> "BlockForm":
        rest, fields = -2 - code, []
        for size in reversed(_SIZES):
            rest, field = divmod(rest, size)
            fields.append(field)
        zero, minimum, levels, group, bits = fields
        return cls(_BITS[bits], _GROUPS[group], Levels(levels), bool(minimum), zero)


_SIZES = (len(_BITS), len(_GROUPS), len(Levels), 2, 256)  # of the fields of a code
# By the names of types: the largest q, the zero point, whether scales have levels, whether there are minimums.
_TYPES: dict[str, tuple[int, int, bool, bool]] = {
    "Q4_0": (15, 8, False, False),
    "Q4_1": (15, 0, False, True),
    "Q5_0": (31, 16, False, False),
    "Q5_1": (31, 0, False, True),
    "Q8_0": (255, 128, False, False),
    "IQ4_NL": (255, 128, False, False),
    "IQ4_XS": (255, 128, True, False),
    "Q2_K": (3, 0, True, True),
    "Q3_K": (7, 4, True, False),
    "Q4_K": (15, 0, True, True),
    "Q5_K": (31, 0, True, True),
    "Q6_K": (63, 32, True, False),
}


def form_of(kinds: Sequence[BlockType]) -> BlockForm:
    """What holds matrices of these types."""
    types = [_TYPES[kind.name] for kind in kinds]
    zero = max(zero for _, zero, _, _ in types)
    largest = max(largest + zero - own for largest, own, _, _ in types)
    bits = next(bits for bits in _BITS if largest < 1 << bits)
    if bits == _MOST_BITS:
        zero = _BYTE_ZERO
    with_levels = {levels for _, _, levels, _ in types}
    levels = Levels.WIDE if len(with_levels) > 1 else Levels.BYTES if with_levels == {True} else Levels.NONE
    minimum = any(minimum for _, _, _, minimum in types)
    return BlockForm(bits, min(kind.group for kind in kinds), levels, minimum, zero)


def is_blocks(group: int) -> bool:
    """Whether what stands instead of a group's size is a form's ``code``."""
    return group < -1
