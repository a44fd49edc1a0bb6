"""One table of contracts over every optimizer: numbers, rows, duplicates, XLA, state, refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.optimizers import FTRL, AdaGrad
from trainer.optimizers.rows import DENSE_OPTIONS, RowOptimizer

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


CASES: dict[str, tuple[Callable[[], RowOptimizer], Callable[..., ARRAYS]]] = {
    "ftrl": (lambda: FTRL(0.5, l1=0.02, l2=0.03, initial_accumulator=0.25), ftrl_reference),
    "adagrad": (lambda: AdaGrad(0.5, initial_accumulator=0.25), adagrad_reference),
}
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


def run(case: str, jit: bool, width: int = 2, dense: bool = False) -> ARRAYS:
    optimizer, variable = CASES[case][0](), table(width=width)
    optimizer.build([variable])

    @tf.function(jit_compile=jit)
    def step(ids: tf.Tensor, values: tf.Tensor) -> None:
        gradient: Any = tf.IndexedSlices(values, ids, tf.constant([6, width]))
        if dense:
            gradient = tf.math.unsorted_segment_sum(values, ids, 6)
        optimizer.apply([gradient], [variable])

    for ids, values in batches(4, width):
        step(tf.constant(ids, tf.int64), tf.constant(values, tf.float32))
    assert step.experimental_get_tracing_count() == 1
    return state(optimizer, variable)


@every
@pytest.mark.parametrize("jit", [PLAIN, XLA])
@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("width", [1, 3])
def test_steps_equal_the_published_formula(case: str, jit: bool, dense: bool, width: int) -> None:
    optimizer, variable = CASES[case][0](), table(width=width)
    optimizer.build([variable])
    expected = [array.astype(np.float64) for array in state(optimizer, variable)]
    for ids, values in batches(4, width):
        gradient = np.zeros((6, width))
        np.add.at(gradient, ids, values)
        expected = CASES[case][1](gradient, expected[0], expected[1:], 0.5)
    for actual, wanted in zip(run(case, jit, width, dense), expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=2e-5, atol=2e-6)


@every
def test_rows_outside_the_batch_keep_weights_and_history(case: str) -> None:
    optimizer, variable = CASES[case][0](), table()
    optimizer.apply([slices([0, 2], np.ones((2, 2)))], [variable])
    before = state(optimizer, variable)
    optimizer.apply([slices([1, 5], np.full((2, 2), 2.0))], [variable])
    for was, now in zip(before, state(optimizer, variable), strict=True):
        np.testing.assert_array_equal(was[[0, 2, 3, 4]], now[[0, 2, 3, 4]])
        assert not np.array_equal(was[[1, 5]], now[[1, 5]])
    assert before[1][0, 0] == pytest.approx(0.25 + 1.0)
    assert before[1][3, 0] == 0.25


@every
@pytest.mark.parametrize("jit", [PLAIN, XLA])
def test_duplicates_are_added_before_they_are_squared(case: str, jit: bool) -> None:
    results = []
    for ids, values in (([3, 3, 3], [[1.0], [2.0], [-0.5]]), ([3], [[2.5]])):
        optimizer, variable = CASES[case][0](), table(width=1)
        optimizer.build([variable])
        compiled(optimizer, variable, jit)(slices(ids, np.array(values)))
        results.append(state(optimizer, variable))
    for several, once in zip(*results, strict=True):
        np.testing.assert_allclose(several, once, rtol=1e-6)
    assert results[0][1][3, 0] == pytest.approx(0.25 + 2.5**2)


def fused(case: str, width: int) -> ARRAYS:
    """What TensorFlow's kernels make of the same batches, duplicates added by NumPy."""
    optimizer, variable = CASES[case][0](), table(width=width)
    optimizer.build([variable])
    targets = [tf.Variable(array) for array in state(optimizer, variable)]
    for ids, values in batches(4, width):
        distinct, place = np.unique(ids, return_inverse=True)
        sums = np.zeros((len(distinct), width), np.float32)
        np.add.at(sums, place, values.astype(np.float32))
        if case == "ftrl":
            tf.raw_ops.ResourceSparseApplyFtrlV2(
                var=targets[0].handle, accum=targets[1].handle, linear=targets[2].handle, grad=sums,
                indices=distinct, lr=0.5, l1=0.02, l2=0.03, l2_shrinkage=0.0, lr_power=-0.5,
            )  # fmt: skip
        else:
            tf.raw_ops.ResourceSparseApplyAdagradV2(
                var=targets[0].handle, accum=targets[1].handle, lr=0.5, epsilon=1e-7, grad=sums,
                indices=distinct,
            )  # fmt: skip
    return [target.numpy() for target in targets]


@every
@pytest.mark.parametrize("width", [1, 3])
def test_plain_steps_compiled_steps_and_fused_kernels_are_equal(case: str, width: int) -> None:
    plain = run(case, PLAIN, width)
    for others in (run(case, XLA, width), fused(case, width)):
        for ours, theirs in zip(plain, others, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "width", "jit", "used"),
    [(FTRL, 1, PLAIN, True), (FTRL, 2, PLAIN, False), (FTRL, 1, XLA, False), (AdaGrad, 1, PLAIN, False)],
)
def test_the_fused_kernel_takes_rows_of_one_number_for_ftrl_outside_xla(
    kind: type[RowOptimizer], width: int, jit: bool, used: bool
) -> None:
    optimizer, variable = kind(), table(width=width)
    optimizer.build([variable])
    graph = compiled(optimizer, variable, jit).get_concrete_function(slices([0], np.ones((1, width)))).graph
    assert any(op.type.startswith("ResourceSparseApply") for op in graph.get_operations()) == used


@every
@pytest.mark.parametrize("jit", [PLAIN, XLA])
def test_an_empty_batch_changes_nothing(case: str, jit: bool) -> None:
    optimizer, variable = CASES[case][0](), table()
    optimizer.build([variable])
    before = state(optimizer, variable)
    compiled(optimizer, variable, jit)(slices([], np.zeros((0, 2))))
    for was, now in zip(before, state(optimizer, variable), strict=True):
        np.testing.assert_array_equal(was, now)


@every
@pytest.mark.parametrize("width", [1, 2])
def test_a_restored_optimizer_continues_bit_for_bit(case: str, width: int, tmp_path: Path) -> None:
    def fresh() -> tuple[RowOptimizer, keras.Variable, tf.train.Checkpoint]:
        optimizer, variable = CASES[case][0](), table(width=width)
        optimizer.build([variable])
        return optimizer, variable, tf.train.Checkpoint(optimizer=optimizer, table=variable)

    plan = batches(6, width)
    optimizer, variable, checkpoint = fresh()
    for index, (ids, values) in enumerate(plan):
        if index == 3:
            saved = checkpoint.save(str(tmp_path / "ckpt"))
            plain = [v.numpy() for v in optimizer.variables], variable.numpy()
        optimizer.apply([slices(ids, values)], [variable])
    for way in ("checkpoint", "list"):
        again, other, reader = fresh()
        if way == "checkpoint":
            reader.restore(saved).assert_consumed()
        else:
            again.set_weights(plain[0])
            other.assign(plain[1])
        for ids, values in plan[3:]:
            again.apply([slices(ids, values)], [other])
        assert int(again.iterations) == 6
        for was, now in zip(state(optimizer, variable), state(again, other), strict=True):
            np.testing.assert_array_equal(was, now)


@every
def test_config_round_trip_keeps_every_setting(case: str) -> None:
    optimizer = CASES[case][0]()
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(copy) is type(optimizer)
    assert copy.get_config() == optimizer.get_config()


@pytest.mark.parametrize("option", DENSE_OPTIONS)
@pytest.mark.parametrize("kind", [FTRL, AdaGrad])
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
    ],
)
def test_numbers_out_of_range_are_refused(kind: type[RowOptimizer], arguments: dict[str, float]) -> None:
    (name,) = arguments
    with pytest.raises(ValueError, match=f"{name} must.*Received: {name}="):
        kind(**arguments)
