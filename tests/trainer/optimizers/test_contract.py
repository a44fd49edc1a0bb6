"""One table of contracts over every optimizer: numbers, minima, rows, duplicates, precision, XLA, state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.optimizers.cases import (
    ARRAYS,
    CASES,
    PLAIN,
    WHOLE,
    XLA,
    batches,
    compiled,
    every,
    slices,
    state,
    table,
    whole,
)
from trainer.optimizers import FTRL, AdaGrad
from trainer.optimizers.rows import RowOptimizer


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
        if len(was) == 6:
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
    kernels = [fused(case, width)] if case in ("ftrl", "adagrad") else []
    for others in (run(case, XLA, width), *kernels):
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


@whole
@pytest.mark.parametrize("jit", [PLAIN, XLA])
def test_the_minimum_of_a_bowl_is_reached(case: str, jit: bool) -> None:
    optimizer, variable = WHOLE[case](), keras.Variable(np.full((3, 2), 2.0, np.float32), name="weights")
    optimizer.build([variable])
    lowest = tf.constant([[1.0, -1.0], [0.5, 0.0], [-0.5, 2.0]])
    steep = tf.constant([[1.0, 10.0], [0.1, 1.0], [3.0, 0.3]])

    @tf.function(jit_compile=jit)
    def step() -> None:
        optimizer.apply([steep * (variable.value - lowest)], [variable])

    for _ in range(600):
        step()
    # L1 and L2 of FTRL and the weight decay pull the minimum itself a little.
    np.testing.assert_allclose(variable.numpy(), lowest, atol=0.25 if case == "ftrl" else 0.05)
    assert step.experimental_get_tracing_count() == 1


@whole
@pytest.mark.parametrize("jit", [PLAIN, XLA])
@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
def test_state_of_half_precision_is_float32(case: str, jit: bool, kind: str) -> None:
    exact, rough = [], []
    for dtype, found in (("float32", exact), (kind, rough)):
        optimizer, variable = WHOLE[case](), keras.Variable(np.full((3, 2), 0.5), dtype=dtype, name="w")
        optimizer.build([variable])
        step = compiled(optimizer, variable, jit)
        for scale in (1.0, -2.0, 0.001):
            step(tf.constant([[scale, 0.0], [0.25, 60.0 * scale], [0.0, 0.0]], dtype))
        found += state(optimizer, variable)
        slots = optimizer.slots(variable).values()
        assert {slot.dtype for slot in slots} == {"float64" if dtype == "float64" else "float32"}
        assert np.isfinite(np.concatenate([array.astype(np.float64).ravel() for array in found])).all()
    # The squares of 60 and 0.001 are beyond float16.
    for rounded, whole_number in zip(rough, exact, strict=True):
        np.testing.assert_allclose(rounded.astype(np.float32), whole_number, rtol=0.02, atol=0.01)


def fitted(optimizer: RowOptimizer, policy: str = "float32") -> keras.Model:
    layers = [keras.layers.Dense(4, "tanh", dtype=policy), keras.layers.Dense(1, dtype=policy)]
    model = keras.Sequential([keras.Input((3,)), *layers])
    for index, weight in enumerate(model.weights):
        weight.assign(np.random.default_rng(index).normal(size=weight.shape))
    scaled = keras.optimizers.LossScaleOptimizer(optimizer) if policy == "mixed_float16" else optimizer
    model.compile(scaled, loss="mse", jit_compile=False)
    return model


def fit(model: keras.Model, first: int, last: int) -> list[float]:
    losses = []
    for index in range(first, last):
        inputs = np.random.default_rng(index).normal(size=(8, 3)).astype(np.float32)
        losses.append(float(model.train_on_batch(inputs, inputs.sum(axis=1, keepdims=True))))
    return losses


@whole
def test_a_keras_file_goes_on_bit_for_bit(case: str, tmp_path: Path) -> None:
    model = fitted(WHOLE[case]())
    fit(model, 0, 3)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert fit(again, 3, 8) == fit(model, 3, 8)
    assert int(again.optimizer.iterations) == 8
    for was, now in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(was.numpy(), now.numpy())


@whole
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_learns_under_loss_scaling(case: str, policy: str) -> None:
    model = fitted(WHOLE[case](), policy)
    losses = fit(model, 0, 60)
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:10])


@whole
def test_config_round_trip_keeps_every_setting(case: str) -> None:
    optimizer = WHOLE[case]()
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(copy) is type(optimizer)
    assert copy.get_config() == optimizer.get_config()
