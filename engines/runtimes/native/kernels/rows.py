"""Writes the kernels that change rows of activations between products: norms, rounding to 8 bits, the gate, choice.

engines/runtimes/native/kernels/layout.py says what the fields mean.
"""

import math
from typing import Any

from llvmlite import ir

from engines.runtimes.native.kernels.code import F32, FLOATS, I8, I64, INTS, Code, constant, i64
from engines.runtimes.native.kernels.layout import LANES
from engines.runtimes.native.kernels.program import Arguments, kernel

_BYTES = ir.VectorType(I8, LANES)
_PART = 1024  # elements of a row that one thread takes at a time


def add_kernels(module: ir.Module) -> None:
    kernel(module, "norm", each_row, _norm)
    kernel(module, "add", parts, lambda code, args, item: by_parts(code, args, item, _add))
    kernel(module, "head_norm", each_row, _head_norm)
    kernel(module, "round_rows", each_row, _round)
    kernel(module, "gated", parts, lambda code, args, item: by_parts(code, args, item, _gated))
    kernel(module, "softcap", parts, lambda code, args, item: by_parts(code, args, item, _softcap))
    kernel(module, "choose", each_row, _choose)
    kernel(module, "prepare", each_row, _prepare)


def each_row(code: Code, args: Arguments) -> Any:
    return args.rows()


def parts(code: Code, args: Arguments) -> Any:
    return code.mul(args.rows(), _parts_of_row(code, args))


def _parts_of_row(code: Code, args: Arguments) -> Any:
    return code.sdiv(code.add(args.integer("width"), i64(_PART - 1)), i64(_PART))


def by_parts(code: Code, args: Arguments, item: Any, body: Any) -> None:
    """``body(code, args, row, start, stop)`` for a part of a row."""
    parts, width = _parts_of_row(code, args), args.integer("width")
    start = code.mul(code.srem(item, parts), i64(_PART))
    full = code.add(start, i64(_PART))
    stop = code.select(code.icmp_signed("<", full, width), full, width)
    body(code, args, code.sdiv(item, parts), start, stop)


def row_at(code: Code, args: Arguments, name: str, row: Any) -> Any:
    """Where a row of float32 begins."""
    return code.offset(args.pointer(name), code.mul(row, args.integer(f"{name}_stride")), F32)


def _norm(code: Code, args: Arguments, row: Any) -> None:
    """y = x / sqrt(mean(x^2) + eps) * weight, after adding ``change`` (0 for none) to x, which keeps the sum."""
    x, y, weight = row_at(code, args, "x", row), row_at(code, args, "y", row), args.pointer("weight")
    width = args.integer("width")
    squares = code.variable(FLOATS, constant(FLOATS, 0.0))
    with code.if_then(code.icmp_signed("!=", args.integer("change"), i64(0))):
        change = row_at(code, args, "change", row)
        with code.loop(0, width, LANES) as i:
            code.write(code.fadd(code.read(x, FLOATS, i), code.read(change, FLOATS, i)), x, i)
    with code.loop(0, width, LANES) as i:
        value = code.read(x, FLOATS, i)
        code.store(code.fma(value, value, code.load(squares, typ=FLOATS)), squares)
    total = code.folded(code.load(squares, typ=FLOATS), code.fadd)
    factor = code.spread(_factor(code, args, total), FLOATS)
    with code.loop(0, width, LANES) as i:
        value = code.fmul(code.fmul(code.read(x, FLOATS, i), factor), code.read(weight, FLOATS, i))
        code.write(value, y, i)


def _add(code: Code, args: Arguments, row: Any, start: Any, stop: Any) -> None:
    """x = x + change, in place."""
    x, change = row_at(code, args, "x", row), row_at(code, args, "change", row)
    with code.loop(start, stop, LANES) as i:
        code.write(code.fadd(code.read(x, FLOATS, i), code.read(change, FLOATS, i)), x, i)


def _factor(code: Code, args: Arguments, squares: Any) -> Any:
    """1 / sqrt(mean + eps)"""
    mean = code.fdiv(squares, args.number("features"))
    return code.fdiv(constant(F32, 1.0), code.root(code.fadd(mean, args.number("eps"))))


def _head_norm(code: Code, args: Arguments, row: Any) -> None:
    """The norm of each head by itself, in place."""
    x, weight, dim = row_at(code, args, "x", row), args.pointer("weight"), args.integer("head_dim")
    sums = {kind: code.variable(kind) for kind in (FLOATS, F32)}
    with code.loop(0, args.integer("heads")) as head:
        values = code.offset(x, code.mul(head, dim), F32)
        for kind, variable in sums.items():
            code.store(constant(kind, 0.0), variable)

        def square(i: Any, kind: ir.Type, values: Any = values) -> None:
            value = code.read(values, kind, i)
            code.store(code.fma(value, value, code.load(sums[kind], typ=kind)), sums[kind])

        code.lanes(dim, square)
        wide = code.folded(code.load(sums[FLOATS], typ=FLOATS), code.fadd)
        factor = _factor(code, args, code.fadd(wide, code.load(sums[F32], typ=F32)))

        def scale(i: Any, kind: ir.Type, values: Any = values, factor: Any = factor) -> None:
            value = code.fmul(code.read(values, kind, i), code.spread(factor, kind))
            code.write(code.fmul(value, code.read(weight, kind, i)), values, i)

        code.lanes(dim, scale)


def _round(code: Code, args: Arguments, row: Any) -> None:
    """Rounds each group of a row to whole numbers from -127 to 127 times a scale, and adds them up, also times it."""
    x, groups, group = row_at(code, args, "x", row), args.integer("groups"), args.integer("group")
    y = code.offset(args.pointer("y"), code.mul(row, args.integer("y_stride")), I8)
    largest, total = code.variable(FLOATS), code.variable(INTS)
    with code.loop(0, groups) as g:
        start = code.mul(g, group)
        stop = code.add(start, group)
        code.store(constant(FLOATS, 0.0), largest)
        code.store(constant(INTS, 0), total)
        with code.loop(start, stop, LANES) as i:
            size = code.absolute(code.read(x, FLOATS, i))
            code.store(code.maximum(size, code.load(largest, typ=FLOATS)), largest)
        top = code.folded(code.load(largest, typ=FLOATS), code.maximum)
        # Numbers too small to be divided by are zero.
        tiny = code.fcmp_ordered("<", top, constant(F32, 1e-30))
        inverse = code.select(tiny, constant(F32, 0.0), code.fdiv(constant(F32, 127.0), top))
        factor = code.spread(inverse, FLOATS)
        with code.loop(start, stop, LANES) as i:
            whole = code.fptosi(code.rounded(code.fmul(code.read(x, FLOATS, i), factor)), INTS)
            code.store(code.add(whole, code.load(total, typ=INTS)), total)
            code.write(code.trunc(whole, _BYTES), y, i)
        at = code.add(code.mul(row, groups), g)
        scale, whole = code.fmul(top, constant(F32, 1 / 127)), code.folded(code.load(total, typ=INTS), code.add)
        code.write(scale, args.pointer("scales"), at)
        code.write(whole, args.pointer("sums"), at)
        code.write(code.fmul(code.sitofp(whole, F32), scale), args.pointer("totals"), at)


def _gated(code: Code, args: Arguments, row: Any, start: Any, stop: Any) -> None:
    """gate = activation(gate) * up, in place."""
    gate, up = row_at(code, args, "gate", row), row_at(code, args, "up", row)
    for gelu, activation in ((0, _silu), (1, _gelu)):
        chosen = code.icmp_signed("==", args.integer("gelu"), i64(gelu))
        with code.if_then(chosen), code.loop(start, stop, LANES) as i:
            activated = activation(code, code.read(gate, FLOATS, i))
            code.write(code.fmul(activated, code.read(up, FLOATS, i)), gate, i)


def _silu(code: Code, x: Any) -> Any:
    one = constant(FLOATS, 1.0)
    return code.fdiv(x, code.fadd(one, code.exp(code.fneg(x))))


def _gelu(code: Code, x: Any) -> Any:
    """With tanh, as Gemma has it (Hendrycks and Gimpel, 2016)."""
    cube = code.fmul(code.fmul(x, x), x)
    inner = code.fma(cube, constant(FLOATS, 0.044715), x)
    bent = code.tanh(code.fmul(inner, constant(FLOATS, math.sqrt(2 / math.pi))))
    half = code.fmul(x, constant(FLOATS, 0.5))
    return code.fma(half, bent, half)


def _softcap(code: Code, args: Arguments, row: Any, start: Any, stop: Any) -> None:
    """x = cap * tanh(x / cap), in place."""
    x, cap = row_at(code, args, "x", row), code.spread(args.number("cap"), FLOATS)
    with code.loop(start, stop, LANES) as i:
        code.write(code.fmul(code.tanh(code.fdiv(code.read(x, FLOATS, i), cap)), cap), x, i)


def _choose(code: Code, args: Arguments, row: Any) -> None:
    """y[row] = x[chosen[row]]"""
    source = row_at(code, args, "x", code.read(args.step_pointer("chosen"), I64, row))
    target = row_at(code, args, "y", row)
    with code.loop(0, args.integer("width"), LANES) as i:
        code.write(code.read(source, FLOATS, i), target, i)


def _prepare(code: Code, args: Arguments, row: Any) -> None:
    """y[i] = (x * scale)[order[i]]; ``scale`` float32 and ``order`` int64 hold one number for each input."""
    x, y = row_at(code, args, "x", row), row_at(code, args, "y", row)
    with code.loop(0, args.integer("inputs")) as i:
        source = code.read(args.pointer("order"), I64, i)
        value = code.fmul(code.read(x, F32, source), code.read(args.pointer("scale"), F32, source))
        code.write(value, y, i)
