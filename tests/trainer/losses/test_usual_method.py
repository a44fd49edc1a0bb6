"""What a few steps of a simple search get wrong, and ours does not.

The usual implementation makes five fixed-point steps above 1, five halvings of an interval below 1, and
sums plain exponentials at 1, all in float32. Each test shows a defect of it and the right number on ours.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.losses import oracle
from trainer.losses import bi_tempered_logistic_loss, tempered_softmax

STEPS = 5
SINGLE = np.float32


def log_t(x: np.ndarray, t: float) -> np.ndarray:
    return np.log(x) if t == 1 else (x ** (1 - t) - 1) / (1 - t)


def exp_t(x: np.ndarray, t: float) -> np.ndarray:
    return np.exp(x) if t == 1 else np.maximum(0, 1 + (1 - t) * x) ** (1 / (1 - t))


def by_fixed_point(logits: np.ndarray, t: float) -> np.ndarray:
    """Reference: arXiv:1906.03361, algorithm 1."""
    start = logits - logits.max(-1, keepdims=True)
    now = start
    for _ in range(STEPS):
        now = start * exp_t(now, t).sum(-1, keepdims=True) ** (1 - t)
    return exp_t(start + log_t(1 / exp_t(now, t).sum(-1, keepdims=True), t), t)


def by_halving(logits: np.ndarray, t: float) -> np.ndarray:
    start = logits - logits.max(-1, keepdims=True)
    possible = (start > -1 / (1 - t)).sum(-1, keepdims=True).astype(logits.dtype)
    low, high = np.zeros_like(possible), -log_t(1 / possible, t)
    for _ in range(STEPS):
        middle = (low + high) / 2
        above = exp_t(start - middle, t).sum(-1, keepdims=True) >= 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return exp_t(start - (low + high) / 2, t)


def by_exponentials(logits: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.exp(logits - np.log(np.exp(logits).sum(-1, keepdims=True)))


def simply(labels: np.ndarray, probabilities: np.ndarray, t1: float) -> np.ndarray:
    """The loss as it stands in the paper, term by term."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first = (log_t(labels + SINGLE(1e-10), t1) - log_t(probabilities, t1)) * labels
        return (first - (labels ** (2 - t1) - probabilities ** (2 - t1)) / (2 - t1)).sum(-1)


def ours(logits: np.ndarray, t: float) -> np.ndarray:
    return tempered_softmax(tf.constant(logits), t).numpy()


def off(probabilities: np.ndarray) -> float:
    return float(abs(probabilities.astype(np.float64).sum(-1) - 1).max())


@pytest.mark.parametrize("classes", [1_000, 32_000])
def test_five_fixed_point_steps_leave_a_sum_that_is_not_one(classes: int) -> None:
    logits = np.random.default_rng(1).normal(size=(4, classes)).astype(SINGLE) * 3
    assert off(by_fixed_point(logits, 1.2)) > 0.01
    assert off(ours(logits, 1.2)) <= 1e-6


def one_above(classes: int, by: float) -> np.ndarray:
    """One logit above many equal ones."""
    logits = np.full((1, classes), -by, SINGLE)
    logits[0, 0] = 0
    return logits


def test_five_fixed_point_steps_may_be_off_by_a_third() -> None:
    logits = one_above(32_000, 300.0)
    assert off(by_fixed_point(logits, 1.5)) > 0.35
    np.testing.assert_allclose(ours(logits, 1.5), oracle.softmaxes(logits, 1.5), rtol=1e-5)


def test_five_halvings_are_off_by_nearly_a_tenth() -> None:
    logits = one_above(1_000, 13.25)
    expected = oracle.softmaxes(logits, 0.95)
    assert abs(by_halving(logits, 0.95) - expected).max() > 0.08
    assert off(by_halving(logits, 0.95)) > 0.08
    np.testing.assert_allclose(ours(logits, 0.95), expected, rtol=1e-4, atol=1e-9)
    assert off(ours(logits, 0.95)) <= 1e-6


def test_exponentials_overflow_so_that_a_confident_right_example_costs_the_most() -> None:
    labels, logits = np.array([[1.0, 0.0]], SINGLE), np.array([[90.0, 0.0]], SINGLE)
    assert simply(labels, by_exponentials(logits), 0.8)[0] == pytest.approx(4.17, abs=0.01)
    assert bi_tempered_logistic_loss(labels, logits, 0.8, 1.0).numpy()[0] == 0.0


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("t2", [0.5, 1.0, 1.2])
def test_constants_of_float32_fit_no_other_type(dtype: str, t2: float) -> None:
    logits = tf.constant([[0.5, -1.0, 2.0]], dtype)
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.minimum(logits, tf.ones([], tf.float32))
    expected = oracle.loss([0, 0, 1], [0.5, -1.0, 2.0], 0.8, t2)
    found = bi_tempered_logistic_loss([2], logits, 0.8, t2)
    assert found.dtype == dtype
    assert float(found[0]) == pytest.approx(float(expected), rel=1e-9 if dtype == "float64" else 1e-2)


def test_labels_out_of_range_give_nan() -> None:
    labels, logits = np.array([[-0.1, 1.1]], SINGLE), np.array([[0.5, 0.0]], SINGLE)
    assert np.isnan(simply(labels, by_fixed_point(logits, 1.2), 0.8)).all()
    with pytest.raises(ValueError, match=r"must be in \[0, 1\]"):
        bi_tempered_logistic_loss(labels, logits, 0.8, 1.2)


def test_a_class_index_of_minus_one_is_no_class() -> None:
    """A plain one-hot makes zeros of it, and of the zeros a loss."""
    logits = np.array([[0.5, 0.0, 0.25]], SINGLE)
    labels = tf.one_hot([-1], 3).numpy()
    assert np.isfinite(simply(labels, by_fixed_point(logits, 1.2), 0.8)).all()
    with pytest.raises(ValueError, match=r"whole numbers in \[0, classes\)"):
        bi_tempered_logistic_loss([-1], logits, 0.8, 1.2)


@pytest.mark.parametrize("dynamic", [False, True])
def test_a_power_below_0_of_a_probability_of_0_gives_nan(dynamic: bool) -> None:
    """For `t1 > t2` the gradient has `p**(t2 - t1)`, and below 1 classes have no probability."""
    t1, t2 = 0.9, 0.5
    labels, logits = np.array([[0.0, 1.0, 0.0]]), np.array([[8.0, 7.5, 0.0]])
    p = by_halving(logits, t2)
    with np.errstate(divide="ignore", invalid="ignore"):
        q = (p - labels) * p ** (t2 - t1)
        simple = q - p**t2 / (p**t2).sum(-1, keepdims=True) * q.sum(-1, keepdims=True)
    assert np.isnan(simple).any()
    at = tf.constant(logits)
    temperatures = [tf.constant(t, tf.float64) for t in (t1, t2)] if dynamic else [t1, t2]
    with tf.GradientTape() as tape:
        tape.watch(at)
        loss = bi_tempered_logistic_loss(labels, at, *temperatures)
    expected = [float(part) for part in oracle.gradient(labels[0], logits[0].tolist(), t1, t2)]
    np.testing.assert_allclose(tape.gradient(loss, at)[0], expected, rtol=1e-9, atol=1e-12)
