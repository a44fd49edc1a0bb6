"""One table of contracts over every form of the bi-tempered loss: values and derivatives of each order."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.losses.forms import FORMS, PAIRS, differences, differentiated, gradient, hessian

every = pytest.mark.parametrize("name", sorted(FORMS))
pairs = pytest.mark.parametrize(("t1", "t2"), PAIRS)
CLOSE: dict[str, dict[str, Any]] = {
    "float32": {"rtol": 3e-5, "atol": 2e-6},
    "float64": {"rtol": 1e-10, "atol": 1e-13},
}


@every
@pairs
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_and_gradients_equal_the_oracle(name: str, t1: float, t2: float, dtype: str) -> None:
    form = FORMS[name]
    logits = form.inputs(t1, t2, dtype)
    losses, found = differentiated(form, logits, t1, t2)
    assert losses.dtype == dtype
    np.testing.assert_allclose(losses, form.expected(logits, t1, t2) + form.entropy(t1, t2), **CLOSE[dtype])
    np.testing.assert_allclose(found, form.expected_gradient(logits, t1, t2), **CLOSE[dtype])


@every
@pairs
def test_gradients_equal_difference_quotients(name: str, t1: float, t2: float) -> None:
    form = FORMS[name]
    logits = form.inputs(t1, t2)
    quotients = differences(lambda moved: form.losses(moved, t1, t2)[:, None], logits, 1e-5)[:, 0]
    np.testing.assert_allclose(gradient(form, logits, t1, t2), quotients, rtol=1e-6, atol=1e-8)


@every
@pairs
def test_hessians_equal_difference_quotients(name: str, t1: float, t2: float) -> None:
    form = FORMS[name]
    logits = form.inputs(t1, t2)
    quotients = differences(lambda moved: gradient(form, moved, t1, t2), logits, 1e-5)
    found = hessian(form, logits, t1, t2)
    np.testing.assert_allclose(found, quotients, rtol=1e-6, atol=1e-10)
    assert np.abs(found).max() > 1e-7


@every
@pytest.mark.parametrize(("t1", "t2", "jit"), [(0.8, 1.0, False), (0.3, 0.7, False), (0.8, 1.2, True)])
def test_hessians_in_a_graph_equal_those_outside(name: str, t1: float, t2: float, jit: bool) -> None:
    form = FORMS[name]
    logits = form.inputs(t1, t2)
    compiled = tf.function(functools.partial(hessian, form, t1=t1, t2=t2), jit_compile=jit)
    np.testing.assert_allclose(compiled(logits), hessian(form, logits, t1, t2), rtol=1e-9, atol=1e-12)
