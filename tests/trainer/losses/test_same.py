"""What must come out the same: compiled or not, temperatures as numbers or tensors, labels in either form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.losses import oracle
from tests.trainer.losses.forms import FORMS, PAIRS, Form, differentiated, gradient, hessian
from trainer.losses import bi_tempered_logistic_loss

every = pytest.mark.parametrize("name", sorted(FORMS))
pairs = pytest.mark.parametrize(("t1", "t2"), PAIRS)
EXACT: dict[str, Any] = {"rtol": 1e-10, "atol": 1e-13}


def compiled(form: Form, jit: bool) -> Any:
    return tf.function(lambda logits, t1, t2: differentiated(form, logits, t1, t2), jit_compile=jit)


@every
@pytest.mark.parametrize(("t1", "t2"), [(1.0, 1.0), (0.8, 1.2), (0.3, 0.7)])
@pytest.mark.parametrize("jit", [False, True])
def test_a_graph_equals_no_graph(name: str, t1: float, t2: float, jit: bool) -> None:
    form = FORMS[name]
    logits = form.inputs(t1, t2, "float32")
    for graph, plain in zip(
        compiled(form, jit)(logits, t1, t2), differentiated(form, logits, t1, t2), strict=True
    ):
        np.testing.assert_allclose(graph, plain, rtol=1e-5, atol=1e-6)


@every
@pytest.mark.parametrize("jit", [False, True])
def test_temperatures_may_be_tensors_of_one_trace(name: str, jit: bool) -> None:
    form = FORMS[name]
    step = compiled(form, jit)
    for t1, t2 in PAIRS:
        logits = form.inputs(t1, t2)
        losses, gradients = step(logits, tf.constant(t1, tf.float64), tf.constant(t2, tf.float64))
        np.testing.assert_allclose(losses, form.expected(logits, t1, t2), rtol=1e-9, atol=1e-11)
        wanted = gradient(form, logits, t1, t2)
        np.testing.assert_allclose(gradients, wanted, rtol=1e-9, atol=1e-11)
    assert step.experimental_get_tracing_count() == 1


@every
@pytest.mark.parametrize(("t1", "t2"), [(1.0, 1.0), (0.8, 1.0), (1.0, 1.5), (0.3, 0.7)])
def test_second_derivatives_at_tensors_are_those_at_numbers(name: str, t1: float, t2: float) -> None:
    form = FORMS[name]
    logits = form.inputs(t1, t2)
    found = hessian(form, logits, tf.constant(t1, tf.float64), tf.constant(t2, tf.float64))
    np.testing.assert_allclose(found, hessian(form, logits, t1, t2), rtol=1e-9, atol=1e-11)


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("off", [1e-4, -1e-6, 1e-9])
def test_nothing_jumps_near_one(name: str, dtype: str, off: float) -> None:
    form = FORMS[name]
    logits = form.inputs(1.0, 1.0, dtype)
    at_one = differentiated(form, logits, 1.0, 1.0)
    rounding = 4e-6 if dtype == "float32" else 1e-12
    for t1, t2 in [(1 - off, 1 + off), (1.0, 1 - off), (1 + off, 1.0)]:
        tensors = tf.constant(t1, dtype), tf.constant(t2, dtype)
        for temperatures in [(t1, t2), tensors]:
            losses, gradients = differentiated(form, logits, *temperatures)
            losses += form.entropy(1.0, 1.0)
            np.testing.assert_allclose(losses, at_one[0], rtol=0, atol=20 * abs(off) + rounding)
            np.testing.assert_allclose(gradients, at_one[1], rtol=0, atol=20 * abs(off) + rounding)


@pairs
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_class_indices_equal_their_distributions(t1: float, t2: float, smoothing: float) -> None:
    sparse = FORMS["sparse"]
    logits = sparse.inputs(t1, t2)
    found = []
    for labels in (sparse.labels, sparse.distributions):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            losses = bi_tempered_logistic_loss(labels, logits, t1, t2, smoothing)
        found.append((losses, tape.gradient(losses, logits)))
    for of_indices, of_distributions in zip(*found, strict=True):
        np.testing.assert_allclose(of_indices, of_distributions, **EXACT)


@pytest.mark.parametrize("kind", ["int8", "uint8", "int32", "int64", "uint16", "float32", "float64"])
def test_class_indices_may_be_of_any_type(kind: str) -> None:
    sparse = FORMS["sparse"]
    losses = bi_tempered_logistic_loss(tf.constant(sparse.labels, kind), sparse.logits, 0.8, 1.2)
    np.testing.assert_allclose(losses, sparse.expected(sparse.logits, 0.8, 1.2), **EXACT)


@every
@pytest.mark.parametrize("smoothing", [0.1, 0.45])
@pytest.mark.parametrize(("t1", "t2"), [(1.0, 1.0), (0.8, 1.2), (0.3, 0.7), (1.2, 2.0)])
def test_smoothing_gives_the_other_classes_a_share(name: str, smoothing: float, t1: float, t2: float) -> None:
    form = FORMS[name]
    logits = form.inputs(t1, t2)
    expected = form.expected(logits, t1, t2, smoothing) + form.entropy(t1, t2, smoothing)
    np.testing.assert_allclose(form.losses(logits, t1, t2, smoothing), expected, **EXACT)
    classes = form.distributions.shape[1]
    by_hand = (1 - classes / (classes - 1) * smoothing) * form.distributions + smoothing / (classes - 1)
    np.testing.assert_allclose(form.targets(smoothing), by_hand)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("classes", [4, None])
def test_batches_of_every_size_share_a_trace(jit: bool, classes: int | None) -> None:
    form = FORMS["sparse"]
    kinds = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, classes], tf.float64)]
    step = tf.function(
        lambda labels, logits: bi_tempered_logistic_loss(labels, logits, 0.8, 1.2), kinds, jit_compile=jit
    )
    for size in (1, 2, 3):
        losses = step(form.labels[:size], form.logits[:size])
        np.testing.assert_allclose(losses, form.expected(form.logits, 0.8, 1.2)[:size], **EXACT)
    assert step.experimental_get_tracing_count() == 1


def test_axes_before_the_classes_are_kept() -> None:
    form = FORMS["sparse"]
    flat = bi_tempered_logistic_loss(form.labels, form.logits, 0.8, 1.2)
    deep = bi_tempered_logistic_loss(form.labels[None, :, None], form.logits[None, :, None], 0.8, 1.2)
    np.testing.assert_array_equal(deep, flat[None, :, None])
    single = bi_tempered_logistic_loss(form.labels[0], form.logits[0], 0.8, 1.2)
    np.testing.assert_allclose(single, flat[0], **EXACT)


def test_labels_have_a_gradient() -> None:
    """`log_t1 y - log_t1 p`, by which a student's loss moves its teacher."""
    form = FORMS["dense"]
    labels, logits = tf.constant([[0.1, 0.2, 0.3, 0.4]], tf.float64), tf.constant(form.logits[:1])
    with tf.GradientTape() as tape:
        tape.watch(labels)
        losses = bi_tempered_logistic_loss(labels, logits, 0.8, 1.2)
    probabilities = np.array(oracle.softmaxes(form.logits[:1], 1.2), np.float64)
    expected = (labels.numpy() ** 0.2 - probabilities**0.2) / 0.2
    np.testing.assert_allclose(tape.gradient(losses, labels), expected, **EXACT)
