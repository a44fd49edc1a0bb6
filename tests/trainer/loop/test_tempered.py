"""Training with the bi-tempered loss: what it starts from, what it serves, how its temperatures move."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from trainer.data import open_split, prior_logits
from trainer.export.head import Head, HeadParameters, link
from trainer.loop import TrainResult, train
from trainer.loop.objective import objective_for
from trainer.losses import tempered_sigmoid, tempered_softmax
from trainer.models import build_wide_deep
from trainer.spec import BiTemperedSpec, DeepSpec, ModelSpec, TrainSpec

PLAN = TrainSpec(batch_size=64, epochs=6, checkpoint_every_steps=7, loss="bi_tempered")
MODEL = ModelSpec(deep=DeepSpec(hidden=(8,), learning_rate=0.1))
TASKS = ["binary", "multiclass"]


def spec(**values: float) -> TrainSpec:
    return dataclasses.replace(PLAN, bi_tempered=BiTemperedSpec(**values))


def trained(synthetic: ModuleType, tmp_path: Path, task: str, plan: TrainSpec, **options: Any) -> TrainResult:
    features = synthetic.features(task)
    (tmp_path / "data").mkdir(parents=True, exist_ok=True)
    files = synthetic.files(tmp_path / "data", features, 1000, 300)
    place = {"checkpoint_dir": tmp_path / "checkpoints", "run_dir": tmp_path / "run"}
    return train(features, MODEL, plan, **files, **{**place, **options})


def predicted(synthetic: ModuleType, task: str, result: TrainResult) -> tuple[np.ndarray, dict[str, Any]]:
    """Logits of the network for other rows, and what is served for them."""
    features = synthetic.features(task)
    network = build_wide_deep(features, MODEL, 0)
    for variable, value in zip(network.trainable_variables, result.weights, strict=True):
        variable.assign(value)
    columns = synthetic.table(features, 400, seed=7)
    logits = network({name: columns[name] for name in network.input}, training=False)
    return logits.numpy(), Head(features, result.parameters)(logits)


def prior(task: str, logits: Any, t2: float) -> np.ndarray:
    """Probability of each class but the first of a binary task."""
    if task == "binary":
        return np.asarray(tempered_sigmoid(logits, t2))
    return np.asarray(tempered_softmax(logits, t2))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("t2", "ramp"), [(1.2, 0.0), (4.0, 0.0), (4.0, 0.5)])
def test_the_start_predicts_the_share_of_each_class(
    synthetic: ModuleType, tmp_path: Path, task: str, t2: float, ramp: float
) -> None:
    features = synthetic.features(task)
    split = open_split([synthetic.write(tmp_path / "a", synthetic.table(features, 500))], features)
    objective, bias = objective_for(features, spec(t2=t2, ramp=ramp), split.statistics, 100)
    plain = prior(task, tf.constant(prior_logits(task, split.statistics)), 1.0)
    # With a ramp the temperatures start at 1.
    found = prior(task, tf.constant(bias), 1.0 if ramp else t2)
    np.testing.assert_allclose(found, plain, rtol=1e-5)
    assert (objective.temperature, objective.ramp_steps) == (t2, 50 if ramp else 0)


@pytest.mark.parametrize("task", TASKS)
def test_what_is_served_is_what_the_loss_means(synthetic: ModuleType, tmp_path: Path, task: str) -> None:
    result = trained(synthetic, tmp_path, task, spec(t1=0.7, t2=2.0))
    logits, served = predicted(synthetic, task, result)
    assert result.parameters == HeadParameters(temperature=2.0)
    np.testing.assert_allclose(served["probabilities"], prior(task, logits, 2.0), rtol=1e-4, atol=1e-6)
    plain = tf.sigmoid(logits) if task == "binary" else tf.nn.softmax(logits)
    assert np.abs(served["probabilities"] - plain).max() > 0.02
    labels = synthetic.table(synthetic.features(task), 400, seed=7)["label"].astype(int)
    guessed = logits[:, 0] > 0 if task == "binary" else logits.argmax(axis=1)
    assert (guessed == labels).mean() > (0.6 if task == "binary" else 0.5)


@pytest.mark.parametrize("task", TASKS)
def test_temperatures_of_one_are_the_loss_of_the_task(
    synthetic: ModuleType, tmp_path: Path, task: str
) -> None:
    tempered = trained(synthetic, tmp_path / "a", task, spec(t1=1.0, t2=1.0))
    plain = trained(synthetic, tmp_path / "b", task, dataclasses.replace(PLAN, loss="auto"))
    assert tempered.parameters == plain.parameters
    for one, other in zip(tempered.weights, plain.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_calibration_fits_the_log_odds_of_what_the_loss_means(
    synthetic: ModuleType, tmp_path: Path
) -> None:
    result = trained(synthetic, tmp_path, "binary", dataclasses.replace(spec(t2=3.0), calibrate=True))
    logits, served = predicted(synthetic, "binary", result)
    head = result.parameters
    assert head.temperature == 3.0
    assert head.scale != 1.0
    odds = link("binary", logits, 3.0).numpy() * head.scale + head.shift
    np.testing.assert_allclose(served["logits"], odds, rtol=1e-5, atol=1e-6)
    labels = synthetic.table(synthetic.features("binary"), 400, seed=7)["label"]
    assert abs(float(np.mean(served["probabilities"])) / labels.mean() - 1) < 0.15


class StopHereError(Exception):
    pass


def test_a_training_stopped_while_temperatures_move_ends_with_the_same_bits(
    synthetic: ModuleType, tmp_path: Path
) -> None:
    plan = spec(t1=0.4, t2=2.0, ramp=0.8)
    whole = trained(synthetic, tmp_path / "a", "binary", plan)

    def stop(step: int, *_: float) -> None:
        if step >= 12:
            raise StopHereError

    with pytest.raises(StopHereError):
        trained(synthetic, tmp_path / "b", "binary", plan, progress=stop)
    resumed = trained(synthetic, tmp_path / "b", "binary", plan)
    for one, other in zip(whole.weights, resumed.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    at_once = trained(
        synthetic, tmp_path / "c", "binary", dataclasses.replace(plan, bi_tempered=BiTemperedSpec(0.4, 2.0))
    )
    assert any((one != other).any() for one, other in zip(whole.weights, at_once.weights, strict=True))


def test_label_smoothing_keeps_predictions_from_the_ends(synthetic: ModuleType, tmp_path: Path) -> None:
    extremes = []
    for smoothing in (0.0, 0.3):
        plan = spec(t1=1.0, t2=1.0, label_smoothing=smoothing)
        result = trained(synthetic, tmp_path / str(smoothing), "binary", plan)
        extremes.append(float(np.max(predicted(synthetic, "binary", result)[1]["probabilities"])))
    assert extremes[1] < extremes[0] - 0.05
    assert extremes[1] < 0.75
