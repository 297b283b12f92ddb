"""How many texts are embedded between two looks at whether a sync is still wanted."""

import pytest

from rag.ingest.index_batch import slices


@pytest.mark.parametrize(("seconds_a_text", "largest"), [(0.0, 64), (0.004, 64), (0.05, 16), (0.5, 16)])
def test_slow_embedding_comes_back_soon(seconds_a_text: float, largest: int) -> None:
    texts = ["word " * (number % 7) for number in range(500)]
    clock = [0.0]
    taken: list[list[int]] = []
    for some in slices(texts, lambda: clock[0]):
        taken.append(some)
        clock[0] += seconds_a_text * len(some)
    assert sorted(index for some in taken for index in some) == list(range(500))
    assert max(map(len, taken)) == largest
    lengths = [len(texts[index]) for some in taken for index in some]
    assert lengths == sorted(lengths)
    assert all(seconds_a_text * len(some) <= 1 for some in taken[4:])
