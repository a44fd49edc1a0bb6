"""Bounds, properness, logits and labels at the ends of their range, and every type of float."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.losses.forms import FORMS, PAIRS, Form, differentiated
from trainer.losses import bi_tempered_binary_logistic_loss, bi_tempered_logistic_loss, log_t

every = pytest.mark.parametrize("name", sorted(FORMS))
pairs = pytest.mark.parametrize(("t1", "t2"), PAIRS)
BOUNDED = [(0.0, 1.0), (0.8, 1.2), (0.5, 4.0), (0.3, 0.7), (0.9, 6.0), (0.8, 1.0)]
RNG = np.random.default_rng(11)


def drawn(name: str, chances: np.ndarray, logits: tf.Tensor, t1: float, t2: float) -> np.ndarray:
    """The expected loss of examples whose labels are drawn with the chances; logits `(examples, classes)`."""
    total = np.zeros(logits.shape[0])
    for index, chance in enumerate(chances):
        if name == "binary":
            labels = np.full(logits.shape[0], float(index))
            losses = bi_tempered_binary_logistic_loss(labels, logits[:, 1] - logits[:, 0], t1, t2)
        else:
            labels = np.full(logits.shape[0], index)
            given = np.eye(len(chances))[labels] if name == "dense" else labels
            losses = bi_tempered_logistic_loss(given, logits, t1, t2)
        total += chance * losses.numpy()
    return total


@every
@pairs
def test_true_probabilities_have_the_least_expected_loss(name: str, t1: float, t2: float) -> None:
    chances = np.array([0.35, 0.65] if name == "binary" else [0.1, 0.2, 0.3, 0.4])
    best = log_t(tf.constant(chances), t2).numpy()
    near = 0.05 * RNG.normal(size=(20, len(chances)))
    far = (0.5 if t2 < 1 <= t1 else 3.0) * RNG.normal(size=(20, len(chances)))
    logits = np.concatenate([best[None], best + near - near[:, :1], best + far - far[:, :1]])
    found = drawn(name, chances, tf.constant(logits), t1, t2)
    assert (found[1:] > found[0]).all()
    steps = 1e-4 * np.concatenate([np.eye(len(chances)), -np.eye(len(chances))])
    ends = drawn(name, chances, tf.constant(best + steps), t1, t2).reshape(2, -1)
    np.testing.assert_allclose(ends[0], ends[1], rtol=0, atol=1e-10)


@every
@pytest.mark.parametrize(("t1", "t2"), BOUNDED)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_label_of_one_class_costs_at_most_the_bound(name: str, t1: float, t2: float, dtype: str) -> None:
    form = FORMS[name]
    whole = form.distributions.max(-1) == 1
    scales = np.repeat([0.1, 1.0, 10.0, 1e4], 25)[:, None, None]
    logits = scales * RNG.normal(size=(100, *form.logits.shape))
    losses = form.losses(tf.constant(logits.reshape(-1, logits.shape[-1]), dtype), t1, t2).numpy()
    assert losses.min() >= 0
    of_one_class = losses.reshape(100, -1)[:, whole]
    assert of_one_class.max() <= (1 + 1e-5) / (1 - t1)
    assert of_one_class.max() >= 0.2 / (1 - t1)


@pytest.mark.parametrize(("t1", "t2"), BOUNDED)
def test_the_bound_is_reached(t1: float, t2: float) -> None:
    logits = tf.constant([[1e30, 0.0, 0.0]], tf.float64)
    loss = float(bi_tempered_logistic_loss([1], logits, t1, t2)[0])
    assert loss == pytest.approx(1 / (1 - t1), rel=1e-9 if t2 <= 1 else 0.5)
    assert loss <= 1 / (1 - t1)


@every
@pairs
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_greatest_logits_have_a_finite_loss_and_gradient(
    name: str, t1: float, t2: float, dtype: str
) -> None:
    form = FORMS[name]
    for scale in (1e4, -1e4, 1e8):
        signs = np.where(form.logits > form.logits.mean(), 1.0, -1.0)
        losses, gradient = differentiated(form, tf.constant(scale * signs, dtype), t1, t2)
        assert np.isfinite(losses).all()
        assert np.isfinite(gradient).all()
        assert losses.numpy().min() >= 0


@every
@pytest.mark.parametrize("t2", [0.5, 1.0])
def test_a_confident_right_example_costs_nothing(name: str, t2: float) -> None:
    for logit in (90.0, 1e4):
        if name == "binary":
            losses = bi_tempered_binary_logistic_loss([1.0, 0.0], tf.constant([logit, -logit]), 0.8, t2)
        else:
            labels = np.eye(3)[[0, 2]] if name == "dense" else [0, 2]
            logits = tf.constant([[logit, 0.0, 0.0], [0.0, 0.0, logit]])
            losses = bi_tempered_logistic_loss(labels, logits, 0.8, t2)
        assert losses.numpy().tolist() == [0.0, 0.0]


def inputs(form: Form, dtype: str) -> tuple[tf.Tensor, tf.Tensor]:
    """Logits of a type, and what is computed of them in the wider one."""
    given = tf.constant(3.0 * form.logits, dtype)
    return given, tf.cast(given, tf.float32 if given.dtype.size < 4 else given.dtype)


@every
@pytest.mark.parametrize(("t1", "t2"), [(1.0, 1.0), (0.8, 1.2), (0.3, 0.7)])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_every_float_keeps_its_type_and_half_is_computed_in_float32(
    name: str, t1: float, t2: float, dtype: str
) -> None:
    form = FORMS[name]
    given, wide = inputs(form, dtype)
    for found, wider in zip(
        differentiated(form, given, t1, t2), differentiated(form, wide, t1, t2), strict=True
    ):
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, tf.cast(wider, dtype))


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_labels_of_half_precision_may_be_off_by_their_rounding(kind: str) -> None:
    shares = tf.constant([[0.1, 0.2, 0.3, 0.4], [1 / 3, 1 / 3, 1 / 3, 0.0]], kind)
    found = bi_tempered_logistic_loss(shares, tf.constant(FORMS["dense"].logits[:2], tf.float32), 0.8, 1.2)
    exact = bi_tempered_logistic_loss(
        [[0.1, 0.2, 0.3, 0.4], [1 / 3, 1 / 3, 1 / 3, 0.0]], FORMS["dense"].logits[:2], 0.8, 1.2
    )
    np.testing.assert_allclose(found, exact, rtol=2e-2)


@pytest.mark.parametrize("t2", [0.5, 1.0, 1.2])
def test_a_class_that_is_masked_out_by_infinity_has_no_gradient(t2: float) -> None:
    logits = tf.constant([[0.5, -np.inf, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = bi_tempered_logistic_loss([0], logits, 0.8, t2)
    without = bi_tempered_logistic_loss([0], tf.constant([[0.5, 1.0]]), 0.8, t2)
    np.testing.assert_allclose(loss, without, rtol=1e-4)
    gradient = tape.gradient(loss, logits).numpy()[0]
    assert np.isfinite(gradient).all()
    assert gradient[1] == pytest.approx(0.0, abs=1e-6)
