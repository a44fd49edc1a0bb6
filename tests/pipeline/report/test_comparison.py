"""Which model is better, by hand-worked numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.report import comparison

Make = Callable[[str], dict[str, Any]]


@pytest.mark.parametrize(
    ("metric", "task", "candidate", "other", "outcome"),
    [
        ("log_loss", "binary", 0.4, 0.5, "better"),
        ("auc", "binary", 0.7, 0.8, "worse"),
        ("auc", "binary", 0.8, 0.8, "same"),
        ("rmse", "regression", 2.0, 1.0, "worse"),
        ("calibration", "binary", 0.9, 1.2, "better"),
        ("calibration", "binary", 1.3, 1.2, "worse"),
        ("calibration", "multiclass", 0.02, 0.05, "better"),
        ("bias_ratio", "regression", -0.1, 0.2, "better"),
        ("mean_label", "binary", 0.2, 0.3, ""),
        ("log_loss", "binary", None, 0.5, ""),
    ],
)
def test_the_outcome_follows_the_direction_of_the_metric(
    metric: str, task: str, candidate: float | None, other: float, outcome: str
) -> None:
    assert comparison.change(metric, task, candidate, other).outcome == outcome


def test_metrics_with_a_direction_come_first(make_view: Make) -> None:
    names = list(comparison.overall(make_view("pushed")))
    assert names[:2] == ["log_loss", "auc"]
    assert set(names[-3:]) == {"example_count", "mean_label", "mean_prediction"}


def test_the_flat_metrics_of_a_summary_do_when_nothing_else_is_there() -> None:
    view = {"summary": {"task": "binary", "metrics": {"candidate": {"auc": 0.75}, "baseline": {"auc": 0.5}}}}
    auc = comparison.overall(view)["auc"]
    assert auc.candidate == 0.75
    assert auc.from_baseline.amount == 0.25


def test_slices_meet_their_baseline_by_name_and_the_largest_comes_first(make_view: Make) -> None:
    view = make_view("pushed")
    view["metrics"]["baseline"]["slices"].reverse()
    groups = comparison.slices(view)
    assert list(groups) == [("origin",), ("carrier",)]
    assert [one.name for one in groups["origin",]] == ["EWR", "JFK", "LGA"]
    wanted = {
        entry["slice"]["origin"]: entry["metrics"]["auc"]
        for entry in view["metrics"]["baseline"]["slices"]
        if "origin" in entry["slice"]
    }
    assert {one.name: one.comparisons["auc"].baseline for one in groups["origin",]} == wanted


def test_a_prior_in_the_place_of_the_baseline_is_not_compared_twice(make_view: Make) -> None:
    rmse = comparison.overall(make_view("regression"))["rmse"]
    assert rmse.baseline is None
    assert rmse.from_prior.outcome == "better"
