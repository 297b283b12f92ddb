"""Where things lie on the card: K and V in the pool, rows that are packed; by plain code of the tests' own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.page_size import PAGE_TOKENS
from engines.runtimes.cuda.kv_format import KvFormat

Double = NDArray[np.float64]
_E4M3 = np.array(  # all values but NaN, by the bits without the sign
    [
        (8 + m) * 2.0 ** (e - 10) if e else m * 2.0**-9
        for e in range(16)
        for m in range(8)
        if (e, m) != (15, 7)
    ]
)  # fmt: skip
_LARGEST = {"fp8": 448.0, "int8": 127.0}


@dataclass(frozen=True)
class Laid:
    """Bytes of K and V in the pool, [pages, heads, bytes], and the numbers they stand for, [tokens, heads, head]."""

    keys: NDArray[np.uint8]
    values: NDArray[np.uint8]
    key: Double
    value: Double


def value_places(features: int) -> NDArray[np.int64]:
    """Where V stands in a page: [tokens, features]."""
    token, d = np.arange(PAGE_TOKENS)[:, None], np.arange(features)[None]
    return d // 16 * 256 + (d % 8 * 4 + token // 4) * 8 + d // 8 % 2 * 4 + token % 4


def lay_out(form: KvFormat, key: Double, value: Double, table: NDArray[np.int64], pages: int) -> Laid:
    """Puts one sequence's K and V [tokens, heads, head] into the pages that ``table`` names; the rest is rubbish."""
    random = np.random.default_rng(0)
    tokens, heads, head = key.shape
    pool = [random.integers(0, 50, (pages, heads, form.block_bytes)).astype(np.uint8) for _ in range(2)]
    stood_for = [np.empty(key.shape), np.empty(key.shape)]
    for number, (given, blocks) in enumerate(zip((key, value), pool, strict=True)):
        place = value_places(form.head_padded) if number else None
        for token in range(tokens):
            page, inside = int(table[token // PAGE_TOKENS]), token % PAGE_TOKENS
            wide = np.zeros((heads, form.head_padded))
            wide[:, :head] = given[token]
            at = inside * form.head_padded + np.arange(form.head_padded) if place is None else place[inside]
            if not form.has_scales:
                halves = blocks[page].view(np.float16)
                halves[:, at] = wide
                stood_for[number][token] = wide[:, :head].astype(np.float16)
                continue
            codes, scale, read = encoded(form, wide)
            blocks[page][:, at] = codes
            blocks[page].view(np.float16)[:, PAGE_TOKENS * form.head_padded // 2 + inside] = scale
            stood_for[number][token] = read[:, :head]
    return Laid(*pool, *stood_for)


def encoded(form: KvFormat, numbers: Double) -> tuple[NDArray[np.uint8], NDArray[np.float16], Double]:
    """Codes and scales of rows [n, features], and what they stand for."""
    largest = _LARGEST[form.kind]
    # The pool's E4M3 is 256 times smaller than usual, and its scale as much larger.
    unit = 256.0 if form.kind == "fp8" else 1.0
    scale = (np.abs(numbers).max(axis=1) / largest * unit).astype(np.float16)
    return_scale = scale.astype(np.float64)[:, None]
    x = np.divide(numbers, return_scale, out=np.zeros_like(numbers), where=return_scale > 0) * unit
    if form.kind == "int8":
        whole = np.clip(np.rint(x), -127, 127)
        return (whole + 128).astype(np.uint8), scale, whole * return_scale
    nearest = np.abs(np.abs(x)[..., None] - _E4M3).argmin(axis=-1)
    codes = (nearest | np.where(np.signbit(x), 128, 0)).astype(np.uint8)
    return codes, scale, decoded(form, codes, scale)


def decoded(form: KvFormat, codes: NDArray[np.uint8], scale: NDArray[np.float16]) -> Double:
    """What codes [n, features] stand for."""
    wide = scale.astype(np.float64)[:, None]
    if form.kind == "int8":
        return (codes.astype(np.float64) - 128) * wide
    return np.where(codes & 128, -1, 1) * _E4M3[codes & 127] / 256 * wide


def packed_places(rows: int, inputs: int, stride: int) -> NDArray[np.int64]:
    """Where inputs stand in packed rows: [rows, inputs]."""
    row, k = np.arange(rows)[:, None], np.arange(inputs)[None]
    block = row // 128 * (stride // 128) + k // 128
    piece, inside = k % 128 // 32 * 4 + k // 2 % 4, k // 8 % 4 * 2 + k % 2
    return block * 128 * 128 + row % 128 // 8 * 1024 + piece * 64 + row % 8 * 8 + inside
