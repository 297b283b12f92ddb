"""Writes the kernels for y = x @ W.T + bias with packed weights (engines/runtimes/native/packed_weights.py).

INT4 and 8-bit weights are multiplied with activations rounded to 8 bits in the weights' groups (``round_rows`` in
engines/runtimes/native/kernels/rows.py) and summed exactly within a group; the groups' sums are added up in float32.
With x = s_x a and W = s_w (q - z), a group adds s_x s_w (sum of q a - z sum of a). Full-precision weights, also
those kept as float16, are multiplied in float32.

A tile is 32 outputs. Threads take tiles; within one, rows are done in blocks whose sums fit into the registers. The
sums of a row are formed in the same order in a block of any size, so its result does not depend on its neighbours.
"""

from typing import Any

from llvmlite import ir

from engines.runtimes.native.kernels.code import (
    BYTES,
    F16,
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
from engines.runtimes.native.kernels.layout import LANES, TILE
from engines.runtimes.native.kernels.program import Arguments
from engines.runtimes.native.kernels.tiles import PAIR, add_by_rows, block, finish, look_ahead

_ZEROS = ir.VectorType(I8, LANES)


def add_kernels(module: ir.Module, instructions: Instructions) -> None:
    """matmul4, matmul8, matmul16 (float16) and matmul32, by the bits of a weight."""
    kinds = [(bits, _integer_block, instructions.rows) for bits in (4, 8)]
    kinds += [(bits, _float_block, instructions.float_rows) for bits in (16, 32)]
    for bits, write, sizes in kinds:
        blocks = {size: write(module, instructions, bits, size) for size in sizes}
        add_by_rows(module, f"matmul{bits}", blocks)


def _integer_block(module: ir.Module, instructions: Instructions, bits: int, rows: int) -> ir.Function:
    chains = 4 if rows == 1 else 2 if rows == 2 else 1  # hide the latency of the products
    turn = 4 if rows <= 2 else 2  # steps of four inputs
    step_bytes = TILE * 4 * bits // 8  # weights of a tile for four inputs

    def body(code: Code, args: Arguments, tile: Any, row: Any) -> None:
        groups, group = args.integer("groups"), args.integer("group")
        x, x_stride = args.pointer("x"), args.integer("x_stride")
        steps = code.lshr(group, i64(2))
        first_group = code.mul(tile, groups)
        totals = [[code.variable(FLOATS, constant(FLOATS, 0.0)) for _ in PAIR] for _ in range(rows)]
        sums = [[Sums(code, instructions, bits, chains) for _ in PAIR] for _ in range(rows)]
        row_starts = [code.offset(x, code.mul(code.add(row, i64(m)), x_stride), I8) for m in range(rows)]
        weights = code.offset(args.pointer("weights"), code.mul(first_group, code.mul(steps, i64(step_bytes))), I8)
        with code.loop(0, groups) as g:
            group_weights = code.offset(weights, code.mul(g, code.mul(steps, i64(step_bytes))), I8)
            group_start = code.mul(g, group)
            for half in halves(instructions, rows):
                every = [pair[j] for pair in sums for j in half]
                for one in every:
                    one.clear()
                with in_runs(code, every, steps, turn, run=LARGEST_RUN.get(bits)) as k:
                    for u in range(turn):
                        step = code.add(k, i64(u))
                        here = code.offset(group_weights, code.mul(step, i64(step_bytes)), I8)
                        if rows == 1:
                            look_ahead(code, here, step_bytes)
                        pair = _weights(code, here, bits)
                        at = code.add(group_start, code.shl(step, i64(2)))
                        for m in range(rows):
                            values = code.spread(code.read(row_starts[m], I32, at, step=I8), INTS)
                            for j in half:
                                sums[m][j].add(u, pair[j], values)
                for j in half:
                    _add_group(code, args, code.add(first_group, g), row, g, j, sums, totals)
        finish(code, args, tile, row, totals)

    return block(module, f"matmul{bits}_rows{rows}", f"matmul{bits}", body)


def _add_group(
    code: Code, args: Arguments, place: Any, row: Any, g: Any, j: int, sums: list[list[Sums]], totals: list[list[Any]]
) -> None:
    """Adds what a group's sums are worth, those of half a tile, to the totals; the scales are the ``place``th."""
    groups = args.integer("groups")
    at = code.add(code.mul(place, i64(TILE)), i64(j * LANES))
    scale = _scale(code, args, at)
    zero = code.zext(code.read(args.pointer("zeros"), _ZEROS, at), INTS)
    zero = code.sub(zero, constant(INTS, sums[0][j].taken_off))
    for m, total in enumerate(totals):
        here = code.add(code.mul(code.add(row, i64(m)), groups), g)
        x_sum = code.spread(code.read(args.pointer("x_sums"), I32, here), INTS)
        x_scale = code.spread(code.read(args.pointer("x_scales"), F32, here), FLOATS)
        whole = code.sub(sums[m][j].total(), code.mul(zero, x_sum))
        added = code.fma(code.sitofp(whole, FLOATS), code.fmul(scale, x_scale), code.load(total[j], typ=FLOATS))
        code.store(added, total[j])


def _weights(code: Code, address: Any, bits: int) -> tuple[Any, Any]:
    """The weights of 32 outputs for four inputs, as two vectors of 16 times four bytes."""
    if bits == 4:
        return nibbles(code, code.read(address, BYTES))
    low, high = (code.bitcast(code.read(address, BYTES, 4 * LANES * j), INTS) for j in PAIR)
    return low, high


def _scale(code: Code, args: Arguments, at: Any) -> Any:
    scales = args.pointer("scales")
    result = code.variable(FLOATS)
    with code.if_else(code.icmp_signed("!=", args.integer("scales_half"), i64(0))) as (half, full):
        with half:
            code.store(code.fpext(code.read(scales, HALFS, at), FLOATS), result)
        with full:
            code.store(code.read(scales, FLOATS, at), result)
    return code.load(result, typ=FLOATS)


def _float_block(module: ir.Module, instructions: Instructions, bits: int, rows: int) -> ir.Function:
    stored, vector = (F16, HALFS) if bits == 16 else (F32, FLOATS)

    def body(code: Code, args: Arguments, tile: Any, row: Any) -> None:
        inputs = code.mul(args.integer("groups"), args.integer("group"))
        x, x_stride = args.pointer("x"), args.integer("x_stride")
        weights = code.offset(args.pointer("weights"), code.mul(tile, code.mul(inputs, i64(TILE))), stored)
        totals = [[code.variable(FLOATS, constant(FLOATS, 0.0)) for _ in PAIR] for _ in range(rows)]
        row_starts = [code.offset(x, code.mul(code.add(row, i64(m)), x_stride), F32) for m in range(rows)]
        with code.loop(0, inputs) as k:
            at = code.mul(k, i64(TILE))
            if rows == 1:
                look_ahead(code, code.offset(weights, at, stored), TILE * bits // 8)
            pair = [code.read(weights, vector, code.add(at, i64(j * LANES))) for j in PAIR]
            if bits == 16:
                pair = [code.fpext(half, FLOATS) for half in pair]
            for m in range(rows):
                value = code.spread(code.read(row_starts[m], F32, k), FLOATS)
                for j in PAIR:
                    total = totals[m][j]
                    code.store(code.fma(pair[j], value, code.load(total, typ=FLOATS)), total)
        finish(code, args, tile, row, totals)

    return block(module, f"matmul{bits}_rows{rows}", f"matmul{bits}", body)
