"""Rows of tokens one behind the other, as encoders on cards take them: no padding, as many at a time as have room."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.errors import EngineError

QUERIES = 64  # that a block of the attention takes

Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class PackedRows:
    """Of each token its word, its position in its row, its type and where its row ends, [4, tokens]; where rows start,
    [rows + 1]; for every 64 queries of a row its first token, its length and the first of them, [items, 3]."""

    tokens: Ints
    starts: Ints
    items: Ints

    @property
    def lengths(self) -> Ints:
        return np.diff(self.starts)

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]], second_from: int | None) -> "PackedRows":
        """``second_from``: the tokens from this one on are of the second type, in every row."""
        lengths = np.array([len(row) for row in rows], np.int32)
        starts = np.concatenate([np.zeros(1, np.int32), np.cumsum(lengths, dtype=np.int32)])
        words = np.fromiter((word for row in rows for word in row), np.int32, int(starts[-1]))
        positions = np.arange(starts[-1], dtype=np.int32) - np.repeat(starts[:-1], lengths)
        kinds = np.zeros_like(words) if second_from is None else (positions >= second_from).astype(np.int32)
        blocks = -(-lengths // QUERIES)
        block = np.arange(int(blocks.sum()), dtype=np.int32) - np.repeat(np.cumsum(blocks) - blocks, blocks)
        items = np.stack([np.repeat(starts[:-1], blocks), np.repeat(lengths, blocks), block * QUERIES], axis=1)
        tokens = np.stack([words, positions, kinds, np.repeat(starts[1:], lengths)])
        return cls(tokens, starts, np.ascontiguousarray(items, np.int32))


def check_rows(rows: Sequence[Sequence[int]], words: int, longest: int) -> None:
    """Raises EngineError where a row is longer than ``longest`` or a token is not one of ``words``."""
    for row in rows:
        if len(row) > longest:
            raise EngineError(f"A row of {len(row)} tokens is longer than the model's {longest}.", "Shorten the text.")
        if row and not 0 <= min(row) <= max(row) < words:
            raise EngineError("A token is not in the model's word table.", "Fetch the model's files again.")


def in_batches(rows: Sequence[Sequence[int]], capacity: int) -> Iterator[Sequence[Sequence[int]]]:
    """Cuts rows, none longer than ``capacity``, into batches of so many tokens, and as many rows, at most."""
    first = held = 0
    for number, row in enumerate(rows):
        if held + len(row) > capacity or number - first == capacity:
            yield rows[first:number]
            first, held = number, 0
        held += len(row)
    if first < len(rows):
        yield rows[first:]
