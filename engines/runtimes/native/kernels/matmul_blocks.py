"""Writes the kernels for y = x @ W.T + bias with weights in the blocks of GGUF (engines/model/block_types.py).

As in engines/runtimes/native/kernels/matmul.py, activations are rounded to 8 bits in the weights' groups and products
within a group are exact integers. A weight is f l (q - z) - f' l', with one f and f' for several groups, so a group
adds s_x f l (sum of q a) - (f l z + f' l') (s_x sum of a). Nothing of a weight is rounded.

4 and 8 bits lie as there. 6 bits: for each eight inputs, 64 bytes of low halves for four of them, 64 for the other
four, then 64 bytes of which each holds the high two bits of four weights: of the first four inputs for the outputs 0 to
15 and 16 to 31, then of the others.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from engines.runtimes.native.kernels.code import (
    BYTES,
    F32,
    FLOATS,
    HALFS,
    I8,
    I32,
    INTS,
    Code,
    constant,
    i64,
)
from engines.runtimes.native.kernels.dots import LARGEST_RUN, Sums, halves, in_runs, nibbles
from engines.runtimes.native.kernels.instructions import Instructions
from engines.runtimes.native.kernels.layout import BLOCK_GROUPS, LANES, TILE
from engines.runtimes.native.kernels.program import Arguments
from engines.runtimes.native.kernels.tiles import PAIR, add_by_rows, block, finish, look_ahead

_LEVELS = ir.VectorType(I8, LANES)
_QUARTER = TILE * 4 // 2  # bytes of low halves for four inputs of a tile
_STEPS = 2  # of four inputs each, that are unpacked together
assert max(BLOCK_GROUPS) <= 4 * LARGEST_RUN[4] and LARGEST_RUN[6] == _STEPS


def add_kernels(module: ir.Module, instructions: Instructions) -> None:
    """blocks4, blocks6 and blocks8, by the bits of a weight."""
    for bits in (4, 6, 8):
        blocks = {rows: _block(module, instructions, bits, rows) for rows in instructions.rows}
        add_by_rows(module, f"blocks{bits}", blocks)


def _block(module: ir.Module, instructions: Instructions, bits: int, rows: int) -> ir.Function:
    chains = 2 if rows <= 2 else 1  # hide the latency of the products
    run = _STEPS if bits == 6 else None  # those of a whole group fit, for 4 bits
    bytes_ = _STEPS * TILE * 4 * bits // 8

    def body(code: Code, args: Arguments, tile: Any, row: Any) -> None:
        groups, group, shared = (args.integer(name) for name in ("groups", "group", "factor_groups"))
        x, x_stride = args.pointer("x"), args.integer("x_stride")
        steps = code.lshr(group, i64(2))  # of four inputs
        totals = [[code.variable(FLOATS, constant(FLOATS, 0.0)) for _ in PAIR] for _ in range(rows)]
        sums = [[Sums(code, instructions, bits, chains) for _ in PAIR] for _ in range(rows)]
        row_starts = [code.offset(x, code.mul(code.add(row, i64(m)), x_stride), I8) for m in range(rows)]
        group_bytes = code.mul(steps, i64(bytes_ // _STEPS))
        first_group = code.mul(tile, groups)
        weights = code.offset(args.pointer("weights"), code.mul(first_group, group_bytes), I8)
        blocks = code.sdiv(groups, shared)
        with code.loop(0, blocks) as b:
            scales = _GroupScales(code, args, tile, code.add(code.mul(tile, blocks), b), sums[0][0].taken_off)
            first = code.mul(b, shared)
            for half in halves(instructions, rows):
                every = [pair[j] for pair in sums for j in half]
                with code.loop(first, code.add(first, shared)) as g:
                    group_weights = code.offset(weights, code.mul(g, group_bytes), I8)
                    group_start = code.mul(g, group)
                    worth = [scales.of_group(g, j) for j in half]
                    for one in every:
                        one.clear()
                    with in_runs(code, every, steps, _STEPS, run=run) as k:
                        here = code.offset(group_weights, code.mul(k, i64(bytes_ // _STEPS)), I8)
                        if rows == 1:
                            look_ahead(code, here, bytes_)
                        elif rows == instructions.rows[-1]:  # the next tile comes while this one is multiplied
                            look_ahead(code, here, bytes_, code.mul(groups, group_bytes))
                        at = code.add(group_start, code.shl(k, i64(2)))
                        values = [code.offset(start, at, I8) for start in row_starts]
                        _add_products(code, _weights(code, here, bits), values, half, sums)
                    for j, of_group in zip(half, worth, strict=True):
                        of_rows = [(pair[j], total[j]) for pair, total in zip(sums, totals, strict=True)]
                        _add_group(code, args, of_group, row, g, of_rows)
        finish(code, args, tile, row, totals)

    return block(module, f"blocks{bits}_rows{rows}", f"blocks{bits}", body)


def _add_products(
    code: Code,
    weights: Sequence[Sequence[Any]],
    values: Sequence[Any],
    half: Sequence[int],
    sums: Sequence[Sequence[Sums]],
) -> None:
    """Of two steps with each row's values, which lie at these addresses."""
    for step, pair in enumerate(weights):
        for row, address in enumerate(values):
            four = code.spread(code.read(address, I32, step), INTS)
            for j in half:
                sums[row][j].add(step, pair[j], four)


def _weights(code: Code, address: Any, bits: int) -> list[tuple[Any, Any]]:
    """The weights of 32 outputs for twice four inputs, each as two vectors of 16 times four bytes."""
    if bits == 8:
        size = 4 * LANES
        parts = [code.bitcast(code.read(address, BYTES, size * i), INTS) for i in range(2 * _STEPS)]
        return [(parts[0], parts[1]), (parts[2], parts[3])]
    pairs = [nibbles(code, code.read(address, BYTES, _QUARTER * step)) for step in range(_STEPS)]
    if bits == 4:
        return pairs
    high = code.bitcast(code.read(address, BYTES, _QUARTER * _STEPS), INTS)
    mask = constant(INTS, 0x30303030)
    four, two = constant(INTS, 4), constant(INTS, 2)
    highs = (code.shl(high, four), code.shl(high, two), high, code.lshr(high, two))
    a, b, c, d = (code.and_(part, mask) for part in highs)
    (w0, w1), (w2, w3) = pairs
    return [(code.or_(w0, a), code.or_(w1, b)), (code.or_(w2, c), code.or_(w3, d))]


def _add_group(
    code: Code, args: Arguments, worth: tuple[Any, Any], row: Any, g: Any, sums: Sequence[tuple[Sums, Any]]
) -> None:
    """Adds a group's sums to the totals beside them, those of half a tile for each row."""
    scale, less = worth
    for m, (products, total) in enumerate(sums):
        at = code.add(code.mul(code.add(row, i64(m)), args.integer("groups")), g)
        x_scale, x_total = (
            code.spread(code.read(args.pointer(name), F32, at), FLOATS) for name in ("x_scales", "x_totals")
        )
        more = code.fma(less, x_total, code.load(total, typ=FLOATS))
        whole = code.sitofp(products.total(), FLOATS)
        code.store(code.fma(whole, code.fmul(scale, x_scale), more), total)


class _GroupScales:
    """The scales of one block of a tile: factors for its groups, and minimums where there are some."""

    def __init__(self, code: Code, args: Arguments, tile: Any, block: Any, taken_off: int) -> None:
        self._code, self._args, self._tile = code, args, tile
        self._groups = args.integer("groups")
        zero = code.sub(code.trunc(args.integer("zero"), I32), ir.Constant(I32, taken_off))
        self._zero = code.spread(code.sitofp(zero, F32), FLOATS)
        self._factors = [self._halfs("factors", block, j) for j in PAIR]
        minimums = [code.variable(FLOATS, constant(FLOATS, 0.0)) for _ in PAIR]
        with code.if_then(code.icmp_signed("!=", args.integer("minimum_factors"), i64(0))):
            for j, minimum in enumerate(minimums):
                code.store(self._halfs("minimum_factors", block, j), minimum)
        self._minimums = [code.load(minimum, typ=FLOATS) for minimum in minimums]

    def of_group(self, g: Any, j: int) -> tuple[Any, Any]:
        """What a product of the group is worth, and what is taken off for each input, of half a tile."""
        code = self._code
        scale = self._with_level(self._factors[j], "levels", g, j)
        minimum = self._with_level(self._minimums[j], "minimum_levels", g, j)
        return scale, code.fneg(code.fma(scale, self._zero, minimum))

    def _halfs(self, name: str, block: Any, j: int) -> Any:
        """Factors for half a tile."""
        at = self._code.add(self._code.mul(block, i64(TILE)), i64(j * LANES))
        return self._code.fpext(self._code.read(self._args.pointer(name), HALFS, at), FLOATS)

    def _with_level(self, factors: Any, levels: str, g: Any, j: int) -> Any:
        """Factors times a group's levels, if there are such."""
        code, args = self._code, self._args
        result = code.variable(FLOATS, factors)
        with code.if_then(code.icmp_signed("!=", args.integer(levels), i64(0))):
            first = code.mul(code.add(code.mul(self._tile, self._groups), g), i64(TILE))
            level = code.read(args.pointer(levels), _LEVELS, code.add(first, i64(j * LANES)))
            code.store(code.fmul(factors, code.sitofp(code.sext(level, INTS), FLOATS)), result)
        return code.load(result, typ=FLOATS)
