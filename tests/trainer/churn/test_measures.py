"""Churn between two models, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.churn import Change, decisions, differences, flips, measure, pairs


def test_churn_of_probabilities_is_their_mean_distance_and_a_decision_flips_across_one_half() -> None:
    one, other = np.array([[0.2], [0.6], [0.5], [0.9]]), np.array([[0.4], [0.5], [0.51], [0.7]])
    # 0.5 itself is not above one half: rows 2 and 3 flip.
    assert differences("binary", one, other) == pytest.approx([0.2, 0.1, 0.01, 0.2])
    found = flips("binary", one, other)
    assert found is not None
    assert found.tolist() == [False, True, True, False]
    change = measure("binary", one, other)
    assert change.churn == pytest.approx(0.51 / 4)
    assert change.decisions_flipped == 0.5


def test_of_several_classes_the_distance_is_a_mean_over_them_and_the_most_probable_one_decides() -> None:
    one = [[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.0, 0.1, 0.9]]
    other = [[0.3, 0.4, 0.3], [0.1, 0.8, 0.1], [0.3, 0.4, 0.3]]
    assert differences("multiclass", one, other) == pytest.approx([0.4 / 3, 0.0, 1.2 / 3])
    assert measure("multiclass", one, other).churn == pytest.approx(1.6 / 9)
    assert measure("multiclass", one, other).decisions_flipped == pytest.approx(2 / 3)


def test_a_regression_is_told_in_the_unit_of_its_label_and_decides_nothing() -> None:
    assert measure("regression", [[10.0], [-4.0]], [[13.0], [1.0]]) == Change(4.0, None)
    assert decisions("regression", [[10.0]]) is None


def test_of_texts_the_share_counts_whose_best_hypothesis_is_another() -> None:
    change = measure("seq2seq", ["a b", "c", "", "d"], ["a b", "C", "", "d e"])
    assert change == Change(0.5, 0.5)


def test_a_language_model_is_told_in_bits_per_unit() -> None:
    assert measure("language_model", [2.0, 3.0], [2.5, 2.0]) == Change(0.75, None)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_churn_has_no_direction_and_is_nothing_between_equals(task: str) -> None:
    rng = np.random.default_rng(0)
    one, other = rng.random((50, 3)), rng.random((50, 3))
    assert measure(task, one, other) == measure(task, other, one)
    assert measure(task, one, one) == Change(0.0, 0.0)


@pytest.mark.parametrize(("retrains", "expected"), [(2, 1), (3, 3), (5, 10)])
def test_every_pair_of_retrains_counts_once(retrains: int, expected: int) -> None:
    found = pairs(range(retrains))
    assert len(found) == len({frozenset(pair) for pair in found}) == expected
