"""Bad labels, temperatures, shapes and types: refused with a reason, and under XLA never a silent number."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from trainer.losses import (
    BinaryBiTempered,
    BiTempered,
    bi_tempered_binary_logistic_loss,
    bi_tempered_logistic_loss,
    tempered_softmax,
)

Loss = Callable[..., tf.Tensor]
NAN = float("nan")
INDICES = [
    pytest.param([0, -1], id="minus one"),
    pytest.param([0, 3], id="as many as classes"),
    pytest.param([0.0, 0.5], id="half"),
    pytest.param([0.0, NAN], id="nan"),
    pytest.param(np.array([0, 2**32 + 1]), id="beyond int32"),
    pytest.param([0.0, 3e9], id="float beyond int32"),
]
DISTRIBUTIONS = [
    pytest.param([0.5, 0.6, -0.1], id="below 0"),
    pytest.param([1.5, -0.5, 0.0], id="above 1"),
    pytest.param([0.5, 0.25, 0.2], id="sum below 1"),
    pytest.param([0.5, 0.25, 0.3], id="sum above 1"),
    pytest.param([NAN, 0.5, 0.5], id="nan"),
    pytest.param([np.inf, 0.0, 0.0], id="infinite"),
]
SHARES = [[0.5, -0.1], [0.5, 1.1], [0.5, NAN], [0.0, -1.0], [1.0, 255.0]]
TEMPERATURES = [(0.8, 1.2), (1.0, 1.0), (0.8, 1.0), (0.3, 0.7)]
LOGITS = np.array([[0.5, -1.0, 2.0], [0.25, 0.5, 1.0]], np.float32)
temperatures = pytest.mark.parametrize(("t1", "t2"), TEMPERATURES)


def check(loss: Loss, labels: Any, logits: np.ndarray, t1: float, t2: float, expected: str) -> None:
    """Refused eagerly and in a graph; under XLA the second loss is NaN, and so is its gradient alone."""
    labels = tf.convert_to_tensor(labels)
    with pytest.raises(ValueError, match=expected):
        loss(labels, logits, t1, t2)
    with pytest.raises(tf.errors.InvalidArgumentError, match=expected):
        differentiated(loss, t1, t2, False)(labels, tf.constant(logits))
    losses, gradient = differentiated(loss, t1, t2, True)(labels, tf.constant(logits))
    assert np.isfinite(losses[0])
    assert np.isnan(losses[1])
    assert np.isfinite(gradient[0]).all()
    assert np.isnan(gradient[1]).any()


@functools.cache
def differentiated(loss: Loss, t1: float, t2: float, jit: bool) -> Any:
    """A compiled function of labels and logits: losses and their gradient."""

    def step(labels: tf.Tensor, logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(logits)
            losses = loss(labels, logits, t1, t2)
        return losses, tape.gradient(losses, logits)

    return tf.function(step, jit_compile=jit)


@pytest.mark.parametrize("labels", INDICES)
@pytest.mark.parametrize(("t1", "t2"), TEMPERATURES[:2])
def test_what_is_no_class_index_is_refused(labels: Any, t1: float, t2: float) -> None:
    check(bi_tempered_logistic_loss, labels, LOGITS, t1, t2, r"whole numbers in \[0, classes\).*Received")


@pytest.mark.parametrize("labels", DISTRIBUTIONS)
@pytest.mark.parametrize(("t1", "t2"), TEMPERATURES[:2])
def test_what_is_no_distribution_is_refused(labels: list[float], t1: float, t2: float) -> None:
    both = [[0.0, 1.0, 0.0], labels]
    check(bi_tempered_logistic_loss, both, LOGITS, t1, t2, r"\[0, 1\] and sum to 1 within 0.001.*Received")


@pytest.mark.parametrize("labels", SHARES)
@pytest.mark.parametrize(("t1", "t2"), TEMPERATURES[:2])
def test_what_is_no_share_is_refused(labels: list[float], t1: float, t2: float) -> None:
    check(bi_tempered_binary_logistic_loss, labels, LOGITS[:, 0], t1, t2, r"in \[0, 1\].*Received")


@temperatures
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_smoothing_hides_no_bad_label(t1: float, t2: float, smoothing: float) -> None:
    for loss, labels, logits in (
        (bi_tempered_logistic_loss, [0, 3], LOGITS),
        (bi_tempered_logistic_loss, [[0.0, 1.0, 0.0], [0.9, 0.2, 0.0]], LOGITS),
        (bi_tempered_binary_logistic_loss, [0.0, 1.01], LOGITS[:, 0]),
    ):
        with pytest.raises(ValueError, match="Received: labels"):
            loss(labels, logits, t1, t2, smoothing)


def test_the_error_names_the_label_and_its_place() -> None:
    with pytest.raises(ValueError, match=r"labels\[1\]=7, least=0, greatest=7, classes=3"):
        bi_tempered_logistic_loss([0, 7], LOGITS, 0.8, 1.2)
    with pytest.raises(
        ValueError, match=r"labels\[1\]=\[0.5 0.5 0.5\], least=0.0, least sum=1.0, greatest sum=1.5"
    ):
        bi_tempered_logistic_loss([[1.0, 0.0, 0.0], [0.5, 0.5, 0.5]], LOGITS, 0.8, 1.2)
    with pytest.raises(ValueError, match=r"labels\[0\]=-2.0, least=-2.0, greatest=0.0"):
        bi_tempered_binary_logistic_loss([-2.0, 0.0], LOGITS[:, 0], 0.8, 1.2)


def test_a_sum_off_by_rounding_is_no_error() -> None:
    close = bi_tempered_logistic_loss([[0.3333, 0.3333, 0.3333]], LOGITS[:1], 0.8, 1.2)
    exact = bi_tempered_logistic_loss([[1 / 3, 1 / 3, 1 / 3]], LOGITS[:1], 0.8, 1.2)
    np.testing.assert_allclose(close, exact, atol=1e-3)


LOSSES: list[Loss] = [
    lambda *arguments: bi_tempered_logistic_loss([0, 1], LOGITS, *arguments),
    lambda *arguments: bi_tempered_binary_logistic_loss([0.0, 1.0], LOGITS[:, 0], *arguments),
    BiTempered,
    BinaryBiTempered,
]
every = pytest.mark.parametrize("loss", LOSSES, ids=["softmax", "binary", "BiTempered", "BinaryBiTempered"])


@every
@pytest.mark.parametrize("t1", [-0.1, 2.0, NAN, float("inf")])
def test_a_first_temperature_out_of_range_is_refused(loss: Loss, t1: float) -> None:
    with pytest.raises(ValueError, match=rf"t1 must be in \[0, 2\). Received: t1={t1}"):
        loss(t1, 1.2)


@every
@pytest.mark.parametrize("t2", [0.0, -1.0, NAN, float("inf")])
def test_a_second_temperature_out_of_range_is_refused(loss: Loss, t2: float) -> None:
    with pytest.raises(ValueError, match=f"t2 must be finite and above 0. Received: t2={t2}"):
        loss(0.8, t2)


@every
@pytest.mark.parametrize("smoothing", [-0.1, 1.0, NAN])
def test_a_smoothing_out_of_range_is_refused(loss: Loss, smoothing: float) -> None:
    with pytest.raises(ValueError, match=rf"label_smoothing must be in \[0, 1\). Received: .*={smoothing}"):
        loss(0.8, 1.2, smoothing)


@pytest.mark.parametrize("shape", [(), (3,), (2, 1), (2, 2), (3, 3), (2, 3, 1), (1, 2, 3)])
def test_labels_that_fit_no_logits_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        ValueError, match=r"shape of the logits, \(2, 3\), or .* \(2,\)\. Received: labels of"
    ):
        bi_tempered_logistic_loss(np.zeros(shape, np.float32), LOGITS, 0.8, 1.2)


@pytest.mark.parametrize("shape", [(), (3,), (2, 1), (2, 3)])
def test_yes_or_no_labels_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must have the same shape. Received: .* logits of shape \(2,\)"):
        bi_tempered_binary_logistic_loss(np.zeros(shape, np.float32), LOGITS[:, 0], 0.8, 1.2)


def test_logits_that_are_no_floats_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected floats\. Received: int32 of shape"):
        bi_tempered_logistic_loss([0], [[1, 2]], 0.8, 1.2)
    with pytest.raises(ValueError, match=r"expected floats\. Received: int32 of shape"):
        bi_tempered_binary_logistic_loss([0.0], [1], 0.8, 1.2)


@pytest.mark.parametrize(("t1", "t2"), [(0.8, 1.2), (0.3, 0.7), (0.8, 1.0)])
@pytest.mark.parametrize("jit", [False, True])
def test_logits_of_nan_are_no_silent_number(t1: float, t2: float, jit: bool) -> None:
    logits = tf.constant([[0.5, -1.0, 2.0], [NAN, 0.5, 1.0], [np.inf, 0.5, 1.0]])
    for labels in (tf.constant([0, 1, 0]), tf.eye(3)):
        losses, gradient = differentiated(bi_tempered_logistic_loss, t1, t2, jit)(labels, logits)
        assert np.isnan(losses).tolist() == [False, True, True]
        assert np.isnan(gradient).all(-1).tolist() == [False, True, True]
    assert np.isnan(tempered_softmax(logits, t2)).all(-1).tolist() == [False, True, True]
    losses, _ = differentiated(bi_tempered_binary_logistic_loss, t1, t2, jit)(
        tf.constant([0.0, 1.0]), tf.constant([0.5, NAN])
    )
    assert np.isnan(losses).tolist() == [False, True]
