"""The optimizers of the contract tests, and their published formulas, element by element."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.optimizers import FTRL, SM3, AdaGrad, Adam
from trainer.optimizers.rows import RowOptimizer

ARRAYS = list[np.ndarray]


def ftrl_reference(gradient: np.ndarray, weights: np.ndarray, state: ARRAYS, rate: float) -> ARRAYS:
    """McMahan et al. 2013, algorithm 1, element by element in float64."""
    l1, l2, out = 0.02, 0.03, [weights.copy(), state[0].copy(), state[1].copy()]
    for at in np.ndindex(weights.shape):
        g, w, n, z = gradient[at], weights[at], state[0][at], state[1][at]
        sigma = (np.sqrt(n + g * g) - np.sqrt(n)) / rate
        z, n = z + g - sigma * w, n + g * g
        w = 0.0 if abs(z) <= l1 else -(z - np.sign(z) * l1) / (np.sqrt(n) / rate + 2 * l2)
        out[0][at], out[1][at], out[2][at] = w, n, z
    return out


def adagrad_reference(gradient: np.ndarray, weights: np.ndarray, state: ARRAYS, rate: float) -> ARRAYS:
    accumulator = state[0] + gradient**2
    return [weights - rate * gradient / (np.sqrt(accumulator) + 1e-7), accumulator]


def sm3_reference(gradient: np.ndarray, weights: np.ndarray, state: ARRAYS, rate: float) -> ARRAYS:
    """Anil et al. 2019, algorithm SM3-II for rows and columns, element by element in float64."""
    (rows, columns), out = state, weights.copy()
    new = [np.zeros_like(rows), np.zeros_like(columns)]
    for i, j in np.ndindex(weights.shape):
        nu = min(rows[i, 0], columns[0, j]) + gradient[i, j] ** 2
        out[i, j] -= rate * gradient[i, j] / np.sqrt(nu) if nu else 0.0
        new[0][i, 0], new[1][0, j] = max(new[0][i, 0], nu), max(new[1][0, j], nu)
    return [out, *new]


def sm3_i_reference(gradient: np.ndarray, weights: np.ndarray, state: ARRAYS, rate: float) -> ARRAYS:
    """The same for algorithm SM3-I."""
    (rows, columns), out = [array.copy() for array in state], weights.copy()
    for i in range(len(rows)):
        rows[i] += max(gradient[i] ** 2)
    for j in range(columns.shape[1]):
        columns[0, j] += max(gradient[:, j] ** 2)
    for i, j in np.ndindex(weights.shape):
        nu = min(rows[i, 0], columns[0, j])
        out[i, j] -= rate * gradient[i, j] / np.sqrt(nu) if nu else 0.0
    return [out, rows, columns]


CASES: dict[str, tuple[Callable[[], RowOptimizer], Callable[..., ARRAYS]]] = {
    "ftrl": (lambda: FTRL(0.5, l1=0.02, l2=0.03, initial_accumulator=0.25), ftrl_reference),
    "adagrad": (lambda: AdaGrad(0.5, initial_accumulator=0.25), adagrad_reference),
    "sm3": (lambda: SM3(0.5, momentum=0.0, initial_accumulator=0.25), sm3_reference),
    "sm3-i": (lambda: SM3(0.5, momentum=0.0, variant="I", initial_accumulator=0.25), sm3_i_reference),
}
WHOLE: dict[str, Callable[[], RowOptimizer]] = {
    **{name: case[0] for name, case in CASES.items()},
    "sm3-momentum": lambda: SM3(0.5, momentum=0.9),
    "sm3-average": lambda: SM3(0.5, momentum=0.9, beta=0.9),
    "adam": lambda: Adam(0.5, beta_2=0.9),
    "adam-decay": lambda: Adam(0.5, weight_decay=0.01, global_clipnorm=1.0),
    "adagrad-decay": lambda: AdaGrad(0.5, weight_decay=0.01, clipnorm=1.0),
}
"""Those of `CASES`, and some for dense gradients."""
whole = pytest.mark.parametrize("case", sorted(WHOLE))
every = pytest.mark.parametrize("case", sorted(CASES))
PLAIN, XLA = False, True


def table(rows: int = 6, width: int = 2) -> keras.Variable:
    start = np.random.default_rng(3).normal(size=(rows, width)).astype(np.float32)
    return keras.Variable(start, name="table")


def slices(ids: list[int], values: np.ndarray, rows: int = 6) -> tf.IndexedSlices:
    return tf.IndexedSlices(
        tf.constant(values, tf.float32), tf.constant(ids, tf.int64), tf.constant([rows, values.shape[1]])
    )


def state(optimizer: RowOptimizer, variable: keras.Variable) -> ARRAYS:
    return [variable.numpy(), *(slot.numpy() for slot in optimizer.slots(variable).values())]


def compiled(optimizer: RowOptimizer, variable: keras.Variable, jit: bool) -> Callable[..., None]:
    return tf.function(lambda gradient: optimizer.apply([gradient], [variable]), jit_compile=jit)


def batches(steps: int, width: int) -> list[tuple[list[int], np.ndarray]]:
    """Ids with repetitions and gaps."""
    rng = np.random.default_rng(5)
    return [([4, 1, 4, int(rng.integers(6)), 1], rng.normal(size=(5, width))) for _ in range(steps)]
