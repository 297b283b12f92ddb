"""Writes products of bytes: adds to each of 16 sums (int32) the products of four weights and four values.

Weights are bytes without a sign, values bytes with one. All three are vectors of 16 int32; the last two hold four bytes
in each.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from engines.runtimes.native.kernels.code import BYTES, I8, I16, I32, INTS, Code, constant
from engines.runtimes.native.kernels.instructions import Instructions

_HALF_BYTES, _HALF_SHORTS, _HALF_INTS = ir.VectorType(I8, 32), ir.VectorType(I16, 16), ir.VectorType(I32, 8)


def dot4(code: Code, instructions: Instructions, sums: Any, weights: Any, values: Any) -> Any:
    """For weights of 0 to 15."""
    if instructions.name == "avx512_vnni":
        return code.intrinsic("llvm.x86.avx512.vpdpbusd.512", INTS, (sums, weights, values))
    parts = zip(*(_halves(code, v) for v in (sums, weights, values)), strict=True)
    halves = [_half(code, instructions, *part) for part in parts]
    return code.shuffle_vector(*halves, ir.Constant(INTS, list(range(16))))


def dot8(code: Code, instructions: Instructions, sums: Any, weights: Any, values: Any) -> Any:
    """For weights of 0 to 255."""
    if instructions.name != "avx2":
        return dot4(code, instructions, sums, weights, values)
    low, high = nibbles(code, weights)  # sums of two products of whole bytes would not fit into 16 bits
    sixteens = dot4(code, instructions, constant(INTS, 0), high, values)
    return code.add(dot4(code, instructions, sums, low, values), code.shl(sixteens, constant(INTS, 4)))


def nibbles(code: Code, packed: Any) -> tuple[Any, Any]:
    """The low and the high four bits of each byte, as bytes; vectors of 16 int32."""
    packed = code.bitcast(packed, BYTES)
    low, high = code.and_(packed, constant(BYTES, 15)), code.lshr(packed, constant(BYTES, 4))
    return code.bitcast(low, INTS), code.bitcast(high, INTS)


def _half(code: Code, instructions: Instructions, sums: Any, weights: Any, values: Any) -> Any:
    if instructions.name == "avx_vnni":
        return code.intrinsic("llvm.x86.avx512.vpdpbusd.256", _HALF_INTS, (sums, weights, values))
    weights, values = (code.bitcast(v, _HALF_BYTES) for v in (weights, values))
    pairs = code.intrinsic("llvm.x86.avx2.pmadd.ub.sw", _HALF_SHORTS, (weights, values))
    fours = code.intrinsic("llvm.x86.avx2.pmadd.wd", _HALF_INTS, (pairs, constant(_HALF_SHORTS, 1)))
    return code.add(sums, fours)


def _halves(code: Code, v: Any) -> Sequence[Any]:
    nothing = ir.Constant(INTS, ir.Undefined)
    return [code.shuffle_vector(v, nothing, ir.Constant(_HALF_INTS, list(range(i, i + 8)))) for i in (0, 8)]
