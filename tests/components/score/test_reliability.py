"""Bins of the calibration plot."""

import numpy as np
import pytest

from components.score.reliability import Reliability


def test_bins_hold_every_row_and_equal_weight() -> None:
    rng = np.random.default_rng(3)
    predictions = rng.beta(2, 5, 10_000)
    labels = (rng.random(10_000) < predictions).astype(float)
    bins = Reliability("binary")
    for part in np.array_split(np.arange(10_000), 4):
        bins.add(labels[part], predictions[part][:, None], np.ones(len(part)))
    found = bins.bins()["equal_weight"]
    assert len(found) == 20
    assert sum(entry["count"] for entry in found) == 10_000
    assert max(entry["count"] for entry in found) < 700
    for entry in found:
        assert entry["lower"] <= entry["mean_prediction"] <= entry["upper"]
        assert entry["mean_label"] == pytest.approx(entry["mean_prediction"], abs=0.08)


def test_a_constant_prediction_is_one_bin() -> None:
    bins = Reliability("binary")
    bins.add(np.array([0.0, 1.0, 1.0, 0.0]), np.full((4, 1), 0.25), np.ones(4))
    (only,) = bins.bins()["equal_weight"]
    assert only["count"] == 4
    assert only["mean_label"] == pytest.approx(0.5)
    assert only["mean_prediction"] == pytest.approx(0.25)


def test_regression_bins_span_the_predictions() -> None:
    bins = Reliability("regression")
    values = np.linspace(-100, 100, 1001)
    bins.add(values + 5, values[:, None], np.ones(1001))
    bins.add(np.array([1e6]), np.array([[1e6]]), np.ones(1))
    found = bins.bins()["equal_weight"]
    assert sum(entry["count"] for entry in found) == 1002
    assert found[0]["mean_label"] == pytest.approx(found[0]["mean_prediction"] + 5)


def test_multiclass_compares_confidence_with_hits() -> None:
    bins = Reliability("multiclass")
    bins.add(np.array([0.0, 1.0]), np.array([[0.8, 0.2], [0.8, 0.2]]), np.ones(2))
    (only,) = bins.bins()["equal_weight"]
    assert only["mean_prediction"] == pytest.approx(0.8)
    assert only["mean_label"] == pytest.approx(0.5)


def test_bins_of_equal_width_count_rows_and_are_the_same_for_every_model() -> None:
    rng = np.random.default_rng(4)
    edges = np.linspace(0, 1, 41)
    for predictions in (rng.beta(2, 5, 5000), rng.beta(8, 2, 5000)):
        bins = Reliability("binary")
        bins.add(np.zeros(5000), predictions[:, None], rng.random(5000))
        found = bins.bins()["equal_width"]
        assert [entry["lower"] for entry in found] == pytest.approx(edges[:-1])
        assert [entry["upper"] for entry in found] == pytest.approx(edges[1:])
        assert [entry["count"] for entry in found] == np.histogram(predictions, edges)[0].tolist()


def test_bins_of_equal_width_of_a_regression_span_its_predictions() -> None:
    bins = Reliability("regression")
    values = np.arange(-20.0, 20.0) + 0.5
    bins.add(values, values[:, None], np.ones(40))
    found = bins.bins()["equal_width"]
    assert (found[0]["lower"], found[-1]["upper"]) == (-19.5, 19.5)
    assert [entry["count"] for entry in found] == [1] * 40


def test_no_rows_are_no_bins() -> None:
    bins = Reliability("binary").bins()
    assert bins["equal_weight"] == []
    assert {entry["count"] for entry in bins["equal_width"]} == {0}
