"""Writes the kernels for y = x @ W.T + bias with weights in the blocks of GGUF (engines/model/block_types.py).

As in engines/runtimes/native/kernels/matmul.py, activations are rounded to 8 bits in the weights' groups and products
within a group are exact integers. A weight is f l (q - z) - f' l', with one f and f' for several groups, so a group
adds s_x f l (sum of q a - z sum of a) - s_x f' l' (sum of a). Nothing of a weight is rounded.

4 and 8 bits lie as there. 6 bits: for each eight inputs, 64 bytes of low halves for four of them, 64 for the other
four, then 64 bytes of which each holds the high two bits of four weights: of the first four inputs for the outputs 0 to
15 and 16 to 31, then of the others.
"""

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
from engines.runtimes.native.kernels.dots import dot4, dot8, nibbles
from engines.runtimes.native.kernels.instructions import Instructions
from engines.runtimes.native.kernels.layout import LANES, TILE
from engines.runtimes.native.kernels.program import Arguments
from engines.runtimes.native.kernels.tiles import PAIR, add_by_rows, block, finish

_LEVELS = ir.VectorType(I8, LANES)
_QUARTER = TILE * 4 // 2  # bytes of low halves for four inputs of a tile
_STEPS = 2  # of four inputs each, that are unpacked together


def add_kernels(module: ir.Module, instructions: Instructions) -> None:
    """blocks4, blocks6 and blocks8, by the bits of a weight."""
    for bits in (4, 6, 8):
        blocks = [_block(module, instructions, bits, rows) for rows in range(1, instructions.rows + 1)]
        add_by_rows(module, f"blocks{bits}", blocks)


def _block(module: ir.Module, instructions: Instructions, bits: int, rows: int) -> ir.Function:
    unroll = 2 if rows <= 2 else 1  # independent sums hide the latency of the products
    dot = dot8 if bits == 8 else dot4
    bytes_ = _STEPS * TILE * 4 * bits // 8

    def body(code: Code, args: Arguments, tile: Any, row: Any) -> None:
        groups, group = args.integer("groups"), args.integer("group")
        x, x_stride = args.pointer("x"), args.integer("x_stride")
        steps = code.lshr(group, i64(3))  # of eight inputs
        totals = [[code.variable(FLOATS, constant(FLOATS, 0.0)) for _ in PAIR] for _ in range(rows)]
        sums = [[[code.variable(INTS) for _ in range(unroll)] for _ in PAIR] for _ in range(rows)]
        row_starts = [code.offset(x, code.mul(code.add(row, i64(m)), x_stride), I8) for m in range(rows)]
        group_bytes = code.mul(steps, i64(bytes_))
        first_group = code.mul(tile, groups)
        weights = code.offset(args.pointer("weights"), code.mul(first_group, group_bytes), I8)
        with code.loop(0, groups) as g:
            for variable in (v for pair in sums for many in pair for v in many):
                code.store(constant(INTS, 0), variable)
            group_weights = code.offset(weights, code.mul(g, group_bytes), I8)
            group_start = code.mul(g, group)
            with code.loop(0, steps) as k:
                unpacked = _weights(code, code.offset(group_weights, code.mul(k, i64(bytes_)), I8), bits)
                for step, pair in enumerate(unpacked):
                    at = code.add(group_start, code.add(code.shl(k, i64(3)), i64(4 * step)))
                    for m in range(rows):
                        values = code.spread(code.read(row_starts[m], I32, at, step=I8), INTS)
                        for j in PAIR:
                            sum_ = sums[m][j][step % unroll]
                            code.store(dot(code, instructions, code.load(sum_, typ=INTS), pair[j], values), sum_)
            _add_group(code, args, tile, row, g, sums, totals)
        finish(code, args, tile, row, totals)

    return block(module, f"blocks{bits}_rows{rows}", f"blocks{bits}", body)


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
    code: Code, args: Arguments, tile: Any, row: Any, g: Any, sums: list[list[list[Any]]], totals: list[list[Any]]
) -> None:
    """Adds what a group's sums are worth to the totals."""
    groups, zero = args.integer("groups"), code.trunc(args.integer("zero"), I32)
    has_minimum = code.icmp_signed("!=", args.integer("minimum_factors"), i64(0))
    here = [code.add(code.mul(code.add(row, i64(m)), groups), g) for m in range(len(totals))]
    x_sums = [code.read(args.pointer("x_sums"), I32, at) for at in here]
    x_scales = [code.read(args.pointer("x_scales"), F32, at) for at in here]
    for j in PAIR:
        scale = _scale(code, args, tile, g, j, "factors", "levels")
        for m, total in enumerate(totals):
            whole = code.load(sums[m][j][0], typ=INTS)
            for more in sums[m][j][1:]:
                whole = code.add(whole, code.load(more, typ=INTS))
            whole = code.sub(whole, code.spread(code.mul(zero, x_sums[m]), INTS))
            factor = code.fmul(scale, code.spread(x_scales[m], FLOATS))
            code.store(code.fma(code.sitofp(whole, FLOATS), factor, code.load(total[j], typ=FLOATS)), total[j])
        with code.if_then(has_minimum):
            minimum = _scale(code, args, tile, g, j, "minimum_factors", "minimum_levels")
            for m, total in enumerate(totals):
                less = code.fneg(code.fmul(code.sitofp(x_sums[m], F32), x_scales[m]))
                code.store(code.fma(minimum, code.spread(less, FLOATS), code.load(total[j], typ=FLOATS)), total[j])


def _scale(code: Code, args: Arguments, tile: Any, g: Any, j: int, factors: str, levels: str) -> Any:
    """A group's scales for half a tile: float16 factors times the groups' levels, if there are such."""
    groups, shared = args.integer("groups"), args.integer("factor_groups")
    lane = i64(j * LANES)
    blocks = code.sdiv(groups, shared)
    at = code.add(code.mul(code.add(code.mul(tile, blocks), code.sdiv(g, shared)), i64(TILE)), lane)
    result = code.variable(FLOATS, code.fpext(code.read(args.pointer(factors), HALFS, at), FLOATS))
    with code.if_then(code.icmp_signed("!=", args.integer(levels), i64(0))):
        at = code.add(code.mul(code.add(code.mul(tile, groups), g), i64(TILE)), lane)
        level = code.sitofp(code.sext(code.read(args.pointer(levels), _LEVELS, at), INTS), FLOATS)
        code.store(code.fmul(code.load(result, typ=FLOATS), level), result)
    return code.load(result, typ=FLOATS)
