"""Describes an encoder of BERT's form: embeddings, layers that normalise behind each residual, and a reader's heads."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Linear:
    """y = weight x + bias; ``weight`` [outputs, inputs], ``bias`` [outputs]."""

    weight: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class Norm:
    """Layer normalisation; both [hidden]."""

    weight: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class WordTable:
    """Row i of a word: ``(codes - zero) * scales``, scales shared by ``block`` columns. ``codes`` [words, hidden] are
    int8 or float16, or uint8 [words, hidden / 2] where two of 4 bits lie in a byte, the lower one first; ``scales``
    float32 [words, hidden / block]."""

    codes: NDArray[np.int8] | NDArray[np.uint8] | NDArray[np.float16]
    scales: Floats
    zero: int = 0

    @property
    def bits(self) -> int:
        return 4 if self.codes.dtype == np.uint8 else 8 * int(self.codes.dtype.itemsize)

    @property
    def hidden(self) -> int:
        return int(self.codes.shape[1]) * (2 if self.bits == 4 else 1)

    @property
    def block(self) -> int:
        return self.hidden // int(self.scales.shape[1])


@dataclass(frozen=True, slots=True)
class EncoderLayer:
    """``qkv`` holds queries, keys and values one behind the other, each head after head."""

    qkv: Linear
    out: Linear
    norm1: Norm
    up: Linear
    down: Linear
    norm2: Norm


@dataclass(frozen=True, slots=True)
class Encoder:
    """``positions`` [longest, hidden] and ``types`` [kinds, hidden] are added to the words'. ``outputs`` stand behind
    the layers, by name; a reader judges spans of up to ``span_width`` tokens, other models have 0."""

    words: WordTable
    positions: Floats
    types: Floats
    norm: Norm
    layers: tuple[EncoderLayer, ...]
    heads: int
    eps: float
    outputs: dict[str, Linear] = field(default_factory=dict)
    span_width: int = 0

    @property
    def hidden(self) -> int:
        return self.words.hidden

    @property
    def inner(self) -> int:
        return int(self.layers[0].up.weight.shape[0])

    @property
    def longest(self) -> int:
        """Tokens of a row, at most."""
        return int(self.positions.shape[0])
