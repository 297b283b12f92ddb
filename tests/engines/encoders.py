"""Encoders of random weights, and what they compute in float64, written from the definition of BERT."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.model.encoder import Encoder, EncoderLayer, Linear, Norm, WordTable

Doubles = NDArray[np.float64]
_erf = np.vectorize(math.erf)


def random_encoder(
    *, hidden: int = 128, heads: int = 4, inner: int = 256, layers: int = 2, words: int = 200, bits: int = 8
) -> Encoder:
    """Of 512 positions; ``bits`` of the word table."""
    random = np.random.default_rng(5)

    def linear(outputs: int, inputs: int) -> Linear:
        weight = random.standard_normal((outputs, inputs)) * 2 / math.sqrt(inputs)
        return Linear(weight.astype(np.float16).astype(np.float32), random.standard_normal(outputs).astype(np.float32))

    def norm() -> Norm:
        return Norm(
            (1 + 0.2 * random.standard_normal(hidden)).astype(np.float32),
            (0.2 * random.standard_normal(hidden)).astype(np.float32),
        )

    def layer() -> EncoderLayer:
        qkv, out = linear(3 * hidden, hidden), linear(hidden, hidden)
        return EncoderLayer(qkv, out, norm(), linear(inner, hidden), linear(hidden, inner), norm())

    if bits == 4:
        scales = (random.random((words, hidden // 32)) * 0.2).astype(np.float32)
        table = WordTable(random.integers(0, 256, (words, hidden // 2), np.uint8), scales, 8)
    elif bits == 8:
        codes = random.integers(-127, 128, (words, hidden), np.int8)
        table = WordTable(codes, (random.random((words, 1)) * 0.02).astype(np.float32))
    else:
        table = WordTable(random.standard_normal((words, hidden)).astype(np.float16), np.ones((words, 1), np.float32))
    positions = random.standard_normal((512, hidden)).astype(np.float32)
    types = random.standard_normal((2, hidden)).astype(np.float32)
    return Encoder(table, positions, types, norm(), tuple(layer() for _ in range(layers)), heads, 1e-12)


def with_reader_heads(encoder: Encoder, *, pair: int = 64, width: int = 30, judges: bool = True) -> Encoder:
    random, hidden = np.random.default_rng(6), encoder.hidden
    names = {"left": pair, "right": pair, "ends": 2, "pool": hidden, "relevance": 1}
    names |= {"pool_claim": hidden, "support": 1} if judges else {}
    outputs = {}
    for name, size in names.items():
        weight = (random.standard_normal((size, hidden)) / math.sqrt(hidden)).astype(np.float16).astype(np.float32)
        outputs[name] = Linear(weight, random.standard_normal(size).astype(np.float32))
    return replace(encoder, outputs=outputs, span_width=width)


def states(encoder: Encoder, row: Sequence[int], second_from: int | None = None) -> Doubles:
    """Of each token, [length, hidden]."""
    ids = np.array(row)
    second = np.zeros(len(ids), int) if second_from is None else (np.arange(len(ids)) >= second_from).astype(int)
    x = _words(encoder.words, ids) + encoder.positions[: len(ids)] + encoder.types[second]
    x = _norm(x, encoder.norm, encoder.eps)
    for layer in encoder.layers:
        q, k, v = (_by_head(part, encoder.heads) for part in np.split(_linear(layer.qkv, x), 3, axis=1))
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[2])
        shares = np.exp(scores - scores.max(axis=2, keepdims=True))
        mixed = (shares / shares.sum(axis=2, keepdims=True)) @ v
        x = _norm(x + _linear(layer.out, mixed.transpose(1, 0, 2).reshape(x.shape)), layer.norm1, encoder.eps)
        inner = _linear(layer.up, x)
        x = _norm(x + _linear(layer.down, inner * 0.5 * (1 + _erf(inner / math.sqrt(2)))), layer.norm2, encoder.eps)
    return x


def vector(encoder: Encoder, row: Sequence[int]) -> Doubles:
    """The mean of the states, of length 1."""
    mean = states(encoder, row).mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def scores(encoder: Encoder, row: Sequence[int], second_from: int) -> tuple[float, float, Doubles]:
    """Relevance, support and the band of a reader's heads; beyond the row's end a span has its first token's score."""
    x, heads = states(encoder, row, second_from), encoder.outputs
    left, right, ends = (_linear(heads[name], x) for name in ("left", "right", "ends"))
    band = np.repeat(ends[:, :1], encoder.span_width, axis=1)
    for first in range(len(row)):
        for last in range(first, min(len(row), first + encoder.span_width)):
            band[first, last - first] += ends[last, 1] + left[first] @ right[last] / math.sqrt(left.shape[1])
    relevance, support = (
        float(_linear(heads[last], np.tanh(_linear(heads[pool], x[:1])))[0, 0]) if last in heads else 0.0
        for pool, last in (("pool", "relevance"), ("pool_claim", "support"))
    )
    return relevance, support, band


def _words(table: WordTable, ids: NDArray[np.int64]) -> Doubles:
    codes: NDArray[Any] = table.codes[ids]
    if table.bits == 4:
        codes = np.stack([codes & 15, codes >> 4], axis=-1).reshape(len(ids), -1)
    blocks = (codes.astype(np.float64) - table.zero).reshape(len(ids), -1, table.block)
    return np.asarray((blocks * table.scales[ids][:, :, None]).reshape(len(ids), -1))


def _norm(x: Doubles, norm: Norm, eps: float) -> Doubles:
    centred = x - x.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + eps) * norm.weight + norm.bias)


def _linear(linear: Linear, x: Doubles) -> Doubles:
    return np.asarray(x @ linear.weight.T.astype(np.float64) + linear.bias)


def _by_head(x: Doubles, heads: int) -> Doubles:
    """[tokens, features] -> [heads, tokens, size]"""
    return x.reshape(len(x), heads, -1).transpose(1, 0, 2)
