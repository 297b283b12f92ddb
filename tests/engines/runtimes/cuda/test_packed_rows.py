"""Rows of tokens without padding. Needs no card."""

from itertools import pairwise

import numpy as np
import pytest

from engines.errors import EngineError
from engines.runtimes.cuda.encoders.packed_rows import QUERIES, PackedRows, check_rows, in_batches


def test_rows_lie_one_behind_the_other() -> None:
    packed = PackedRows.of([[5, 6, 7], [8], [], [9, 10]], second_from=2)
    words, positions, kinds, ends = packed.tokens
    assert words.tolist() == [5, 6, 7, 8, 9, 10]
    assert positions.tolist() == [0, 1, 2, 0, 0, 1]
    assert kinds.tolist() == [0, 0, 1, 0, 0, 0]
    assert ends.tolist() == [3, 3, 3, 4, 6, 6]
    assert packed.starts.tolist() == [0, 3, 4, 4, 6]
    assert packed.lengths.tolist() == [3, 1, 0, 2]
    assert packed.items.tolist() == [[0, 3, 0], [3, 1, 0], [4, 2, 0]]


def test_every_query_is_in_one_item() -> None:
    lengths = [1, QUERIES, QUERIES + 1, 3 * QUERIES, 7]
    packed = PackedRows.of([[1] * length for length in lengths], None)
    queries = [
        first + query for first, length, begin in packed.items for query in range(begin, min(begin + QUERIES, length))
    ]
    assert queries == list(range(sum(lengths)))
    assert packed.tokens[2].tolist() == [0] * sum(lengths), "there are no second parts"


def test_nothing_is_packed_of_nothing() -> None:
    packed = PackedRows.of([], None)
    assert packed.tokens.shape == (4, 0)
    assert packed.items.shape == (0, 3)
    assert packed.starts.tolist() == [0]


@pytest.mark.parametrize("capacity", [4, 5, 9, 100])
def test_batches_hold_all_rows_in_order_within_their_room(capacity: int) -> None:
    random = np.random.default_rng(1)
    rows = [random.integers(0, 9, length).tolist() for length in (1, 4, 0, 2, 2, 3, 4, 4, 1, 0, 0, 0, 0, 0, 0, 1)]
    batches = list(in_batches(rows, capacity))
    assert [row for batch in batches for row in batch] == rows
    assert all(batch and sum(map(len, batch)) <= capacity and len(batch) <= capacity for batch in batches)
    for one, other in pairwise(batches):
        assert len(one) == capacity or sum(map(len, one)) + len(other[0]) > capacity, "none is smaller than it need be"


def test_rows_that_do_not_fit_the_model_are_refused() -> None:
    check_rows([[0, 9], [], [3] * 4], 10, 4)
    with pytest.raises(EngineError, match="5 tokens"):
        check_rows([[1], [1] * 5], 10, 4)
    for wrong in (10, -1):
        with pytest.raises(EngineError, match="word table"):
            check_rows([[1, wrong, 2]], 10, 4)
