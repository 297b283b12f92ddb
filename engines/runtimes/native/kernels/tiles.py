"""Writes what all products share: rows in blocks whose sums fit into the registers, and a tile's outputs.

A tile is 32 outputs, two vectors of 16. Threads take tiles.
"""

from collections.abc import Callable, Mapping
from typing import Any

from llvmlite import ir

from engines.runtimes.native.kernels.code import FLOATS, I8, I64, POINTER, VOID, Code, i64
from engines.runtimes.native.kernels.layout import LANES, TILE, WORDS
from engines.runtimes.native.kernels.program import Arguments, kernel

PAIR = range(2)  # the two vectors of a tile
_LINE, _AHEAD = 64, 8192  # bytes


def add_by_rows(module: ir.Module, name: str, blocks: Mapping[int, ir.Function]) -> None:
    """A kernel that computes all rows of a tile by functions for some numbers of rows, and one that does so for each of
    several experts with its stretch of rows."""

    def tile(code: Code, args: Arguments, item: Any) -> None:
        _by_blocks(code, blocks, args.op, item, i64(0), args.rows())

    def tile_of_expert(code: Code, args: Arguments, item: Any) -> None:
        tiles = args.integer("tiles")
        expert = code.offset(args.pointer("active"), code.add(i64(1), code.mul(code.sdiv(item, tiles), i64(3))), I64)
        number, first, rows = (code.read(expert, I64, at) for at in range(3))
        op = code.offset(args.pointer("operations"), code.mul(number, i64(WORDS)), I64)
        _by_blocks(code, blocks, op, code.srem(item, tiles), first, rows)

    def tiles_of_experts(code: Code, args: Arguments) -> Any:
        return code.mul(code.read(args.pointer("active"), I64), args.integer("tiles"))

    kernel(module, name, lambda code, args: args.integer("tiles"), tile)
    kernel(module, f"{name}_experts", tiles_of_experts, tile_of_expert)


def _by_blocks(code: Code, blocks: Mapping[int, ir.Function], op: Any, tile: Any, first: Any, rows: Any) -> None:
    """A tile's outputs for ``rows`` rows from the ``first`` on: as many at a time as there are functions for."""
    row, stop = first, code.add(first, rows)
    for size in sorted(blocks, reverse=True):
        rest = code.sub(stop, row)
        beyond = code.add(row, code.sub(rest, code.srem(rest, i64(size))))
        with code.loop(row, beyond, size) as here:
            code.call(blocks[size], (op, tile, here))
        row = beyond


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


def look_ahead(code: Code, weights: Any, count: int, distance: Any = _AHEAD) -> None:
    """Asks for ``count`` bytes of weights, ``distance`` bytes further on, that will be read soon. A single row is done
    as fast as weights come, and the processor's own looking ahead ends with a page of memory."""
    ahead = code.offset(weights, distance, I8)
    for line in range(0, count, _LINE):
        code.prefetch(code.offset(ahead, line, I8))


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
