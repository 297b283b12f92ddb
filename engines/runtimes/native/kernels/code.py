"""Extends llvmlite's builder of LLVM code with what kernels need: loops, variables, lanes, a few functions.

A vector is 16 lanes wide everywhere; where registers are narrower LLVM takes two. Integers are 64 bits unless said
otherwise.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from engines.runtimes.native.kernels.layout import LANES

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
F16, F32 = ir.HalfType(), ir.FloatType()
POINTER, VOID = ir.PointerType(), ir.VoidType()
BYTES = ir.VectorType(I8, 4 * LANES)  # four neighbours of each lane, as products of bytes want them
INTS = ir.VectorType(I32, LANES)
FLOATS = ir.VectorType(F32, LANES)
HALFS = ir.VectorType(F16, LANES)

_LOWEST_EXPONENT, _HIGHEST_EXPONENT = -87.0, 88.0  # exp of less or more leaves the normal numbers of float32
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440e-4  # their sum is ln 2; the first has few bits, so n times it is exact
_EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)


def i64(value: int) -> ir.Constant:
    return ir.Constant(I64, value)


def constant(kind: ir.Type, value: float) -> ir.Constant:
    """The number, in every lane if ``kind`` is a vector."""
    return ir.Constant(kind, [value] * kind.count if isinstance(kind, ir.VectorType) else value)


class Code(ir.IRBuilder):
    """Writes the body of one function."""

    def __init__(self, function: ir.Function) -> None:
        self._variables = ir.IRBuilder(function.append_basic_block("variables"))
        super().__init__(function.append_basic_block("code"))
        self._start = self.block

    def done(self) -> None:
        """Returns from the function, which ends its code."""
        self.ret_void()
        self._variables.branch(self._start)

    def variable(self, kind: ir.Type, value: Any = None) -> Any:
        """The address of a new variable, which is ``value`` from here on; registers hold it where they can."""
        address = self._variables.alloca(kind)
        address.type = POINTER  # llvmlite would give it the type of a pointer to ``kind``
        if value is not None:
            self.store(value, address)
        return address

    def space(self, kind: ir.Type, count: int) -> Any:
        """The address of room for ``count`` elements."""
        return self.variable(ir.ArrayType(kind, count))

    def read(self, address: Any, kind: ir.Type, index: Any = 0, *, step: ir.Type | None = None) -> Any:
        """What lies ``index`` elements of type ``step`` (that of a lane if left out) behind the address."""
        lane = step or (kind.element if isinstance(kind, ir.VectorType) else kind)
        return self.load(self.offset(address, index, lane), align=_align(lane), typ=kind)

    def write(self, value: Any, address: Any, index: Any = 0) -> None:
        lane = value.type.element if isinstance(value.type, ir.VectorType) else value.type
        self.store(value, self.offset(address, index, lane), align=_align(lane))

    def offset(self, address: Any, index: Any, kind: ir.Type) -> Any:
        """The address ``index`` elements further on."""
        return self.gep(address, [i64(index) if isinstance(index, int) else index], source_etype=kind)

    @contextmanager
    def loop(self, start: Any, stop: Any, step: int = 1) -> Iterator[Any]:
        """Gives the counter, from ``start`` to below ``stop``."""
        counter = self.variable(I64, i64(start) if isinstance(start, int) else start)
        head, body, end = (self.append_basic_block(name) for name in ("loop", "body", "end"))
        self.branch(head)
        self.position_at_end(head)
        now = self.load(counter, typ=I64)
        self.cbranch(self.icmp_signed("<", now, i64(stop) if isinstance(stop, int) else stop), body, end)
        self.position_at_end(body)
        yield now
        self.store(self.add(now, i64(step)), counter)
        self.branch(head)
        self.position_at_end(end)

    def lanes(self, count: Any, body: Callable[[Any, ir.Type], None]) -> None:
        """``body(index, type)`` for ``count`` elements: by vectors, then one at a time."""
        whole = self.and_(count, i64(-LANES))
        with self.loop(0, whole, LANES) as i:
            body(i, FLOATS)
        with self.loop(whole, count) as i:
            body(i, F32)

    def spread(self, value: Any, kind: ir.Type) -> Any:
        """The value in every lane of ``kind``; itself if ``kind`` is no vector."""
        if not isinstance(kind, ir.VectorType):
            return value
        one = self.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(I32, 0))
        first = ir.Constant(ir.VectorType(I32, kind.count), [0] * kind.count)
        return self.shuffle_vector(one, ir.Constant(kind, ir.Undefined), first)

    def intrinsic(self, name: str, result: ir.Type, arguments: Sequence[Any]) -> Any:
        """Calls one of LLVM's own functions by its full name."""
        module = self.module
        function = module.globals.get(name)
        if function is None:
            function = ir.Function(module, ir.FunctionType(result, [value.type for value in arguments]), name)
        return self.call(function, arguments)

    def prefetch(self, address: Any) -> None:
        """Asks for the cache line of an address that will be read soon."""
        arguments = (address, *(ir.Constant(I32, value) for value in (0, 3, 1)))
        self.intrinsic("llvm.prefetch.p0", VOID, arguments)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """a * b + c, rounded once, wherever it stands: results depend on no optimiser."""
        return self.intrinsic(f"llvm.fma.{_suffix(c.type)}", c.type, (a, b, c))

    def maximum(self, a: Any, b: Any) -> Any:
        return self.select(self.fcmp_ordered(">", a, b), a, b)

    def absolute(self, a: Any) -> Any:
        return self.intrinsic(f"llvm.fabs.{_suffix(a.type)}", a.type, (a,))

    def rounded(self, a: Any) -> Any:
        """To the nearest whole number, to the even one of two."""
        return self.intrinsic(f"llvm.rint.{_suffix(a.type)}", a.type, (a,))

    def root(self, a: Any) -> Any:
        return self.intrinsic(f"llvm.sqrt.{_suffix(a.type)}", a.type, (a,))

    def folded(self, a: Any, combine: Callable[[Any, Any], Any]) -> Any:
        """The lanes of a vector combined in pairs, halves with halves: one number."""
        width = a.type.count
        while width > 1:
            width //= 2
            places = [ir.Constant(ir.VectorType(I32, width), list(range(i, i + width))) for i in (0, width)]
            nothing = ir.Constant(a.type, ir.Undefined)
            low, high = (self.shuffle_vector(a, nothing, place) for place in places)
            a = combine(low, high)
        return self.extract_element(a, ir.Constant(I32, 0))

    def exp(self, x: Any) -> Any:
        """e to the x, to about the last bit of float32 (the method of Cephes: 2^n times a polynomial)."""
        kind = x.type
        whole = ir.VectorType(I32, kind.count) if isinstance(kind, ir.VectorType) else I32
        low, high = constant(kind, _LOWEST_EXPONENT), constant(kind, _HIGHEST_EXPONENT)
        x = self.maximum(x, low)
        x = self.select(self.fcmp_ordered("<", x, high), x, high)
        n = self.rounded(self.fmul(x, constant(kind, 1 / math.log(2))))
        r = self.fma(n, constant(kind, -_LN2_HIGH), x)
        r = self.fma(n, constant(kind, -_LN2_LOW), r)
        p = constant(kind, _EXP[0])
        for term in _EXP[1:]:
            p = self.fma(p, r, constant(kind, term))
        p = self.fadd(self.fma(p, self.fmul(r, r), r), constant(kind, 1.0))
        power = self.shl(self.add(self.fptosi(n, whole), constant(whole, 127)), constant(whole, 23))
        return self.fmul(p, self.bitcast(power, kind))

    def tanh(self, x: Any) -> Any:
        """1 - 2 / (e^2x + 1): wrong by about 1e-7 at most, which is much of a very small result."""
        one = constant(x.type, 1.0)
        doubled = self.exp(self.fadd(x, x))
        return self.fsub(one, self.fdiv(constant(x.type, 2.0), self.fadd(doubled, one)))


def _suffix(kind: ir.Type) -> str:
    return f"v{kind.count}f32" if isinstance(kind, ir.VectorType) else "f32"


def _align(lane: ir.Type) -> int:
    """Bytes; rows of a matrix begin anywhere."""
    sizes = {I8: 1, F16: 2, I16: 2, I32: 4, F32: 4, I64: 8}
    return sizes[lane]
