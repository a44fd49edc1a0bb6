"""Settings that go by the amount of data, against models fitted on real and on shuffled labels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss

from pipeline.init import scale
from pipeline.init.target import Target

SEEDS = 40


def target(task: str) -> Target:
    return Target(task, (), (), np.empty(0, np.int64), np.empty(0), ())


def labelled(task: str, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three columns of which two say something, and the label."""
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(rows, 3))
    score = columns[:, 0] + 0.5 * columns[:, 1]
    if task == "regression":
        return columns, 20 * score + rng.normal(scale=30, size=rows)
    return columns, (rng.random(rows) < 1 / (1 + np.exp(-score))).astype(float)


def gain(task: str, rows: int, seed: int, shuffle: bool) -> float:
    """By how much a model is better than the constant, on 4,000 rows with true labels."""
    columns, label = labelled(task, rows, seed)
    if shuffle:
        label = np.random.default_rng(seed + 1).permutation(label)
    unseen, truth = labelled(task, 4000, seed + 500)
    if task == "regression":
        answers = LinearRegression().fit(columns, label).predict(unseen)
        return float(np.std(truth) - np.sqrt(np.mean((answers - truth) ** 2)))
    answers = LogisticRegression(C=1e6).fit(columns, label).predict_proba(unseen)[:, 1]
    return log_loss(truth, np.full(4000, label.mean())) - log_loss(truth, answers)


@pytest.mark.parametrize("rows", [200, 2000, 20_000])
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_gain_on_shuffled_labels_is_refused_and_a_real_one_passes(task: str, rows: int) -> None:
    limit = scale.chance_gain(target(task), labelled(task, rows, 1)[1], rows)
    by_chance = [gain(task, rows, seed, shuffle=True) for seed in range(SEEDS)]
    real = [gain(task, rows, seed, shuffle=False) for seed in range(SEEDS)]
    # Without a limit every third such model or so would pass.
    assert sum(value > 0 for value in by_chance) > SEEDS / 8
    assert sum(value > limit for value in by_chance) <= SEEDS / 20
    assert sum(value > limit for value in real) >= SEEDS * 0.9


def test_the_limit_by_hand() -> None:
    half = np.array([0.0, 1.0] * 50)
    assert scale.chance_gain(target("binary"), half, 2500) == pytest.approx(0.01645)
    assert scale.chance_gain(target("binary"), half, 25) == pytest.approx(0.1 * np.log(2))
    assert scale.chance_gain(target("regression"), 30 * half, 900) == pytest.approx(0.41125)
    assert scale.chance_gain(target("binary"), np.zeros(10), 100) == 0


def test_the_default_rule_holds_the_limit() -> None:
    values = np.array([0.0, 1.0] * 500)
    rules, _ = scale.gate(target("binary"), values, values, 640, 200)
    assert rules[0] == {"metric": "log_loss", "better_than": "prior", "by_at_least": 0.033}


def test_a_lower_bound_that_nothing_could_fall_below_is_left_out() -> None:
    # Four standard errors of the mean, relative to it: 4 * sqrt(0.99 / (0.01 * 2000)) = 0.89, then 1.26.
    rare = np.array([0.0] * 99 + [1.0])
    assert scale.gate(target("binary"), rare, rare, 8000, 2000)[0][1] == {
        "metric": "calibration", "min": 0.11, "max": 1.89,
    }  # fmt: skip
    assert scale.gate(target("binary"), rare, rare, 4000, 1000)[0][1] == {
        "metric": "calibration",
        "max": 2.26,
    }


def test_a_mean_that_differs_by_chance_has_not_moved() -> None:
    # A tenth of a deviation is beyond four standard errors for 40,000 rows, not for 400.
    before, after = np.array([-1.0, 1.0]) + 0.15, np.array([-1.0, 1.0])
    assert not scale.gate(target("regression"), before, after, 1600, 400)[1]
    assert scale.gate(target("regression"), before, after, 160_000, 40_000)[1]


def test_rows_left_for_training_go_by_the_default_splits() -> None:
    assert scale.train_rows(500) == pytest.approx(500 * 0.7 * 0.8)
    assert scale.train_rows(10_000) == pytest.approx(10_000 * 0.8 * 0.9)
