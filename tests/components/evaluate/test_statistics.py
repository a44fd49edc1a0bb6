"""The metrics against scikit-learn and hand-worked numbers."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from components.evaluate import statistics

RNG = np.random.default_rng(7)


def split_sum(
    task: str, labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray
) -> dict[str, float]:
    core = statistics.TASKS[task]
    total = sum(
        core.add(labels[part], predictions[part], weights[part])
        for part in np.array_split(np.arange(len(labels)), 3)
    )
    return core.metrics(total)


@pytest.mark.parametrize("weighted", [False, True])
def test_binary_metrics_equal_scikit_learn(weighted: bool) -> None:
    labels = (RNG.random(5000) < 0.3).astype(float)
    predictions = np.clip(RNG.normal(0.3 + 0.2 * labels, 0.15), 0.001, 0.999)
    weights = RNG.random(5000) if weighted else np.ones(5000)
    found = split_sum("binary", labels, predictions[:, None], weights)
    assert found["auc"] == pytest.approx(
        oracle.roc_auc_score(labels, predictions, sample_weight=weights), abs=1e-4
    )
    assert found["log_loss"] == pytest.approx(oracle.log_loss(labels, predictions, sample_weight=weights))
    assert found["brier"] == pytest.approx(
        oracle.brier_score_loss(labels, predictions, sample_weight=weights)
    )
    assert found["accuracy"] == pytest.approx(
        oracle.accuracy_score(labels, predictions > 0.5, sample_weight=weights)
    )
    assert found["pr_auc"] == pytest.approx(
        oracle.average_precision_score(labels, predictions, sample_weight=weights), abs=1e-3
    )
    assert found["calibration"] == pytest.approx((weights * predictions).sum() / (weights * labels).sum())


def test_multiclass_metrics_equal_scikit_learn() -> None:
    predictions = RNG.dirichlet([1, 2, 3], 3000)
    labels = np.array([RNG.choice(3, p=row) for row in predictions]).astype(float)
    found = split_sum("multiclass", labels, predictions, np.ones(3000))
    assert found["log_loss"] == pytest.approx(oracle.log_loss(labels, predictions))
    assert found["accuracy"] == pytest.approx(oracle.accuracy_score(labels, predictions.argmax(axis=1)))
    assert found["calibration"] < 0.03
    assert split_sum("multiclass", (labels + 1) % 3, predictions, np.ones(3000))["calibration"] > 0.2


def test_regression_metrics_by_hand() -> None:
    found = split_sum("regression", np.array([1.0, 3.0]), np.array([[2.0], [2.0]]), np.ones(2))
    assert found["rmse"] == pytest.approx(1.0)
    assert found["mae"] == pytest.approx(1.0)
    assert found["bias_ratio"] == pytest.approx(0.0)
    assert found["mean_label"] == pytest.approx(2.0)
    shifted = split_sum("regression", np.array([1.0, 3.0]), np.array([[3.0], [5.0]]), np.ones(2))
    assert shifted["bias_ratio"] == pytest.approx(2.0)


@pytest.mark.parametrize("task", sorted(statistics.TASKS))
def test_no_rows_give_no_numbers_rather_than_zeros(task: str) -> None:
    found = statistics.TASKS[task].metrics(np.zeros(statistics.TASKS[task].SIZE))
    assert found.pop("example_count") == 0
    assert all(np.isnan(value) for value in found.values())


def test_one_class_only_has_no_auc() -> None:
    found = split_sum("binary", np.zeros(10), np.full((10, 1), 0.2), np.ones(10))
    assert np.isnan(found["auc"])
    assert np.isnan(found["calibration"])


@pytest.mark.parametrize("task", sorted(statistics.TASKS))
def test_names_are_those_computed(task: str) -> None:
    computed = statistics.TASKS[task].metrics(np.ones(statistics.TASKS[task].SIZE))
    assert tuple(computed) == statistics.NAMES[task]


def test_a_prediction_that_is_not_a_number_is_not_hidden() -> None:
    found = split_sum("binary", np.array([0.0, 1.0]), np.array([[np.nan], [0.5]]), np.ones(2))
    assert np.isnan(found["log_loss"])
