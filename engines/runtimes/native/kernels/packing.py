"""Writes the kernels that pack rows in the blocks of GGUF: from the file's bytes to tiles, factors and levels at once.

engines/model/block_types.py says what a block's bytes mean, engines/runtimes/native/kernels/matmul_blocks.py how tiles
lie. A tile takes 32 rows. Four neighbouring weights are handled as a word of four bytes, so that the code of a block is
one stretch of loads, shifts and stores without a vector: memory is what it waits for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from engines.runtimes.native.kernels.code import I8, I16, I32, Code, i64
from engines.runtimes.native.kernels.layout import LANES, PACKED_TYPES, TILE
from engines.runtimes.native.kernels.program import Arguments, kernel

_FOUR = ir.VectorType(I32, 4)
_SIXTEEN = ir.VectorType(I8, 16)
_IQ4_BYTES = tuple(value + 128 for value in (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113))
_SIGN = 0x8000  # of a float16
_SPREAD = 0x00204081  # times four bits: each becomes the lowest of a byte


def _every(byte: int) -> int:
    """The byte in all four of a word."""
    return byte * 0x01010101


class _Block:
    """The bytes of one block."""

    def __init__(self, code: Code, address: Any) -> None:
        self._code, self._address = code, address

    def word(self, at: int) -> Any:
        """The four bytes from ``at`` on."""
        return self._code.read(self._address, I32, at, step=I8)

    def masked(self, at: int, down: int, mask: int, up: int = 0) -> Any:
        """(word >> down & mask) << up of each byte."""
        return self.moved(self.word(at), down, mask, up)

    def moved(self, word: Any, down: int, mask: int, up: int = 0) -> Any:
        code = self._code
        word = code.lshr(word, ir.Constant(I32, down)) if down else word
        word = code.and_(word, ir.Constant(I32, _every(mask)))
        return code.shl(word, ir.Constant(I32, up)) if up else word

    def both(self, a: Any, b: Any) -> Any:
        return self._code.or_(a, b)

    def flipped(self, word: Any) -> Any:
        """Bytes with a sign as bytes around 128."""
        return self._code.xor(word, ir.Constant(I32, _every(0x80)))

    def field(self, at: int, down: int, mask: int, up: int = 0) -> Any:
        """(word >> down & mask) << up of the word as one number."""
        code = self._code
        masked = code.and_(code.lshr(self.word(at), ir.Constant(I32, down)), ir.Constant(I32, mask))
        return code.shl(masked, ir.Constant(I32, up))

    def bits(self, at: int, first: int, up: int) -> Any:
        """Four bits of the word ``at``, from its ``first`` on, each moved ``up`` in a byte of its own."""
        code = self._code
        spread = code.mul(self.field(at, first, 15), ir.Constant(I32, _SPREAD))
        return code.shl(code.and_(spread, ir.Constant(I32, _every(1))), ir.Constant(I32, up))

    def found(self, word: Any) -> Any:
        """What the table of IQ4 has for each byte."""
        code, first = self._code, ir.Constant(I32, 0)
        places = code.bitcast(code.insert_element(ir.Constant(_FOUR, [0] * 4), word, first), _SIXTEEN)
        table = ir.Constant(_SIXTEEN, list(_IQ4_BYTES))
        values = code.intrinsic("llvm.x86.ssse3.pshuf.b.128", _SIXTEEN, (table, places))
        return code.extract_element(code.bitcast(values, _FOUR), first)

    def bytes_of(self, words: Sequence[Any], less: int = 0) -> list[Any]:
        """The bytes of the words in turn, each ``less`` something."""
        shifts = [ir.Constant(I32, 8 * i) for i in range(4)]
        return [self.byte(self._code.lshr(word, shift), less) for word in words for shift in shifts]

    def byte(self, word: Any, less: int = 0) -> Any:
        """The lowest one."""
        return self._code.sub(self._code.trunc(word, I8), ir.Constant(I8, less))


Words = Callable[[_Block, int], Any]  # of a block and a step: the weights of its four inputs
Levels = Callable[[_Block], list[Any]]  # a byte for each group


@dataclass(frozen=True, slots=True)
class _Form:
    """A block of ``size`` bytes holds ``elements`` weights of ``bits``, its factor ``at`` some byte, and perhaps
    another ``minimum_at``, ``negative`` where the file has what is added instead of what is taken off."""

    elements: int
    size: int
    bits: int
    words: Words
    at: int = 0
    levels: Levels | None = None
    minimum_at: int | None = None
    minimum_levels: Levels | None = None
    negative: bool = False


def _halves(start: int) -> Words:
    """32 weights in 16 bytes: all low halves, then all high ones."""
    return lambda block, step: block.masked(start + 4 * (step % 4), 4 * (step // 4), 15)


def _with_fifth(low: Words, start: int) -> Words:
    return lambda block, step: block.both(low(block, step), block.bits(start, 4 * step, 4))


def _nibbles(start: int) -> Words:
    """Of 64 weights in 32 bytes."""
    return lambda block, step: block.masked(start + 32 * (step // 16) + 4 * (step % 8), 4 * (step // 8 % 2), 15)


def _pairs(start: int, up: int = 0) -> Words:
    """Of 128 weights in 32 bytes, two bits each."""
    return lambda block, step: block.masked(start + 32 * (step // 32) + 4 * (step % 8), 2 * (step // 8 % 4), 3, up)


def _single(start: int, up: int) -> Words:
    """Of 256 weights in 32 bytes, one bit each."""
    return lambda block, step: block.masked(start + 4 * (step % 8), step // 8, 1, up)


def _six_low(block: _Block, step: int) -> Any:
    """Of 128 weights in 64 bytes."""
    return block.masked(64 * (step // 32) + 4 * (step % 16), 4 * (step // 16 % 2), 15)


def _xs(block: _Block, step: int) -> Any:
    return block.found(block.masked(8 + 16 * (step // 8) + 4 * (step % 4), 4 * (step // 4 % 2), 15))


def _sums(*parts: Words) -> Words:
    def words(block: _Block, step: int) -> Any:
        first, *others = (part(block, step) for part in parts)
        for other in others:
            first = block.both(first, other)
        return first

    return words


def _six_bit_levels(start: int, *, minimum: bool) -> Levels:
    """Eight scales and eight minimums in twelve bytes."""

    def levels(block: _Block) -> list[Any]:
        low = start + 4 * minimum
        rest = block.masked(start + 8, 4 * minimum, 15)
        return block.bytes_of([block.masked(low, 0, 63), block.both(rest, block.masked(low, 6, 3, 4))])

    return levels


def _q2_levels(down: int) -> Levels:
    return lambda block: block.bytes_of([block.masked(4 * i, down, 15) for i in range(4)])


def _q3_levels(block: _Block) -> list[Any]:
    lows = [block.masked(96 + 4 * (i % 2), 4 * (i // 2), 15) for i in range(4)]
    return block.bytes_of([block.both(low, block.masked(104, 2 * i, 3, 4)) for i, low in enumerate(lows)], 32)


def _q6_levels(block: _Block) -> list[Any]:
    return block.bytes_of([block.word(192 + 4 * i) for i in range(4)])


def _xs_levels(block: _Block) -> list[Any]:
    """Eight low halves in four bytes, eight times two high bits in the two before them."""
    parts = [(block.field(4, 4 * i, 15), block.field(0, 16 + 2 * i, 3, 4)) for i in range(8)]
    return [block.byte(block.both(*part), 32) for part in parts]


_Q4_K = (_six_bit_levels(4, minimum=False), 2, _six_bit_levels(4, minimum=True))
_FORMS = {
    "Q4_0": _Form(32, 18, 4, _halves(2)),
    "Q4_1": _Form(32, 20, 4, _halves(4), minimum_at=2, negative=True),
    "Q5_0": _Form(32, 22, 6, _with_fifth(_halves(6), 2)),
    "Q5_1": _Form(32, 24, 6, _with_fifth(_halves(8), 4), minimum_at=2, negative=True),
    "Q8_0": _Form(32, 34, 8, lambda block, step: block.flipped(block.word(2 + 4 * step))),
    "Q2_K": _Form(256, 84, 4, _pairs(16), 80, _q2_levels(0), 82, _q2_levels(4)),
    "Q3_K": _Form(256, 110, 4, _sums(_pairs(32), _single(0, 2)), 108, _q3_levels),
    "Q4_K": _Form(256, 144, 4, _nibbles(16), 0, *_Q4_K),
    "Q5_K": _Form(256, 176, 6, _sums(_nibbles(48), _single(16, 4)), 0, *_Q4_K),
    "Q6_K": _Form(256, 210, 6, _sums(_six_low, _pairs(128, 4)), 208, _q6_levels),
    "IQ4_NL": _Form(32, 18, 8, lambda block, step: block.found(_halves(2)(block, step))),
    "IQ4_XS": _Form(256, 136, 8, _xs, 0, _xs_levels),
}
assert set(_FORMS) == set(PACKED_TYPES)


def add_kernels(module: ir.Module) -> None:
    """pack_Q4_0 and so on."""
    for name, form in _FORMS.items():
        _add(module, f"pack_{name}", form)


def _add(module: ir.Module, name: str, form: _Form) -> None:
    block_bytes = form.elements * TILE * form.bits // 8

    def tile(code: Code, args: Arguments, item: Any) -> None:
        row_bytes, blocks = args.integer("row_bytes"), args.integer("blocks")
        rows = code.offset(args.pointer("rows"), code.mul(code.mul(item, i64(TILE)), row_bytes), I8)
        with code.loop(0, blocks) as b:
            number = code.add(code.mul(item, blocks), b)
            source = code.offset(rows, code.mul(b, i64(form.size)), I8)
            target = code.offset(args.pointer("weights"), code.mul(number, i64(block_bytes)), I8)
            with code.loop(0, LANES) as lane:
                first = code.offset(source, code.mul(lane, row_bytes), I8)
                second = code.offset(first, code.mul(row_bytes, i64(LANES)), I8)
                here = code.offset(target, lane, I32)
                _write_weights(code, form, (_Block(code, first), _Block(code, second)), here)
            with code.loop(0, TILE) as row:
                address = code.offset(source, code.mul(row, row_bytes), I8)
                _write_scales(code, args, form, address, code.add(code.mul(number, i64(TILE)), row))

    kernel(module, name, lambda code, args: args.integer("tiles"), tile)


def _write_weights(code: Code, form: _Form, pair: tuple[_Block, _Block], here: Any) -> None:
    """Those of two rows that share bytes, or lie in the two halves of a tile."""

    def put(word: Any, vector: int) -> None:
        code.write(word, here, vector * LANES)

    def shared(words: Sequence[Any], down: int, mask: int, up: int) -> Any:
        first, second = (pair[0].moved(word, down, mask) for word in words)
        return code.or_(first, code.shl(second, ir.Constant(I32, up)))

    steps = form.elements // 4
    words = [[form.words(block, step) for block in pair] for step in range(steps)] if form.bits == 8 else []
    if form.bits == 8:
        for step, (first, second) in enumerate(words):
            put(first, 2 * step)
            put(second, 2 * step + 1)
    elif form.bits == 4:
        for step in range(steps):
            put(shared([form.words(block, step) for block in pair], 0, 15, 4), step)
    else:
        for step in range(0, steps, 2):
            two = [[form.words(block, step + i) for block in pair] for i in range(2)]
            high = [shared(words, 4, 3, 2) for words in two]
            for i, words_ in enumerate(two):
                put(shared(words_, 0, 15, 4), 3 * step // 2 + i)
            put(code.or_(high[0], code.shl(high[1], ir.Constant(I32, 4))), 3 * step // 2 + 2)


def _write_scales(code: Code, args: Arguments, form: _Form, address: Any, place: Any) -> None:
    """Of one row's block; ``place`` counts rows of blocks."""

    def half(at: int, field: str, *, negative: bool = False) -> None:
        value = code.read(address, I16, at, step=I8)
        value = code.xor(value, ir.Constant(I16, _SIGN)) if negative else value
        code.write(value, args.pointer(field), place)

    def levels(of: Levels, field: str) -> None:
        found = of(_Block(code, address))
        block, row = code.sdiv(place, i64(TILE)), code.srem(place, i64(TILE))
        first = code.add(code.mul(block, i64(len(found) * TILE)), row)
        for group, level in enumerate(found):
            code.write(level, args.pointer(field), code.add(first, i64(group * TILE)))

    half(form.at, "factors")
    if form.levels is not None:
        levels(form.levels, "levels")
    if form.minimum_at is not None:
        half(form.minimum_at, "minimum_factors", negative=form.negative)
    if form.minimum_levels is not None:
        levels(form.minimum_levels, "minimum_levels")
