"""Options of Keras and of weight decay: the same by rows as on the whole, or refused."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.optimizers.cases import CASES, PLAIN, XLA, every, slices, state, table
from trainer.optimizers import FTRL, SM3, AdaGrad
from trainer.optimizers.rows import DENSE_OPTIONS, RowOptimizer


@every
def test_options_of_keras_on_rows_equal_those_on_the_whole_table(case: str) -> None:
    """Clipping takes the norm of the added rows; decay of the rows of the batch is that of these rows."""
    factory = type(CASES[case][0]())
    plain: dict[str, Any] = {"momentum": 0.0} if factory is SM3 else {}
    choices: list[dict[str, Any]] = [{"clipnorm": 0.7}, {"global_clipnorm": 0.7}, {"clipvalue": 0.3}]
    if factory is not FTRL:
        choices.append({"weight_decay": 0.1})
    # Every row occurs, some of them twice.
    ids = tf.constant([4, 1, 4, 0, 5, 2, 3, 1], tf.int64)
    values = tf.constant(np.random.default_rng(8).normal(size=(8, 2)), tf.float32)
    by_rows = tf.IndexedSlices(values, ids, tf.constant([6, 2]))
    at_once = tf.math.unsorted_segment_sum(values, ids, 6)
    for options in choices:
        for jit in (PLAIN, XLA):
            found = []
            for gradient in (by_rows, at_once):
                optimizer, variables = factory(0.5, **plain, **options), [table(), keras.Variable([0.5])]
                optimizer.build(variables)
                step = tf.function(optimizer.apply, jit_compile=jit)
                step([gradient, tf.constant([3.0])])
                found.append([array for variable in variables for array in state(optimizer, variable)])
            for rows, dense in zip(*found, strict=True):
                np.testing.assert_allclose(rows, dense, rtol=2e-5, atol=1e-6)


def test_decay_passes_over_named_variables_and_rows_that_are_not_there() -> None:
    for kind in (AdaGrad, SM3):
        optimizer = kind(0.5, weight_decay=0.2, no_decay=["bias$"])
        variables = [table(), keras.Variable([1.0], name="bias"), keras.Variable([1.0], name="kernel")]
        optimizer.build(variables)
        before = variables[0].numpy()
        optimizer.apply([slices([2], np.zeros((1, 2))), tf.zeros(1), tf.zeros(1)], variables)
        now = variables[0].numpy()
        np.testing.assert_allclose(now[2], before[2] * (1 - 0.5 * 0.2), rtol=1e-6)
        np.testing.assert_array_equal(np.delete(now, 2, 0), np.delete(before, 2, 0))
        assert [float(v.numpy()[0]) for v in variables[1:]] == pytest.approx([1.0, 0.9])
        copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
        assert copy.no_decay == ("bias$",)
    with pytest.raises(ValueError, match=r"undoes weight_decay. Received: weight_decay=0.1"):
        FTRL(weight_decay=0.1)


@pytest.mark.parametrize("kind", [FTRL, AdaGrad, SM3])
def test_an_average_of_weights_is_kept_but_not_of_tables(kind: type[RowOptimizer]) -> None:
    optimizer, variable = kind(0.5, use_ema=True, ema_momentum=0.5), table()
    optimizer.build([variable])
    with pytest.raises(ValueError, match=r"use_ema=True and row updates of .*table"):
        optimizer.apply([slices([2], np.ones((1, 2)))], [variable])
    path = []
    for _ in range(2):
        optimizer.apply([tf.ones((6, 2))], [variable])
        path.append(variable.numpy())
    optimizer.finalize_variable_values([variable])
    np.testing.assert_allclose(variable.numpy(), (path[0] + path[1]) / 2, rtol=1e-6)


@pytest.mark.parametrize("option", DENSE_OPTIONS)
@pytest.mark.parametrize("kind", [FTRL, AdaGrad, SM3])
def test_options_that_touch_every_row_are_refused(kind: type[RowOptimizer], option: str) -> None:
    with pytest.raises(ValueError, match=f"{option}.*Received: {option}=2"):
        kind(**{option: 2})


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (FTRL, {"learning_rate": 0.0}),
        (FTRL, {"l1": -1.0}),
        (FTRL, {"l2": -1.0}),
        (FTRL, {"learning_rate_power": 0.5}),
        (FTRL, {"initial_accumulator": -0.1}),
        (AdaGrad, {"learning_rate": -1.0}),
        (AdaGrad, {"epsilon": 0.0}),
        (AdaGrad, {"initial_accumulator": -0.1}),
        (SM3, {"learning_rate": 0.0}),
        (SM3, {"momentum": 1.0}),
        (SM3, {"beta": -0.1}),
        (SM3, {"initial_accumulator": -0.1}),
    ],
)
def test_numbers_out_of_range_are_refused(kind: type[RowOptimizer], arguments: dict[str, float]) -> None:
    (name,) = arguments
    with pytest.raises(ValueError, match=f"{name} must.*Received: {name}="):
        kind(**arguments)
