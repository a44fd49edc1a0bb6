"""`temperatures` and `TemperatureRamp`: the temperatures of each step, without a new trace, also resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.losses import (
    BinaryBiTempered,
    BiTempered,
    TemperatureRamp,
    bi_tempered_logistic_loss,
    temperatures,
)

T1, T2, STEPS = 0.5, 2.0, 4
INPUTS = np.random.default_rng(5).normal(size=(32, 3)).astype(np.float32)
LABELS = INPUTS.argmax(-1)


@keras.saving.register_keras_serializable(package="tests")
class Counted(BiTempered):
    """Counts how often its Python runs, which is once in a trace."""

    traces = 0

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        self.traces += 1
        return super().call(y_true, y_pred)


class Expected(keras.callbacks.Callback):
    """What the loss of each step must be, computed from the model before it."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: list[float] = []
        self.found: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.wanted.append(loss_at(int(self.model.optimizer.iterations), self.model))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.found.append(logs["loss"])


def loss_at(step: int, model: keras.Model) -> float:
    """Of all examples, with the temperatures by hand."""
    share = min(step / STEPS, 1.0)
    t1, t2 = 1 + share * (T1 - 1), 1 + share * (T2 - 1)
    logits = tf.cast(model(INPUTS), tf.float32)
    return float(np.mean(bi_tempered_logistic_loss(LABELS, logits, t1, t2)))


def model_of(loss: keras.losses.Loss, policy: str = "float32", **settings: Any) -> keras.Model:
    layers = [keras.layers.Dense(8, "tanh", dtype=policy), keras.layers.Dense(3, dtype=policy)]
    model = keras.Sequential([keras.Input((3,)), *layers])
    for index, weight in enumerate(model.weights):
        weight.assign(np.random.default_rng(index).normal(size=weight.shape))
    model.compile(keras.optimizers.SGD(0.1), loss, **{"jit_compile": False, **settings})
    return model


def fit(model: keras.Model, epochs: int, steps: int = STEPS, losses: Any = None) -> Expected:
    """One step of all examples in each epoch."""
    expected = Expected()
    ramp = TemperatureRamp(losses or model.loss, steps)
    model.fit(INPUTS, LABELS, batch_size=32, epochs=epochs, verbose=0, callbacks=[ramp, expected])
    return expected


@pytest.mark.parametrize(
    ("step", "t1", "t2"), [(0, 1.0, 1.0), (1, 0.875, 1.25), (2, 0.75, 1.5), (4, 0.5, 2.0), (1000, 0.5, 2.0)]
)
def test_temperatures_are_on_a_line_and_stay_at_its_end(step: int, t1: float, t2: float) -> None:
    assert [float(t) for t in temperatures(step, T1, T2, STEPS)] == [t1, t2]
    for kind in (tf.int32, tf.int64):
        found = tf.function(lambda at: temperatures(at, T1, T2, STEPS))(tf.constant(step, kind))
        assert [t.dtype for t in found] == [tf.float32, tf.float32]
        assert [float(t) for t in found] == [t1, t2]


@pytest.mark.parametrize("jit", [False, True])
def test_each_step_has_its_temperatures_in_one_trace(jit: bool) -> None:
    model = model_of(Counted(T1, T2), jit_compile=jit)
    expected = fit(model, 7)
    np.testing.assert_allclose(expected.found, expected.wanted, rtol=1e-5)
    assert model.loss.traces == 1
    fit(model, 2)
    assert model.loss.traces == 1


def test_without_a_ramp_the_first_step_is_at_the_end() -> None:
    model = model_of(BiTempered(T1, T2))
    wanted = loss_at(STEPS, model)
    assert model.train_on_batch(INPUTS, LABELS) == pytest.approx(wanted, rel=1e-5)


def test_several_steps_in_one_execution_are_exact() -> None:
    one, several = model_of(BiTempered(T1, T2)), model_of(BiTempered(T1, T2), steps_per_execution=3)
    for model in (one, several):
        ramp = TemperatureRamp(model.loss, STEPS)
        model.fit(INPUTS, LABELS, batch_size=8, epochs=2, shuffle=False, verbose=0, callbacks=[ramp])
    for first, second in zip(one.get_weights(), several.get_weights(), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-7)


def test_a_loaded_model_goes_on_where_it_was(tmp_path: Path) -> None:
    whole, part = model_of(BiTempered(T1, T2)), model_of(BiTempered(T1, T2))
    wanted = fit(whole, 6).found
    fit(part, 2)
    part.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert int(again.optimizer.iterations) == 2
    assert again.loss.ramp is None
    expected = fit(again, 4)
    np.testing.assert_allclose(expected.found, expected.wanted, rtol=1e-5)
    np.testing.assert_allclose(expected.found, wanted[2:], rtol=1e-6)


def test_an_evaluation_is_at_the_temperatures_of_then() -> None:
    model = model_of(BiTempered(T1, T2))
    at_end = model.evaluate(INPUTS, LABELS, verbose=0)
    assert at_end == pytest.approx(loss_at(STEPS, model), rel=1e-5)
    for done in (2, 3, 6):
        fit(model, done - int(model.optimizer.iterations))
        assert model.evaluate(INPUTS, LABELS, verbose=0) == pytest.approx(loss_at(done, model), rel=1e-5)


def test_loss_scaling_counts_the_steps_of_the_inner_optimizer() -> None:
    model = model_of(BiTempered(T1, T2), "mixed_float16")
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)), model.loss)
    expected = fit(model, 6)
    np.testing.assert_allclose(expected.found, expected.wanted, rtol=5e-3)


def test_several_losses_move_together() -> None:
    inputs = keras.Input((3,))
    outputs = [keras.layers.Dense(3, name="many")(inputs), keras.layers.Dense(1, name="two")(inputs)]
    losses = [BiTempered(T1, T2), BinaryBiTempered(T1, T2)]
    model = keras.Model(inputs, outputs)
    model.compile("sgd", losses, jit_compile=False)
    labels = [LABELS, (LABELS > 0).astype(np.float32)]
    history = model.fit(
        INPUTS, labels, batch_size=32, epochs=1, verbose=0, callbacks=[TemperatureRamp(losses, STEPS)]
    ).history
    plain = keras.Model(inputs, outputs)
    assert {loss.ramp.steps for loss in losses if loss.ramp} == {STEPS}
    again = model.evaluate(INPUTS, labels, verbose=0, return_dict=True)
    found = [np.mean(loss(y, x)) for loss, y, x in zip(losses, labels, plain(INPUTS), strict=True)]
    assert again["loss"] == pytest.approx(sum(found), rel=1e-5)
    assert np.isfinite(history["loss"]).all()


def test_another_ramp_or_optimizer_takes_over() -> None:
    model = model_of(BiTempered(T1, T2))
    fit(model, 3)
    model.compile(keras.optimizers.SGD(0.1), model.loss, jit_compile=False)
    expected = fit(model, 3)
    np.testing.assert_allclose(expected.found, expected.wanted, rtol=1e-5)
    fit(model, 1, steps=10**6)
    nearly_one = float(np.mean(bi_tempered_logistic_loss(LABELS, model(INPUTS), 1 - 2e-6, 1 + 4e-6)))
    assert model.evaluate(INPUTS, LABELS, verbose=0) == pytest.approx(nearly_one, rel=1e-4)


@pytest.mark.parametrize("steps", [0, -3])
def test_a_ramp_without_steps_is_refused(steps: int) -> None:
    for made in (lambda: TemperatureRamp(BiTempered(T1, T2), steps), lambda: temperatures(0, T1, T2, steps)):
        with pytest.raises(ValueError, match=f"ramp_steps must be at least 1. Received: ramp_steps={steps}"):
            made()
