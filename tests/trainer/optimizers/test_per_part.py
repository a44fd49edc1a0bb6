"""FTRL for the wide table and AdaGrad for the rest, as one optimizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.models import build_wide_deep, penalty
from trainer.optimizers import FTRL, SM3, AdaGrad, PerPart, build_optimizer, learning_rates, slots
from trainer.optimizers.schedules import Decay
from trainer.spec import Column, DeepSpec, FeatureSpec, ModelSpec, WideSpec

FEATURES = FeatureSpec(
    "binary",
    1,
    wide=(Column("a", 4), Column("b", 3)),
    deep=(Column("a", 4), Column("b", 3)),
    dense=("x", "y"),
)
SPEC = ModelSpec(deep=DeepSpec(hidden=(8,), dropout=0.3, embedding_dropout=0.2, embedding_l2=0.1, l2=0.01))


def data(step: int, batch: int = 16) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    rng = np.random.default_rng(step)
    ids = np.stack([rng.integers(0, 4, batch), rng.integers(0, 3, batch)], axis=1)
    inputs = {"wide_ids": ids, "deep_ids": ids, "dense": rng.normal(size=(batch, 2)).astype(np.float32)}
    return {k: tf.constant(v) for k, v in inputs.items()}, tf.constant(ids[:, :1] % 2, tf.float32)


class Run:
    """A model, its optimizer and a train step."""

    def __init__(self, jit: bool = False, spec: ModelSpec = SPEC, decay: Decay = "none") -> None:
        self.model = build_wide_deep(FEATURES, spec, seed=7, initial_bias=[0.1])
        self.optimizer = build_optimizer(self.model, spec.wide, spec.deep, decay, 20)
        values = [v.value for v in self.model.trainable_variables]

        @tf.function(jit_compile=jit)
        def step(inputs: dict[str, tf.Tensor], label: tf.Tensor) -> tf.Tensor:
            inputs = {key: inputs[key] for key in inputs if key in self.model.input}
            with tf.GradientTape() as tape:
                logits = self.model(inputs, training=True)
                loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(label, logits))
                loss += penalty(self.model)
            gradients = tape.gradient(loss, values)
            for variable, gradient in zip(values, gradients, strict=True):
                assert isinstance(gradient, tf.IndexedSlices) == ("table" in variable.name)
            self.optimizer.apply(gradients, self.model.trainable_variables)
            return loss

        self.step = step

    def steps(self, first: int, last: int) -> list[float]:
        return [float(self.step(*data(index))) for index in range(first, last)]

    def state(self) -> list[np.ndarray]:
        return [v.numpy() for v in [*self.model.variables, *self.optimizer.variables]]


def test_each_part_gets_its_optimizer_and_slots_before_the_first_step() -> None:
    run = Run()
    for variable in run.model.trainable_variables:
        expected = {"accumulator", "linear"} if variable.path == "wide/table" else {"accumulator"}
        found = slots(run.optimizer, variable)
        assert set(found) == expected
        assert all(tuple(slot.shape) == tuple(variable.shape) for slot in found.values())
    count = len(run.optimizer.variables)
    run.steps(0, 2)
    assert len(run.optimizer.variables) == count
    with pytest.raises(KeyError, match="built on the variable"):
        slots(run.optimizer, keras.Variable([1.0], name="other"))


WITH_SM3 = ModelSpec(
    deep=DeepSpec(hidden=(8,), dropout=0.0, optimizer="sm3", learning_rate=0.05, warm_up=0.1, momentum=0.5)
)


def test_sm3_has_rows_and_columns_for_tables_and_momentum_for_the_rest() -> None:
    run = Run(spec=WITH_SM3)
    assert isinstance(run.optimizer.optimizers[1], SM3)
    for variable in run.model.trainable_variables:
        found = slots(run.optimizer, variable)
        if variable.path == "wide/table":
            assert set(found) == {"accumulator", "linear"}
        elif "table" in variable.path:
            assert {name: tuple(slot.shape) for name, slot in found.items()} == {
                "accumulator_0": (variable.shape[0], 1),
                "accumulator_1": (1, variable.shape[1]),
            }
        else:
            assert "momentum" in found
    assert float(learning_rates(run.optimizer)["sm3"]) == pytest.approx(0.05 / 4)


@pytest.mark.parametrize("jit", [False, True])
def test_sm3_learns_and_never_retraces(jit: bool) -> None:
    run = Run(spec=WITH_SM3, jit=jit)
    losses = run.steps(0, 60)
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])
    assert run.step.experimental_get_tracing_count() == 1


def test_weight_decay_passes_over_biases() -> None:
    spec = ModelSpec(deep=DeepSpec(hidden=(8,), weight_decay=0.1))
    part = Run(spec=spec).optimizer.optimizers[1]
    assert part.weight_decay == 0.1
    decays = {v.path: part._use_weight_decay(v.value) for v in part._trainable_variables}
    assert {path for path, decay in decays.items() if not decay} == {"hidden_0/bias", "logits/bias"}


def test_training_learns_and_never_retraces() -> None:
    run = Run(spec=ModelSpec(deep=DeepSpec(hidden=(8,), dropout=0.0, learning_rate=0.1)))
    losses = run.steps(0, 60)
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])
    assert run.step.experimental_get_tracing_count() == 1


def test_compiled_training_equals_plain_training() -> None:
    # Without dropout, whose masks XLA draws in its own order.
    spec = ModelSpec(deep=DeepSpec(hidden=(8,), dropout=0.0, embedding_l2=0.1, l2=0.01))
    plain, compiled = Run(spec=spec), Run(jit=True, spec=spec)
    np.testing.assert_allclose(plain.steps(0, 8), compiled.steps(0, 8), rtol=1e-4)
    for a, b in zip(plain.state(), compiled.state(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_a_compiled_step_with_dropout_repeats_from_restored_state() -> None:
    run = Run(jit=True)
    variables = [*run.model.variables, *run.optimizer.variables]
    start = run.state()
    first = run.steps(0, 3)
    for variable, value in zip(variables, start, strict=True):
        variable.assign(value)
    assert run.steps(0, 3) == first


@pytest.mark.parametrize("jit", [False, True])
def test_no_tensor_of_a_step_has_the_rows_of_a_table(jit: bool) -> None:
    rows = 1009
    columns = (Column("a", rows, dim=3), Column("b", rows, dim=5))
    model = build_wide_deep(FeatureSpec("binary", 1, wide=columns, deep=columns), SPEC, seed=1)
    optimizer = build_optimizer(model, SPEC.wide, SPEC.deep)
    values = [v.value for v in model.trainable_variables]

    @tf.function(jit_compile=jit)
    def step(ids: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            inputs = {"wide_ids": ids, "deep_ids": ids}
            loss = tf.reduce_mean(model(inputs, training=True)) + penalty(model)
        optimizer.apply(tape.gradient(loss, values), model.trainable_variables)

    graph = step.get_concrete_function(tf.TensorSpec((16, 2), tf.int64)).graph
    outputs = [out.shape for op in graph.get_operations() for out in op.outputs]
    sizes = {size for shape in outputs if shape.rank is not None for size in shape.as_list()}
    assert {16, 3, 5} <= sizes
    assert not {rows, 2 * rows} & sizes


def restore_checkpoint(source: Run, target: Run, folder: Path) -> None:
    path = tf.train.Checkpoint(model=source.model, optimizer=source.optimizer).save(str(folder / "ckpt"))
    tf.train.Checkpoint(model=target.model, optimizer=target.optimizer).restore(path).assert_consumed()


def restore_list(source: Run, target: Run, folder: Path) -> None:
    np.savez(folder / "state.npz", *source.state())
    with np.load(folder / "state.npz") as saved:
        variables = [*target.model.variables, *target.optimizer.variables]
        for variable, key in zip(variables, saved.files, strict=True):
            variable.assign(saved[key])


@pytest.mark.parametrize("restore", [restore_checkpoint, restore_list])
@pytest.mark.parametrize("spec", [SPEC, WITH_SM3])
def test_a_restored_run_continues_bit_for_bit(restore: Any, spec: ModelSpec, tmp_path: Path) -> None:
    whole = Run(spec=spec, decay="linear")
    whole.steps(0, 3)
    other = Run(spec=spec, decay="linear")
    restore(whole, other, tmp_path)
    assert whole.steps(3, 6) == other.steps(3, 6)
    for a, b in zip(whole.state(), other.state(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("off", ["wide", "deep"])
def test_one_part_alone_trains(off: str) -> None:
    spec = ModelSpec(WideSpec(enabled=off != "wide"), DeepSpec(enabled=off != "deep", hidden=(4,)))
    run = Run(spec=spec)
    before = [v.numpy() for v in run.model.trainable_variables]
    run.steps(0, 2)
    after = [v.numpy() for v in run.model.trainable_variables]
    assert all(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    expected = {"ftrl", "adagrad"} if off == "deep" else {"adagrad"}
    rates = learning_rates(run.optimizer)
    assert set(rates) == expected
    assert float(rates["adagrad"]) == pytest.approx(0.05 if off == "deep" else 0.02)


def test_restart_resets_every_slot() -> None:
    run = Run()
    start = {v.path: v.numpy() for v in run.optimizer.variables if "accumulator" in v.path}
    run.steps(0, 2)
    run.optimizer.restart()
    for variable in run.optimizer.variables:
        if variable.path in start:
            np.testing.assert_array_equal(variable.numpy(), start[variable.path])


def test_config_round_trip_keeps_the_split() -> None:
    run = Run()
    copy = PerPart.from_config(run.optimizer.get_config())
    assert copy.get_config() == run.optimizer.get_config()
    assert [type(part) for part in copy.optimizers] == [FTRL, AdaGrad]


def test_loss_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="loss_scale_factor=2"):
        PerPart(keras.optimizers.OptimizerMap(AdaGrad()), loss_scale_factor=2.0)
