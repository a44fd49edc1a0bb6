"""Tempered softmax, sigmoid, logarithms and exponential against the oracle."""

from __future__ import annotations

from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.losses import oracle
from trainer.losses import (
    exp_t,
    log_t,
    tempered_log_odds,
    tempered_log_softmax,
    tempered_sigmoid,
    tempered_softmax,
)

TEMPERATURES = [0.2, 0.5, 0.8, 1 - 1e-6, 1.0, 1 + 1e-6, 1.05, 1.2, 1.5, 2.0, 4.0, 6.0]
CLOSE: dict[str, dict[str, Any]] = {
    "float32": {"rtol": 2e-5, "atol": 1e-7},
    "float64": {"rtol": 1e-10, "atol": 1e-14},
}
LOGITS = np.array([[0.5, -1.25, 2.0], [1e4, -1e4, 9999.5], [0.0, 0.0, 0.0], [-5.665, 6.266, -8.098]])
BINARY = np.array([-1e4, -20.0, -0.75, 0.0, 0.3125, 2.0, 90.0])
every_t = pytest.mark.parametrize("t", TEMPERATURES)
both_types = pytest.mark.parametrize("dtype", ["float32", "float64"])


@every_t
@both_types
def test_the_softmax_equals_the_oracle(t: float, dtype: str) -> None:
    logits = tf.constant(LOGITS, dtype)
    found = tempered_softmax(logits, t)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, oracle.softmaxes(logits.numpy(), t), **CLOSE[dtype])
    np.testing.assert_allclose(tempered_softmax(logits, tf.constant(t, tf.float64)), found, **CLOSE[dtype])


def test_a_heavy_tail_by_hand() -> None:
    """Differences of `p**-3` are three times those of the logits."""
    logits = [-5.665, 6.266, -8.098]
    found = tempered_softmax(tf.constant(logits, tf.float64), 4.0).numpy()
    np.testing.assert_allclose(found, [0.2785, 0.4563, 0.2652], atol=1e-4)
    np.testing.assert_allclose(
        found**-3 - found[1] ** -3, 3 * (6.266 - np.array(logits)), rtol=1e-10, atol=1e-10
    )
    assert found.sum() == pytest.approx(1.0, abs=1e-15)


def test_two_classes_below_one_by_hand() -> None:
    """At `t = 1/2`, roots of `p` differ by half of the logits: `r**2 + (r + 1/2)**2 = 1`."""
    root = (-0.5 + np.sqrt(0.25 + 1.5)) / 2
    found = tempered_softmax(tf.constant([0.0, 1.0], tf.float64), 0.5)
    np.testing.assert_allclose(found, [root**2, (root + 0.5) ** 2], rtol=1e-12)


@given(
    t=st.floats(0.1, 6.0).map(lambda value: round(value, 3)),
    logits=st.lists(st.floats(-30.0, 30.0), min_size=2, max_size=6),
)
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
def test_any_temperature_and_logits_equal_the_oracle(t: float, logits: list[float]) -> None:
    expected = np.array([float(p) for p in oracle.softmax(logits, t)])
    np.testing.assert_allclose(tempered_softmax(tf.constant(logits, tf.float64), t), expected, 1e-9, 1e-12)
    rounded = tf.constant(logits, tf.float32)
    again = np.array([float(p) for p in oracle.softmax(rounded.numpy().tolist(), t)])
    np.testing.assert_allclose(tempered_softmax(rounded, t), again, 1e-4, 1e-6)


@every_t
@both_types
def test_the_logarithm_of_the_softmax_equals_the_oracle(t: float, dtype: str) -> None:
    logits = tf.constant(LOGITS, dtype)
    floor = np.log(np.finfo(dtype).tiny)
    for found, row in zip(tempered_log_softmax(logits, t).numpy(), logits.numpy().tolist(), strict=True):
        logarithms = [float(mpmath.log(p)) if p else -np.inf for p in oracle.softmax(row, t)]
        expected = np.maximum(logarithms, floor) if t < 1 else logarithms
        np.testing.assert_allclose(found, expected, rtol=2e-5 if dtype == "float32" else 1e-9, atol=1e-6)
    assert np.isfinite(tempered_log_softmax(logits, t)).all()


@every_t
@both_types
def test_the_sigmoid_and_its_log_odds_equal_the_oracle(t: float, dtype: str) -> None:
    logits = tf.constant(BINARY, dtype)
    pairs = [oracle.softmax([0.0, logit], t) for logit in logits.numpy().tolist()]
    np.testing.assert_allclose(tempered_sigmoid(logits, t), [float(p[1]) for p in pairs], **CLOSE[dtype])
    odds = tempered_log_odds(logits, t).numpy()
    assert np.isfinite(odds).all()
    assert odds.dtype == dtype
    inside = [index for index, (no, yes) in enumerate(pairs) if min(no, yes) > 0]
    expected = np.array([float(mpmath.log(pairs[index][1] / pairs[index][0])) for index in inside])
    if t < 1:
        floor = np.log(np.finfo(dtype).tiny)
        expected = np.clip(expected, floor, -floor)
    np.testing.assert_allclose(odds[inside], expected, rtol=5e-5 if dtype == "float32" else 1e-9, atol=1e-6)
    np.testing.assert_allclose(tf.sigmoid(odds), tempered_sigmoid(logits, t), **CLOSE[dtype])


def test_at_one_they_are_those_of_tensorflow() -> None:
    logits = tf.constant(LOGITS, tf.float32)
    np.testing.assert_allclose(tempered_softmax(logits, 1.0), tf.nn.softmax(logits), rtol=1e-6)
    np.testing.assert_allclose(
        tempered_log_softmax(logits, 1), tf.nn.log_softmax(logits), rtol=1e-6, atol=1e-6
    )
    flat = tf.constant(BINARY, tf.float32)
    np.testing.assert_array_equal(tempered_sigmoid(flat, 1.0), tf.sigmoid(flat))
    np.testing.assert_array_equal(tempered_log_odds(flat, 1.0), flat)


@every_t
@pytest.mark.parametrize("dynamic", [False, True])
def test_logits_are_the_tempered_logarithm_of_probabilities(t: float, dynamic: bool) -> None:
    probabilities = tf.constant([0.7, 0.2, 0.0625, 0.0375], tf.float64)
    temperature = tf.constant(t, tf.float64) if dynamic else t
    logits = log_t(probabilities, temperature)
    expected = [float(oracle.log_t(mpmath.mpf(float(p)), t)) for p in probabilities.numpy()]
    np.testing.assert_allclose(logits, expected, rtol=1e-9)
    np.testing.assert_allclose(exp_t(logits, temperature), probabilities, rtol=1e-9)
    np.testing.assert_allclose(tempered_softmax(logits, temperature), probabilities, rtol=1e-9)


@every_t
def test_the_exponential_equals_the_oracle(t: float) -> None:
    at = [-50.0, -2.0, -0.5, 0.0, 0.125, 3.0, 20.0]
    found = exp_t(tf.constant(at, tf.float64), t)
    expected = [float(oracle.exp_t(mpmath.mpf(value), t)) for value in at]
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_ends_of_the_logarithm_and_the_exponential() -> None:
    zero, far = tf.constant(0.0), tf.constant([-1e3, 1e3])
    np.testing.assert_allclose(log_t(zero, 0.75), -4.0)
    assert log_t(zero, 1.0).numpy() == log_t(zero, 1.5).numpy() == -np.inf
    assert exp_t(far, 0.5).numpy()[0] == 0.0
    assert exp_t(far, 1.5).numpy()[1] == np.inf


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("t", [0.5, 1.0, 1.2])
def test_half_precision_is_computed_in_float32(dtype: str, t: float) -> None:
    given = tf.constant(LOGITS, dtype)
    for function in (tempered_softmax, tempered_sigmoid, tempered_log_softmax, tempered_log_odds, exp_t):
        found = function(given, t)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, tf.cast(function(tf.cast(given, tf.float32), t), dtype))


def many(classes: int, kind: str) -> np.ndarray:
    rng = np.random.default_rng(classes)
    logits = {
        "equal": np.zeros(classes),
        "random": 3.0 * rng.normal(size=classes),
        "one": np.where(np.arange(classes) == 1, 8.0, 0.0),
        "few": rng.integers(-3, 4, classes).astype(np.float64),
        "ends": np.where(np.arange(classes) % 2, 1e4, -1e4),
    }
    return logits[kind].astype(np.float32)


KINDS = ["equal", "random", "one", "few", "ends"]


@pytest.mark.parametrize(
    ("classes", "jit"),
    [(n, False) for n in (2, 3, 10, 1_000, 32_000)] + [(n, True) for n in (2, 1_000, 32_000)],
)
def test_probabilities_sum_to_one_for_any_number_of_classes(classes: int, jit: bool) -> None:
    logits = tf.constant(np.stack([many(classes, kind) for kind in KINDS]))
    found = {t: tf.function(tempered_softmax, jit_compile=jit)(logits, t) for t in (1.0, 1.2)}
    dynamic = tf.function(tempered_softmax, jit_compile=jit)
    for t in (0.2, 0.8, 1.0, 1.05, 1.5, 2.0, 4.0, 6.0):
        found[-t] = dynamic(logits, tf.constant(t))
    assert dynamic.experimental_get_tracing_count() == 1
    for t, probabilities in found.items():
        sums = probabilities.numpy().astype(np.float64).sum(-1)
        np.testing.assert_allclose(sums, 1.0, rtol=0, atol=1e-6, err_msg=f"t={t}")
        assert probabilities.numpy().min() >= 0


@pytest.mark.parametrize("t", [0.5, 1.2, 4.0])
@pytest.mark.parametrize("classes", [1_000, 32_000])
def test_each_of_many_probabilities_equals_the_oracle(t: float, classes: int) -> None:
    """Logits of a few values, which the oracle counts."""
    for kind in ("equal", "one", "few", "ends"):
        logits = many(classes, kind)
        found = tempered_softmax(tf.constant(logits), t).numpy()
        expected = [float(p) for p in oracle.softmax(logits.tolist(), t)]
        np.testing.assert_allclose(found, expected, rtol=3e-5, atol=1e-9)


@pytest.mark.parametrize("t", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize(
    "function", [tempered_softmax, tempered_log_softmax, tempered_sigmoid, tempered_log_odds]
)
def test_what_is_no_temperature_is_refused(function: object, t: float) -> None:
    with pytest.raises(ValueError, match=r"t must be finite and above 0\. Received: t="):
        function(tf.constant([0.0, 1.0]), t)  # type: ignore[operator]


def test_integers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected floats\. Received: int32"):
        tempered_softmax([1, 2], 1.2)
