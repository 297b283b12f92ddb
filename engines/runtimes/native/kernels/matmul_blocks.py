"""Writes the kernels for y = x @ W.T + bias with weights in the blocks of GGUF (engines/model/block_types.py).

As in engines/runtimes/native/kernels/matmul.py, activations are rounded to 8 bits in the weights' groups and products
within a group are exact integers. A weight is f l (q - z) - f' l', with one f and f' for several groups, so a group
adds s_x f l (sum of q a - z sum of a) - s_x f' l' (sum of a). Nothing of a weight is rounded.

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
    turn = _STEPS if bits == 6 or rows > 2 else 2 * _STEPS
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
            scales = _GroupScales(code, args, tile, code.add(code.mul(tile, blocks), b))
            first = code.mul(b, shared)
            with code.loop(first, code.add(first, shared)) as g:
                group_weights = code.offset(weights, code.mul(g, group_bytes), I8)
                group_start = code.mul(g, group)
                for half in halves(instructions, rows):
                    every = [pair[j] for pair in sums for j in half]
                    for one in every:
                        one.clear()
                    with in_runs(code, every, steps, turn, run=run) as k:
                        for step in range(0, turn, _STEPS):
                            first_step = code.add(k, i64(step))
                            here = code.offset(group_weights, code.mul(first_step, i64(bytes_ // _STEPS)), I8)
                            if rows == 1:
                                look_ahead(code, here, bytes_)
                            at = code.add(group_start, code.shl(first_step, i64(2)))
                            values = [code.offset(start, at, I8) for start in row_starts]
                            _add_products(code, _weights(code, here, bits), values, half, sums)
                    for j in half:
                        scales.add_group(row, g, j, sums, totals)
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


class _GroupScales:
    """The scales of one block of a tile: factors for its groups, and minimums where there are some."""

    def __init__(self, code: Code, args: Arguments, tile: Any, block: Any) -> None:
        self._code, self._args, self._tile = code, args, tile
        self._groups = args.integer("groups")
        self._has_minimum = code.icmp_signed("!=", args.integer("minimum_factors"), i64(0))
        self._factors = [self._halfs("factors", block, j) for j in PAIR]
        self._minimums = [code.variable(FLOATS, constant(FLOATS, 0.0)) for _ in PAIR]
        with code.if_then(self._has_minimum):
            for j, minimum in enumerate(self._minimums):
                code.store(self._halfs("minimum_factors", block, j), minimum)

    def add_group(
        self, row: Any, g: Any, j: int, sums: Sequence[Sequence[Sums]], totals: Sequence[Sequence[Any]]
    ) -> None:
        """Adds what a group's sums are worth, those of half a tile, to the totals."""
        code, args = self._code, self._args
        zero = code.sub(code.trunc(args.integer("zero"), I32), ir.Constant(I32, sums[0][j].taken_off))
        here = [code.add(code.mul(code.add(row, i64(m)), self._groups), g) for m in range(len(totals))]
        x_sums = [code.read(args.pointer("x_sums"), I32, at) for at in here]
        x_scales = [code.read(args.pointer("x_scales"), F32, at) for at in here]
        scale = self._with_level(self._factors[j], "levels", g, j)
        for m, total in enumerate(totals):
            whole = code.sub(sums[m][j].total(), code.spread(code.mul(zero, x_sums[m]), INTS))
            factor = code.fmul(scale, code.spread(x_scales[m], FLOATS))
            code.store(code.fma(code.sitofp(whole, FLOATS), factor, code.load(total[j], typ=FLOATS)), total[j])
        with code.if_then(self._has_minimum):
            minimum = self._with_level(code.load(self._minimums[j], typ=FLOATS), "minimum_levels", g, j)
            for m, total in enumerate(totals):
                less = code.fneg(code.fmul(code.sitofp(x_sums[m], F32), x_scales[m]))
                code.store(code.fma(minimum, code.spread(less, FLOATS), code.load(total[j], typ=FLOATS)), total[j])

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
