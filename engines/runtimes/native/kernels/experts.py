"""Writes the kernels between a router's logits and the sum of what a mixture's experts give.

Each row chooses some experts (``route``). The pairs of a row and an expert are numbered so that those of one expert
follow one another (``dispatch``), their inputs are copied into that order (``gather``), every expert computes its
stretch of rows (engines/runtimes/native/kernels/tiles.py), and each row adds up its own pairs in the order of its
choices (``combine``): so its result does not depend on what else is in the step.
"""

from typing import Any

from llvmlite import ir

from engines.runtimes.native.kernels.code import F32, FLOATS, I64, Code, constant, i64
from engines.runtimes.native.kernels.layout import LANES, PAIRS
from engines.runtimes.native.kernels.program import Arguments, kernel
from engines.runtimes.native.kernels.rows import by_parts, each_row, parts, row_at

_TAKEN = -3.0e38  # a logit below all others


def add_kernels(module: ir.Module) -> None:
    kernel(module, "route", each_row, _route)
    kernel(module, "dispatch", lambda code, args: i64(1), _dispatch)
    kernel(module, "gather", each_row, _gather)
    kernel(module, "combine", parts, lambda code, args, item: by_parts(code, args, item, _combine))


def _route(code: Code, args: Arguments, row: Any) -> None:
    """The experts with the largest logits, the first of equal ones, and their shares of the softmax."""
    logits, experts, chosen = row_at(code, args, "x", row), args.integer("experts"), args.integer("chosen")
    first = code.mul(row, chosen)
    choices = code.offset(args.pointer("choices"), first, I64)
    weights = code.offset(args.pointer("weights"), first, F32)
    top, total = code.variable(F32, _largest(code, logits, experts)[1]), code.variable(F32, constant(F32, 0.0))

    def share(logit: Any) -> Any:
        power = code.exp(code.fsub(logit, code.load(top, typ=F32)))
        code.store(code.fadd(code.load(total, typ=F32), power), total)
        return power

    among_chosen = code.icmp_signed("!=", args.integer("normalised"), i64(0))
    with code.if_then(code.not_(among_chosen)), code.loop(0, experts) as i:
        share(code.read(logits, F32, i))
    everything = code.load(total, typ=F32)
    with code.loop(0, chosen) as i:
        at, logit = _largest(code, logits, experts)
        code.write(at, choices, i)
        code.write(share(logit), weights, i)
        code.write(constant(F32, _TAKEN), logits, at)
    total_share = code.select(among_chosen, code.load(total, typ=F32), everything)
    with code.loop(0, chosen) as i:
        code.write(code.fdiv(code.read(weights, F32, i), total_share), weights, i)


def _largest(code: Code, values: Any, count: Any) -> tuple[Any, Any]:
    """Where the largest value stands, the first of equal ones, and the value."""
    at, top = code.variable(I64, i64(0)), code.variable(F32, code.read(values, F32))
    with code.loop(1, count) as i:
        value = code.read(values, F32, i)
        larger = code.fcmp_ordered(">", value, code.load(top, typ=F32))
        code.store(code.select(larger, i, code.load(at, typ=I64)), at)
        code.store(code.select(larger, value, code.load(top, typ=F32)), top)
    return code.load(at, typ=I64), code.load(top, typ=F32)


def _dispatch(code: Code, args: Arguments, _: Any) -> None:
    """Counts each expert's rows and numbers the pairs."""
    experts, chosen = args.integer("experts"), args.integer("chosen")
    choices, starts, active, places, sources = (
        args.pointer(name) for name in ("choices", "starts", "active", "places", "sources")
    )
    pairs = code.mul(args.rows(), chosen)
    code.write(pairs, args.step_words, PAIRS)
    with code.loop(0, experts) as expert:
        code.write(i64(0), starts, expert)
    with code.loop(0, pairs) as pair:
        expert = code.read(choices, I64, pair)
        code.write(code.add(code.read(starts, I64, expert), i64(1)), starts, expert)
    used, end = code.variable(I64, i64(0)), code.variable(I64, i64(0))
    with code.loop(0, experts) as expert:
        rows, first = code.read(starts, I64, expert), code.load(end, typ=I64)
        code.write(first, starts, expert)
        with code.if_then(code.icmp_signed(">", rows, i64(0))):
            number = code.load(used, typ=I64)
            for i, word in enumerate((expert, first, rows)):
                code.write(word, active, code.add(code.mul(number, i64(3)), i64(1 + i)))
            code.store(code.add(number, i64(1)), used)
            code.store(code.add(first, rows), end)
    code.write(code.load(used, typ=I64), active)
    with code.loop(0, pairs) as pair:
        expert = code.read(choices, I64, pair)
        place = code.read(starts, I64, expert)
        code.write(code.add(place, i64(1)), starts, expert)
        code.write(place, places, pair)
        code.write(code.sdiv(pair, chosen), sources, place)


def _gather(code: Code, args: Arguments, pair: Any) -> None:
    """y[pair] = x[sources[pair]]"""
    source = row_at(code, args, "x", code.read(args.pointer("sources"), I64, pair))
    target = row_at(code, args, "y", pair)
    with code.loop(0, args.integer("width"), LANES) as i:
        code.write(code.read(source, FLOATS, i), target, i)


def _combine(code: Code, args: Arguments, row: Any, start: Any, stop: Any) -> None:
    """y[row] = the sum of its pairs' x, weighted."""
    y, chosen = row_at(code, args, "y", row), args.integer("chosen")
    first = code.mul(row, chosen)
    places, weights = code.offset(args.pointer("places"), first, I64), code.offset(args.pointer("weights"), first, F32)
    with code.loop(start, stop, LANES) as i:
        code.write(constant(FLOATS, 0.0), y, i)
    with code.loop(0, chosen) as choice:
        x = row_at(code, args, "x", code.read(places, I64, choice))
        weight = code.spread(code.read(weights, F32, choice), FLOATS)
        with code.loop(start, stop, LANES) as i:
            code.write(code.fma(weight, code.read(x, FLOATS, i), code.read(y, FLOATS, i)), y, i)
