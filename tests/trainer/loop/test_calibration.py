"""Calibration against numbers that are known because they made the data."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.loop.calibration import calibrate


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-z))


def test_binary_recovers_scale_and_shift() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(200_000, 1)).astype(np.float32)
    y = (rng.random(200_000) < sigmoid(0.5 * z[:, 0] - 1.0)).astype(np.float32)
    scale, shift = calibrate("binary", z, y, np.ones(200_000, np.float32))
    assert scale == pytest.approx(0.5, abs=0.02)
    assert shift == pytest.approx(-1.0, abs=0.02)


def test_at_the_optimum_the_mean_prediction_is_the_mean_label() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(size=(50_000, 1))
    y = (rng.random(50_000) < sigmoid(2.0 * z[:, 0] + 0.7)).astype(np.float32)
    w = rng.uniform(0.1, 3.0, 50_000)
    scale, shift = calibrate("binary", z, y, w)
    mean = np.average(sigmoid(scale * z[:, 0] + shift), weights=w)
    assert mean == pytest.approx(np.average(y, weights=w), abs=1e-4)


def test_multiclass_recovers_the_temperature() -> None:
    rng = np.random.default_rng(2)
    z = rng.normal(size=(50_000, 4)) * 3
    odds = np.exp(z / 2.5)
    y = (rng.random((50_000, 1)) > np.cumsum(odds / odds.sum(1, keepdims=True), 1)).sum(1)
    scale, shift = calibrate("multiclass", z, y, np.ones(50_000))
    assert scale == pytest.approx(1 / 2.5, abs=0.02)
    assert shift == 0.0


def test_regression_recovers_the_line() -> None:
    rng = np.random.default_rng(3)
    z = rng.normal(size=(10_000, 1))
    y = 1.7 * z[:, 0] - 0.4 + 0.01 * rng.normal(size=10_000)
    assert calibrate("regression", z, y, np.ones(10_000)) == pytest.approx((1.7, -0.4), abs=0.01)


def test_weightless_rows_do_not_count() -> None:
    z = np.array([[0.0], [1.0], [2.0], [-1.0], [50.0]])
    y = np.array([0.0, 1.0, 1.0, 1.0, 0.0])
    w = np.array([1.0, 1.0, 1.0, 1.0, 0.0])
    assert calibrate("binary", z, y, w) == pytest.approx(calibrate("binary", z[:4], y[:4], w[:4]))


def test_separated_rows_give_finite_numbers() -> None:
    z = np.array([[-1.0], [-2.0], [1.0], [2.0]])
    scale, shift = calibrate("binary", z, np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4))
    assert 1.0 < scale < 10.0
    assert abs(shift) < 1e-6


@pytest.mark.parametrize("labels", [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
def test_an_inverted_or_one_sided_split_gives_nothing_wild(labels: list[float]) -> None:
    z = np.array([[-1e3], [-2.0], [1.0], [1e3]])
    scale, shift = calibrate("binary", z, np.array(labels), np.ones(4))
    assert scale > 0
    assert np.isfinite([scale, shift]).all()
