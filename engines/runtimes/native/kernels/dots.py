"""Writes sums of products of bytes: to each of 16 sums (int32), products of four weights and four values are added.

Weights are bytes without a sign, of 4, 6 or 8 bits, values bytes with one, from -127 to 127. Both come as vectors of 16
int32 that hold four bytes each.

Without instructions for it, AVX2 adds neighbouring products in 16 bits, which hold several of those of few bits: they
become 32 bits as seldom as may be (``LARGEST_RUN``). Weights of 8 bits are multiplied as numbers around 128, the size
of each with the value under its sign: then two products fit.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from engines.runtimes.native.kernels.code import BYTES, I1, I8, I16, I32, INTS, Code, constant, i64
from engines.runtimes.native.kernels.instructions import Instructions

LARGEST_RUN = {4: 8, 6: 2}  # additions that 16 bits hold: 2 * 127 * (2^bits - 1) each

_SHORTS = ir.VectorType(I16, 32)
_HALF_BYTES, _HALF_SHORTS, _HALF_INTS = ir.VectorType(I8, 32), ir.VectorType(I16, 16), ir.VectorType(I32, 8)
_MIDDLE = 128


class Sums:
    """16 sums. With instructions for it, ``chains`` parts of them need not wait for each other."""

    def __init__(self, code: Code, instructions: Instructions, bits: int, chains: int) -> None:
        self._code, self._instructions = code, instructions
        self._signed = instructions.name == "avx2" and bits == 8
        self.in_shorts = instructions.name == "avx2" and bits < 8
        self._shorts = code.variable(_SHORTS) if self.in_shorts else None
        self._ints = [code.variable(INTS) for _ in range(1 if instructions.name == "avx2" else chains)]

    @property
    def taken_off(self) -> int:
        """What the sums have taken off each weight already."""
        return _MIDDLE if self._signed else 0

    def clear(self) -> None:
        for variable in self._ints:
            self._code.store(constant(INTS, 0), variable)

    def begin(self) -> None:
        """Begins a run of additions, which ``end`` ends."""
        if self.in_shorts:
            self._code.store(constant(_SHORTS, 0), self._shorts)

    def end(self) -> None:
        if self.in_shorts:
            shorts = self._code.load(self._shorts, typ=_SHORTS)
            self._add(self._ints[0], self._by_halves(INTS, _pairs, shorts))

    def add(self, step: int, weights: Any, values: Any) -> None:
        """The ``step`` tells which of the sums that need not wait for each other is added to."""
        code = self._code
        if self.in_shorts:
            added = code.add(code.load(self._shorts, typ=_SHORTS), self._by_halves(_SHORTS, _products, weights, values))
            code.store(added, self._shorts)
        elif self._signed:
            self._add(self._ints[0], self._by_halves(INTS, _signed_products, weights, values))
        else:
            sums = self._ints[step % len(self._ints)]
            code.store(self._dot(code.load(sums, typ=INTS), weights, values), sums)

    def total(self) -> Any:
        first, *others = (self._code.load(variable, typ=INTS) for variable in self._ints)
        for other in others:
            first = self._code.add(first, other)
        return first

    def _add(self, variable: Any, more: Any) -> None:
        self._code.store(self._code.add(self._code.load(variable, typ=INTS), more), variable)

    def _dot(self, sums: Any, weights: Any, values: Any) -> Any:
        if self._instructions.name == "avx512_vnni":
            return self._code.intrinsic("llvm.x86.avx512.vpdpbusd.512", INTS, (sums, weights, values))
        return self._by_halves(INTS, _half_dot, sums, weights, values)

    def _by_halves(self, kind: ir.Type, body: Callable[..., Any], *vectors: Any) -> Any:
        """Registers hold half of what 16 lanes of four bytes are."""
        parts = zip(*(_halves(self._code, vector) for vector in vectors), strict=True)
        halves = [body(self._code, *part) for part in parts]
        return self._code.shuffle_vector(*halves, ir.Constant(ir.VectorType(I32, kind.count), list(range(kind.count))))


@contextmanager
def in_runs(code: Code, sums: Sequence[Sums], steps: Any, turn: int, *, run: int | None = None) -> Iterator[Any]:
    """A loop over the ``steps`` of a group, some in a ``turn``. Additions end after each ``run`` of steps, a multiple
    of the turn; without one all of the group's are a single run."""
    if not sums[0].in_shorts or run is None:
        for each in sums:
            each.begin()
        with code.loop(0, steps, turn) as step:
            yield step
        for each in sums:
            each.end()
        return
    with code.loop(0, steps, run) as start:
        beyond = code.add(start, i64(run))
        for each in sums:
            each.begin()
        if run == turn:
            yield start
        else:
            with code.loop(start, code.select(code.icmp_signed("<", beyond, steps), beyond, steps), turn) as step:
                yield step
        for each in sums:
            each.end()


def halves(instructions: Instructions, rows: int) -> Sequence[Sequence[int]]:
    """Which halves of a tile are done together: both, unless the registers do not hold the sums of so many rows."""
    return ((0,), (1,)) if instructions.name == "avx2" and rows > 2 else ((0, 1),)


def nibbles(code: Code, packed: Any) -> tuple[Any, Any]:
    """The low and the high four bits of each byte, as bytes; vectors of 16 int32."""
    packed = code.bitcast(packed, BYTES)
    low, high = code.and_(packed, constant(BYTES, 15)), code.lshr(packed, constant(BYTES, 4))
    return code.bitcast(low, INTS), code.bitcast(high, INTS)


def _half_dot(code: Code, sums: Any, weights: Any, values: Any) -> Any:
    return code.intrinsic("llvm.x86.avx512.vpdpbusd.256", _HALF_INTS, (sums, weights, values))


def _products(code: Code, weights: Any, values: Any) -> Any:
    """Two neighbouring products each, int16."""
    weights, values = (code.bitcast(v, _HALF_BYTES) for v in (weights, values))
    return code.intrinsic("llvm.x86.avx2.pmadd.ub.sw", _HALF_SHORTS, (weights, values))


def _pairs(code: Code, shorts: Any) -> Any:
    """Sums of two neighbours, int32."""
    return code.intrinsic("llvm.x86.avx2.pmadd.wd", _HALF_INTS, (shorts, constant(_HALF_SHORTS, 1)))


def _signed_products(code: Code, weights: Any, values: Any) -> Any:
    weights, values = (code.bitcast(v, _HALF_BYTES) for v in (weights, values))
    weights = code.xor(weights, constant(_HALF_BYTES, _MIDDLE))
    size = code.intrinsic("llvm.abs.v32i8", _HALF_BYTES, (weights, ir.Constant(I1, 0)))
    signed = code.intrinsic("llvm.x86.avx2.psign.b", _HALF_BYTES, (values, weights))
    return _pairs(code, _products(code, size, signed))


def _halves(code: Code, v: Any) -> Sequence[Any]:
    nothing, half = ir.Constant(v.type, ir.Undefined), v.type.count // 2
    places = [ir.Constant(ir.VectorType(I32, half), list(range(i, i + half))) for i in (0, half)]
    return [code.shuffle_vector(v, nothing, place) for place in places]
