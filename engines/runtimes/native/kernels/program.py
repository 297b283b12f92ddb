"""Writes what all kernels share: reading their words, sharing out items, and the driver that runs a program.

engines/runtimes/native/kernels/layout.py says what the words mean.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from engines.runtimes.native.kernels.code import F32, I32, I64, POINTER, VOID, Code, i64
from engines.runtimes.native.kernels.layout import ALL_FIELDS, ARRIVED, NEXT, ROUND, STEP, WORDS

_SPINS = 4096  # before the processor is offered to others
_KERNEL = ir.FunctionType(VOID, (POINTER, POINTER, POINTER, I64, I64))  # operation, step, next item, thread, threads
_SHARED = 2  # quarters of an operation's items that are dealt out at once, in one stretch for each thread
_PIECES = 2  # for each thread, into which the others are cut


class Arguments:
    """Reads an operation's fields and the step's words."""

    def __init__(self, code: Code, op: Any, step: Any, kernel: str) -> None:
        self.op = op
        self.step_words = step
        self._code, self._fields = code, ALL_FIELDS[kernel]

    def integer(self, name: str) -> Any:
        return self._code.read(self.op, I64, 1 + self._fields.index(name))

    def pointer(self, name: str) -> Any:
        return self._code.inttoptr(self.integer(name), POINTER)

    def number(self, name: str) -> Any:
        return self._code.read(self._code.offset(self.op, 1 + self._fields.index(name), I64), F32)

    def step(self, name: str) -> Any:
        return self._code.read(self.step_words, I64, STEP.index(name))

    def step_pointer(self, name: str) -> Any:
        return self._code.inttoptr(self.step(name), POINTER)

    def rows(self) -> Any:
        return self._code.read(self.step_words, I64, self.integer("rows_at"))


def kernel(
    module: ir.Module,
    name: str,
    items: Callable[[Code, Arguments], Any],
    body: Callable[[Code, Arguments, Any], None],
) -> None:
    """Adds a kernel that does ``body(code, arguments, item)`` for every item below ``items(code, arguments)``."""
    function = ir.Function(module, _KERNEL, name)
    code = Code(function)
    op, step, next_item, thread, threads = function.args
    args = Arguments(code, op, step, name)
    count = items(code, args)
    # Neighbours read one stretch of memory, which is faster; what is left goes to who is free first.
    share = code.sdiv(code.sdiv(code.mul(count, i64(_SHARED)), i64(4)), threads)
    dealt = code.mul(share, threads)
    begin = code.mul(share, thread)
    with code.loop(begin, code.add(begin, share)) as item:
        body(code, args, item)
    rest = code.sdiv(code.sub(count, dealt), code.mul(threads, i64(_PIECES)))
    size = code.select(code.icmp_signed(">", rest, i64(1)), rest, i64(1))
    again, work, end = (code.append_basic_block(label) for label in ("again", "work", "end"))
    code.branch(again)
    code.position_at_end(again)
    first = code.add(dealt, code.mul(code.atomic_rmw("add", next_item, i64(1), "monotonic"), size))
    code.cbranch(code.icmp_signed("<", first, count), work, end)
    code.position_at_end(work)
    beyond = code.add(first, size)
    with code.loop(first, code.select(code.icmp_signed("<", beyond, count), beyond, count)) as item:
        body(code, args, item)
    code.branch(again)
    code.position_at_end(end)
    code.done()


def add_driver(module: ir.Module) -> None:
    """``run(operations, count, step, sync, thread, threads, yield)``, called by every thread of a team. ``sync`` is
    SYNC_WORDS words, zero at first; ``yield`` is called by a thread that waits long."""
    arguments = (POINTER, I64, POINTER, POINTER, I64, I64, I64)
    function = ir.Function(module, ir.FunctionType(VOID, arguments), "run")
    code = Code(function)
    operations, count, step, sync, thread, threads, yield_ = function.args
    arrived, round_, next_item = (code.offset(sync, at, I64) for at in (ARRIVED, ROUND, NEXT))
    with code.loop(0, count) as i:
        op = code.offset(operations, code.mul(i, i64(WORDS)), I64)
        before = code.load_atomic(round_, "acquire", 8, typ=I64)
        code.call(code.inttoptr(code.read(op, I64), _KERNEL.as_pointer()), (op, step, next_item, thread, threads))
        came = code.atomic_rmw("add", arrived, i64(1), "acq_rel")
        with code.if_else(code.icmp_signed("==", came, code.sub(threads, i64(1)))) as (last, others):
            with last:
                code.atomic_rmw("xchg", arrived, i64(0), "monotonic")
                code.atomic_rmw("xchg", next_item, i64(0), "monotonic")
                code.atomic_rmw("add", round_, i64(1), "release")
            with others:
                _wait(code, round_, before, yield_)
    code.done()


def _wait(code: Code, round_: Any, before: Any, yield_: Any) -> None:
    """Writes a loop that waits until the round changes."""
    spins = code.variable(I64, i64(0))
    look, pause, long, end = (code.append_basic_block(label) for label in ("look", "pause", "long", "end"))
    code.branch(look)
    code.position_at_end(look)
    now = code.load_atomic(round_, "acquire", 8, typ=I64)
    code.cbranch(code.icmp_signed("==", now, before), pause, end)
    code.position_at_end(pause)
    code.intrinsic("llvm.x86.sse2.pause", VOID, ())
    more = code.add(code.load(spins, typ=I64), i64(1))
    code.store(more, spins)
    code.cbranch(code.icmp_signed(">", more, i64(_SPINS)), long, look)
    code.position_at_end(long)
    code.call(code.inttoptr(yield_, ir.FunctionType(I32, ()).as_pointer()), ())
    code.branch(look)
    code.position_at_end(end)
