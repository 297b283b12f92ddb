"""Fusion against the formula written out."""

import pytest

from rag.retrieve.fuse import fuse


def test_scores_are_cosine_and_relative_keyword_score_weighed() -> None:
    fused = dict(fuse([(7, 0.8), (8, 0.5)], [(8, 12.0), (9, 3.0)], 1.0, 3.0))
    assert fused[7] == pytest.approx(0.25 * 0.8)
    assert fused[8] == pytest.approx(0.25 * 0.5 + 0.75)
    assert fused[9] == pytest.approx(0.75 * 0.25)


def test_the_best_possible_is_one() -> None:
    assert fuse([(5, 1.0)], [(5, 0.01)], 3, 7) == [(5, pytest.approx(1.0))]


def test_agreement_beats_a_good_place_in_one_ranking() -> None:
    dense = [(1, 0.9), (3, 0.8)]
    keyword = [(2, 10.0), (3, 9.0)]
    assert fuse(dense, keyword, 0.5, 0.5)[0][0] == 3


def test_equal_scores_are_ordered_by_id() -> None:
    assert [id_ for id_, _ in fuse([(9, 0.5), (2, 0.5), (4, 0.5)], [], 1, 1)] == [2, 4, 9]


def test_one_empty_ranking_leaves_the_other_in_its_order() -> None:
    assert [id_ for id_, _ in fuse([], [(3, 5.0), (1, 4.0), (2, 1.0)], 1, 1)] == [3, 1, 2]
    assert [id_ for id_, _ in fuse([(3, 0.5), (1, 0.4)], [], 1, 1)] == [3, 1]
    assert fuse([], [], 1, 1) == []


def test_a_weight_of_zero_silences_a_ranking() -> None:
    assert fuse([(1, 0.9)], [(3, 2.0)], 0, 1) == [(3, 1.0)]
    assert fuse([(1, 0.9)], [(3, 2.0)], 1, 0) == [(1, 0.9)]


def test_opposite_vectors_count_as_unrelated() -> None:
    assert fuse([(1, -0.5)], [], 1, 1) == [(1, 0.0)]
