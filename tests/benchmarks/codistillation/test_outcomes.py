"""Steps to a quality and what is compared, on numbers worked by hand."""

from __future__ import annotations

import pytest

from benchmarks.codistillation import outcomes

HISTORY = [
    {"step": 10, "validation_loss": None},
    {"step": 20, "validation_loss": 0.6},
    {"step": 30, "validation_loss": 0.4},
    {"step": 40, "validation_loss": 0.5},
]


def test_a_quality_is_reached_at_the_first_evaluation_that_is_as_good() -> None:
    assert outcomes.steps_to(HISTORY, 0.6) == 20
    assert outcomes.steps_to(HISTORY, 0.59) == 30
    assert outcomes.steps_to(HISTORY, 0.39) is None
    assert outcomes.steps_to([], 1.0) is None


def test_the_final_loss_is_the_last_and_not_the_best() -> None:
    assert outcomes.final_loss(HISTORY) == 0.5
    for without in ([], HISTORY[:1]):
        with pytest.raises(SystemExit, match="validation split"):
            outcomes.final_loss(without)


def test_trials_that_never_reach_a_quality_are_counted_and_not_averaged() -> None:
    assert outcomes.share_of_steps([30, None], [60, 60]) == (0.5, 1)
    assert outcomes.share_of_steps([None, None], [60, 60]) == (None, 0)
    assert outcomes.share_of_steps([30, 60], [60, 60]) == (0.75, 2)


def test_a_reduction_is_of_the_other_and_below_0_for_more() -> None:
    assert outcomes.reduction(0.026, 0.04) == pytest.approx(35.0)
    assert outcomes.reduction(0.05, 0.04) == pytest.approx(-25.0)
    assert outcomes.reduction(0.0, 0.04) == 100.0


def test_what_is_added_is_divided_by_the_peers_and_not_by_the_replicas() -> None:
    assert outcomes.per_peer(10.0, {1: 10.0, 2: 13.0, 8: 24.0}) == {2: 3.0, 8: 2.0}
