"""Writes what all products share: rows in blocks whose sums fit into the registers, and a tile's outputs.

A tile is 32 outputs, two vectors of 16. Threads take tiles.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from engines.runtimes.native.kernels.code import FLOATS, I64, POINTER, VOID, Code, i64
from engines.runtimes.native.kernels.layout import LANES, TILE
from engines.runtimes.native.kernels.program import Arguments, kernel

PAIR = range(2)  # the two vectors of a tile


def add_by_rows(module: ir.Module, name: str, blocks: list[ir.Function]) -> None:
    """A kernel that computes all rows of a tile by functions for 1, 2, ... rows."""
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


def block(module: ir.Module, name: str, kernel: str, body: Callable[[Code, Arguments, Any, Any], None]) -> ir.Function:
    """A function of (operation, tile, first row); the operation has the fields of ``kernel``."""
    function = ir.Function(module, ir.FunctionType(VOID, (POINTER, I64, I64)), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    code = Code(function)
    op, tile, row = function.args
    body(code, Arguments(code, op, None, kernel), tile, row)
    code.done()
    return function


def finish(code: Code, args: Arguments, tile: Any, row: Any, totals: list[list[Any]]) -> None:
    """Adds the bias and writes the tile's outputs."""
    y, y_stride, bias = args.pointer("y"), args.integer("y_stride"), args.pointer("bias")
    column = code.mul(tile, i64(TILE))
    with code.if_then(code.icmp_signed("!=", args.integer("bias"), i64(0))):
        for j in PAIR:
            more = code.read(bias, FLOATS, code.add(column, i64(j * LANES)))
            for total in totals:
                code.store(code.fadd(code.load(total[j], typ=FLOATS), more), total[j])
    for m, total in enumerate(totals):
        start = code.add(code.mul(code.add(row, i64(m)), y_stride), column)
        for j in PAIR:
            code.write(code.load(total[j], typ=FLOATS), y, code.add(start, i64(j * LANES)))
