"""Writes the kernels for y = x @ W.T + bias with packed weights (engines/runtimes/native/packed_weights.py).

INT4 and 8-bit weights are multiplied with activations rounded to 8 bits in the weights' groups (``round_rows`` in
engines/runtimes/native/kernels/rows.py) and summed exactly within a group; the groups' sums are added up in float32.
With x = s_x a and W = s_w (q - z), a group adds s_x s_w (sum of q a - z sum of a). Full-precision weights are
multiplied in float32.

A tile is 32 outputs. Threads take tiles; within one, rows are done in blocks whose sums fit into the registers. The
sums of a row are formed in the same order in a block of any size, so its result does not depend on its neighbours.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from engines.runtimes.native.kernels.code import (
    BYTES,
    F32,
    FLOATS,
    HALFS,
    I8,
    I32,
    I64,
    INTS,
    POINTER,
    VOID,
    Code,
    constant,
    i64,
)
from engines.runtimes.native.kernels.dots import dot4, dot8, nibbles
from engines.runtimes.native.kernels.instructions import Instructions
from engines.runtimes.native.kernels.layout import LANES, TILE
from engines.runtimes.native.kernels.program import Arguments, kernel

_ZEROS = ir.VectorType(I8, LANES)
_PAIR = range(2)  # the two vectors of a tile


def add_kernels(module: ir.Module, instructions: Instructions) -> None:
    """matmul4, matmul8 and matmul32, by the bits of a weight."""
    for bits, block in ((4, _integer_block), (8, _integer_block), (32, _float_block)):
        blocks = [block(module, instructions, bits, rows) for rows in range(1, instructions.rows + 1)]
        _add(module, f"matmul{bits}", blocks)


def _add(module: ir.Module, name: str, blocks: list[ir.Function]) -> None:
    largest = len(blocks)

    def tile(code: Code, args: Arguments, item: Any) -> None:
        rows = args.rows()
        whole = code.sub(rows, code.srem(rows, i64(largest)))
        with code.loop(0, whole, largest) as row:
            code.call(blocks[-1], (args.op, item, row))
        rest = code.sub(rows, whole)
        for count in range(1, largest):
            with code.if_then(code.icmp_signed("==", rest, i64(count))):
                code.call(blocks[count - 1], (args.op, item, whole))

    kernel(module, name, lambda code, args: args.integer("tiles"), tile)


def _block(module: ir.Module, name: str, body: Callable[[Code, Arguments, Any, Any], None]) -> ir.Function:
    """A function of (operation, tile, first row)."""
    function = ir.Function(module, ir.FunctionType(VOID, (POINTER, I64, I64)), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    code = Code(function)
    op, tile, row = function.args
    body(code, Arguments(code, op, None, "matmul4"), tile, row)
    code.done()
    return function


def _integer_block(module: ir.Module, instructions: Instructions, bits: int, rows: int) -> ir.Function:
    unroll = 4 if rows == 1 else 2 if rows == 2 else 1  # independent sums hide the latency of the products
    dot = dot4 if bits == 4 else dot8
    step_bytes = TILE * 4 * bits // 8  # weights of a tile for four inputs

    def body(code: Code, args: Arguments, tile: Any, row: Any) -> None:
        groups, group = args.integer("groups"), args.integer("group")
        x, x_stride = args.pointer("x"), args.integer("x_stride")
        steps = code.lshr(group, i64(2))
        first_group = code.mul(tile, groups)
        totals = [[code.variable(FLOATS, constant(FLOATS, 0.0)) for _ in _PAIR] for _ in range(rows)]
        sums = [[[code.variable(INTS) for _ in range(unroll)] for _ in _PAIR] for _ in range(rows)]
        row_starts = [code.offset(x, code.mul(code.add(row, i64(m)), x_stride), I8) for m in range(rows)]
        weights = code.offset(args.pointer("weights"), code.mul(first_group, code.mul(steps, i64(step_bytes))), I8)
        with code.loop(0, groups) as g:
            for variable in (v for pair in sums for many in pair for v in many):
                code.store(constant(INTS, 0), variable)
            group_weights = code.offset(weights, code.mul(g, code.mul(steps, i64(step_bytes))), I8)
            group_start = code.mul(g, group)
            with code.loop(0, steps, unroll) as k:
                for u in range(unroll):
                    step = code.add(k, i64(u))
                    pair = _weights(code, code.offset(group_weights, code.mul(step, i64(step_bytes)), I8), bits)
                    at = code.add(group_start, code.shl(step, i64(2)))
                    for m in range(rows):
                        four = code.read(row_starts[m], I32, at, step=I8)
                        values = code.spread(four, INTS)
                        for j in _PAIR:
                            sum_ = sums[m][j][u]
                            code.store(dot(code, instructions, code.load(sum_, typ=INTS), pair[j], values), sum_)
            for j in _PAIR:
                at = code.add(code.mul(code.add(first_group, g), i64(TILE)), i64(j * LANES))
                scale = _scale(code, args, at)
                zero = code.zext(code.read(args.pointer("zeros"), _ZEROS, at), INTS)
                for m in range(rows):
                    here = code.add(code.mul(code.add(row, i64(m)), groups), g)
                    x_sum = code.spread(code.read(args.pointer("x_sums"), I32, here), INTS)
                    x_scale = code.spread(code.read(args.pointer("x_scales"), F32, here), FLOATS)
                    whole = code.load(sums[m][j][0], typ=INTS)
                    for u in range(1, unroll):
                        whole = code.add(whole, code.load(sums[m][j][u], typ=INTS))
                    whole = code.sub(whole, code.mul(zero, x_sum))
                    total = code.load(totals[m][j], typ=FLOATS)
                    added = code.fma(code.sitofp(whole, FLOATS), code.fmul(scale, x_scale), total)
                    code.store(added, totals[m][j])
        _finish(code, args, tile, row, totals)

    return _block(module, f"matmul{bits}_rows{rows}", body)


def _weights(code: Code, address: Any, bits: int) -> tuple[Any, Any]:
    """The weights of 32 outputs for four inputs, as two vectors of 16 times four bytes."""
    if bits == 4:
        return nibbles(code, code.read(address, BYTES))
    low, high = (code.bitcast(code.read(address, BYTES, 4 * LANES * j), INTS) for j in _PAIR)
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
    def body(code: Code, args: Arguments, tile: Any, row: Any) -> None:
        inputs = code.mul(args.integer("groups"), args.integer("group"))
        x, x_stride = args.pointer("x"), args.integer("x_stride")
        weights = code.offset(args.pointer("weights"), code.mul(tile, code.mul(inputs, i64(TILE))), F32)
        totals = [[code.variable(FLOATS, constant(FLOATS, 0.0)) for _ in _PAIR] for _ in range(rows)]
        row_starts = [code.offset(x, code.mul(code.add(row, i64(m)), x_stride), F32) for m in range(rows)]
        with code.loop(0, inputs) as k:
            at = code.mul(k, i64(TILE))
            pair = [code.read(weights, FLOATS, code.add(at, i64(j * LANES))) for j in _PAIR]
            for m in range(rows):
                value = code.spread(code.read(row_starts[m], F32, k), FLOATS)
                for j in _PAIR:
                    total = totals[m][j]
                    code.store(code.fma(pair[j], value, code.load(total, typ=FLOATS)), total)
        _finish(code, args, tile, row, totals)

    return _block(module, f"matmul{bits}_rows{rows}", body)


def _finish(code: Code, args: Arguments, tile: Any, row: Any, totals: list[list[Any]]) -> None:
    """Adds the bias and writes the tile's outputs."""
    y, y_stride, bias = args.pointer("y"), args.integer("y_stride"), args.pointer("bias")
    column = code.mul(tile, i64(TILE))
    with code.if_then(code.icmp_signed("!=", args.integer("bias"), i64(0))):
        for j in _PAIR:
            more = code.read(bias, FLOATS, code.add(column, i64(j * LANES)))
            for total in totals:
                code.store(code.fadd(code.load(total[j], typ=FLOATS), more), total[j])
    for m, total in enumerate(totals):
        start = code.add(code.mul(code.add(row, i64(m)), y_stride), column)
        for j in _PAIR:
            code.write(code.load(total[j], typ=FLOATS), y, code.add(start, i64(j * LANES)))
