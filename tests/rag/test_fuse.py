"""Reciprocal rank fusion against the formula written out."""

import pytest

from rag.fuse import fuse


def test_scores_are_weighted_reciprocal_ranks_relative_to_the_best_possible() -> None:
    fused = dict(fuse(([7, 8], [8, 9]), (1.0, 2.0), 60))
    best = 3 / 61
    assert fused[7] == pytest.approx((1 / 61) / best)
    assert fused[8] == pytest.approx((1 / 62 + 2 / 61) / best)
    assert fused[9] == pytest.approx((2 / 62) / best)


def test_first_everywhere_is_one() -> None:
    assert fuse(([5, 1], [5, 2]), (1, 1))[0] == (5, pytest.approx(1.0))


def test_agreement_beats_a_single_first_place() -> None:
    assert fuse(([1, 3], [2, 3]), (1, 1))[0][0] == 3


def test_equal_scores_are_ordered_by_id() -> None:
    assert [id_ for id_, _ in fuse(([9, 2], [4, 7]), (1, 1))] == [4, 9, 2, 7]


def test_one_empty_ranking_leaves_the_other_in_its_order() -> None:
    assert [id_ for id_, _ in fuse(([], [3, 1, 2]), (1, 1))] == [3, 1, 2]
    assert fuse(([], []), (1, 1)) == []


def test_a_weight_of_zero_silences_a_ranking() -> None:
    assert [id_ for id_, _ in fuse(([1, 2], [3]), (0, 1))] == [3]


def test_a_small_constant_favours_first_places() -> None:
    rankings = ([1, 9, 2], [8, 7, 2])
    assert fuse(rankings, (1, 1), 1000)[0][0] == 2
    assert fuse(rankings, (1, 1), 0.1)[0][0] == 1
