"""FTRL-Proximal by hand: sparsity, starts other than 0, decay; rows of one number, which a kernel updates."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.optimizers import FTRL


def apply(optimizer: FTRL, variable: keras.Variable, gradient: list[float]) -> list[float]:
    optimizer.apply([tf.constant(gradient)], [variable])
    return [float(value) for value in variable.numpy()]


def test_two_steps_worked_by_hand() -> None:
    # n0 = 1, alpha = 1, l1 = 0.5, l2 = 0. Gradient sqrt(3): n = 4, z = 1.732051, w = (0.5 - z) / 2.
    # Gradient -1: n = 5, z = 1.732051 - 1 + (sqrt 5 - 2) * 0.616025 = 0.877475, w = (0.5 - z) / sqrt 5.
    optimizer = FTRL(1.0, l1=0.5, l2=0.0, initial_accumulator=1.0)
    variable = keras.Variable([0.0])
    assert apply(optimizer, variable, [3**0.5]) == pytest.approx([-0.616025], abs=1e-6)
    assert apply(optimizer, variable, [-1.0]) == pytest.approx([-0.168812], abs=1e-6)


def test_l1_keeps_weak_weights_at_exactly_zero() -> None:
    optimizer, variable = FTRL(0.1, l1=0.5, l2=0.0), keras.Variable([0.0, 0.0])
    for _ in range(10):
        weights = apply(optimizer, variable, [0.04, -0.2])
    assert weights[0] == 0.0
    assert weights[1] > 0.0


@pytest.mark.parametrize("initial_accumulator", [0.0, 0.1])
def test_weights_other_than_zero_survive_a_gradient_of_zero(initial_accumulator: float) -> None:
    optimizer = FTRL(0.1, l1=0.01, l2=0.02, initial_accumulator=initial_accumulator)
    variable = keras.Variable([0.7, -0.2, 0.0])
    assert apply(optimizer, variable, [0.0, 0.0, 0.0]) == pytest.approx([0.7, -0.2, 0.0], abs=1e-6)


def test_restart_takes_new_weights_as_the_leader() -> None:
    optimizer, variable = FTRL(0.1), keras.Variable([0.0, 0.0])
    apply(optimizer, variable, [1.0, -1.0])
    variable.assign([0.5, -0.5])
    optimizer.restart()
    assert apply(optimizer, variable, [0.0, 0.0]) == pytest.approx([0.5, -0.5], abs=1e-6)


def test_settling_makes_foreign_weights_the_leader_and_keeps_evidence_below_l1() -> None:
    optimizer, variable = FTRL(1.0, l1=0.5, l2=0.0, initial_accumulator=4.0), keras.Variable([0.0] * 4)
    optimizer.build([variable])
    variable.assign([2.0, -1.0, 0.0, 0.0])
    slots = optimizer.slots(variable)
    slots["accumulator"].assign([9.0, 4.0, 4.0, 4.0])
    slots["linear"].assign([7.0, 7.0, 0.3, -7.0])
    optimizer.settle()
    # z = -sign(w) l1 - w sqrt(n): -0.5 - 2 * 3, 0.5 + 1 * 2; where w = 0 clipped to [-0.5, 0.5].
    assert slots["linear"].numpy().tolist() == pytest.approx([-6.5, 2.5, 0.3, -0.5])
    assert apply(optimizer, variable, [0.0] * 4) == pytest.approx([2.0, -1.0, 0.0, 0.0])


def test_decay_slows_steps_without_pulling_weights_to_zero() -> None:
    schedule = keras.optimizers.schedules.PolynomialDecay(0.5, 10, end_learning_rate=0.0)
    optimizer, variable = FTRL(schedule, l1=0.0, l2=0.0), keras.Variable([0.0])
    path = [apply(optimizer, variable, [1.0])[0] for _ in range(12)]
    steps = -np.diff([0.0, *path])
    assert np.all(np.diff(steps[:10]) < 0)
    assert steps[10] == steps[11] == 0.0
    assert path[-1] < path[4] < 0.0


HALVING = keras.optimizers.schedules.ExponentialDecay(0.4, 1, 0.5)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"learning_rate": HALVING},
        {"l1": 0.0},
        {"l2": 0.0},
        {"l2": 0.0, "initial_accumulator": 0.0},
        {"initial_accumulator": 0.0},
        {"learning_rate_power": -0.3},
        {"learning_rate_power": 0.0},
    ],
)
def test_rows_of_one_number_get_what_the_formula_gives(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(11)
    gradients = rng.normal(0, 0.05, (5, 6, 1)).astype(np.float32)
    gradients[:, :2] = 0.0
    found = []
    for sparse in (True, False):
        optimizer = FTRL(**{"learning_rate": 0.4, "l1": 0.06, "l2": 0.02, **options})
        variable = keras.Variable(np.array([[0.0], [0.5], [0.0], [-0.5], [0.0], [0.0]], np.float32))
        optimizer.build([variable])
        for gradient in gradients:
            dense = tf.constant(gradient)
            slices = tf.IndexedSlices(dense, tf.range(6, dtype=tf.int64), tf.constant([6, 1]))
            optimizer.apply([slices if sparse else dense], [variable])
        found.append([variable.numpy(), *(slot.numpy() for slot in optimizer.slots(variable).values())])
    for by_rows, by_formula in zip(*found, strict=True):
        np.testing.assert_allclose(by_rows, by_formula, rtol=1e-5, atol=1e-6)
    assert np.array_equal(found[0][0] == 0, found[1][0] == 0)
    assert found[0][0][0, 0] == 0
