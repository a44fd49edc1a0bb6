"""Flips, measures on true labels, and a trial."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from trainer.data import open_split
from trainer.errors import TandemError
from trainer.export import TransformGraph
from trainer.noise import LOGISTIC, Clean, Loss, Trial, flip, flipped, measure, transformed, try_out
from trainer.noise.measures import auc
from trainer.spec import DeepSpec, ModelSpec, TrainSpec

ROWS = 40_000


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.4])
def test_a_share_of_labels_gets_another_class_each_alike(classes: int, share: float) -> None:
    labels = np.arange(ROWS) % classes
    found = flip(labels, share, classes, seed=3)
    assert found.dtype == labels.dtype
    changed = found != labels
    assert changed.mean() == pytest.approx(share, abs=0.01)
    moved = (found - labels)[changed] % classes
    for step in range(1, classes):
        assert (moved == step).sum() == pytest.approx(changed.sum() / (classes - 1), rel=0.1, abs=1)


def test_flips_at_a_lower_share_are_among_those_at_a_higher_one_and_depend_on_the_seed() -> None:
    labels = np.arange(ROWS) % 3
    few, many = flip(labels, 0.1, 3, seed=1), flip(labels, 0.3, 3, seed=1)
    at = few != labels
    np.testing.assert_array_equal(few[at], many[at])
    assert (flip(labels, 0.1, 3, seed=2) != few).any()
    np.testing.assert_array_equal(flip(labels, 0.1, 3, seed=1), few)


def test_a_flipped_split_has_the_statistics_of_its_labels_and_leaves_the_other_alone(
    synthetic: ModuleType, tmp_path: Path
) -> None:
    features = synthetic.features(weight=True)
    split = open_split([synthetic.write(tmp_path / "a", synthetic.table(features, 500))], features)
    assert split.columns is not None
    before = split.columns["label"].copy()
    noisy = flipped(split, 0.3, 5)
    assert noisy.columns is not None
    np.testing.assert_array_equal(split.columns["label"], before)
    positive = float(noisy.columns["weight"] @ noisy.columns["label"])
    assert noisy.statistics.class_weight_sums[1] == pytest.approx(positive)
    assert noisy.statistics.rows == 500
    with pytest.raises(TandemError, match="NOISE-002"):
        flipped(dataclasses.replace(split, columns=None), 0.3, 5)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_the_area_under_the_curve_is_that_of_scikit_learn(data: Any) -> None:
    size = data.draw(st.integers(2, 30))
    scores = np.array(data.draw(st.lists(st.integers(-3, 3), min_size=size, max_size=size)), float)
    labels = np.array([0, 1, *data.draw(st.lists(st.integers(0, 1), min_size=size - 2, max_size=size - 2))])
    weights = np.array(data.draw(st.lists(st.floats(0.1, 3), min_size=size, max_size=size)))
    expected = roc_auc_score(labels, scores, sample_weight=weights)
    assert auc(scores, labels, weights) == pytest.approx(expected)


def test_measures_of_a_binary_task() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(ROWS, 1))
    labels = (rng.random(ROWS) < 1 / (1 + np.exp(-2 * logits[:, 0]))).astype(np.float32)
    weights = rng.uniform(0.5, 2, ROWS).astype(np.float32)
    found = measure("binary", logits, labels, weights)
    p = 1 / (1 + np.exp(-logits[:, 0]))
    assert found["log_loss"] == pytest.approx(log_loss(labels, p, sample_weight=weights))
    # The logits are half of what they should be.
    right = log_loss(labels, 1 / (1 + np.exp(-2 * logits[:, 0])), sample_weight=weights)
    assert found["log_loss_calibrated"] == pytest.approx(right, abs=5e-4)
    assert found["log_loss"] > found["log_loss_calibrated"] + 0.03
    assert found["calibration"] == pytest.approx((weights @ p) / (weights @ labels))
    assert 0.05 < found["calibration_error"] < 0.2
    exact = measure("binary", 2 * logits, labels, weights)
    assert exact["calibration_error"] < 0.01
    assert exact["auc"] == found["auc"]


def test_measures_of_several_classes() -> None:
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(ROWS, 3))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (rng.random((ROWS, 1)) > p.cumsum(axis=1)).sum(axis=1)
    found = measure("multiclass", logits, labels, np.ones(ROWS))
    assert found["log_loss"] == pytest.approx(log_loss(labels, p))
    assert found["accuracy"] == pytest.approx((p.argmax(axis=1) == labels).mean())
    assert found["log_loss_calibrated"] == pytest.approx(found["log_loss"], abs=1e-3)
    assert found["calibration_error"] < 0.01
    assert "auc" not in found


def test_raw_examples_become_the_rows_of_the_transformed_ones(place: Any, make: Any) -> None:
    features = make.features("binary")
    clean = transformed([place.raw], TransformGraph(place.graph), features)
    split = open_split([place.transformed], features)
    assert split.columns is not None
    for name in ("wide_ids", "deep_ids", "dense"):
        np.testing.assert_allclose(clean.inputs[name], split.columns[name], rtol=1e-6)
    np.testing.assert_array_equal(clean.labels, split.columns["label"])
    assert clean.weights.tolist() == [1.0] * split.rows


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_a_trial_is_the_same_again_and_noise_costs(synthetic: ModuleType, tmp_path: Path, task: str) -> None:
    features = synthetic.features(task)
    files = synthetic.files(tmp_path, features, 2000, 400)
    train_split = open_split(files["train_files"], features)
    validation = open_split(files["validation_files"], features)
    columns = synthetic.table(features, 2000, seed=9)
    clean = Clean(columns, columns["label"], np.ones(2000, np.float32))
    model, plan = ModelSpec(deep=DeepSpec(hidden=(8,))), TrainSpec(batch_size=64, epochs=2)

    def trial(share: float, loss: Loss, seed: int = 4) -> Trial:
        return try_out(features, model, plan, train_split, validation, clean, share, loss, seed)

    tempered = Loss("bi-tempered", 0.8, 1.2)
    none, some = trial(0.0, LOGISTIC), trial(0.35, LOGISTIC)
    assert trial(0.0, LOGISTIC) == none
    assert some.measures["log_loss"] > none.measures["log_loss"] + 0.02
    assert some.validation < none.validation
    bent = trial(0.35, tempered)
    assert bent.measures != some.measures
    assert Trial.from_json(bent.to_json()) == bent
    assert trial(0.35, tempered, seed=5).measures != bent.measures


def test_a_trial_agrees_with_another_logistic_regression(synthetic: ModuleType, tmp_path: Path) -> None:
    """Its clean log loss is near that of scikit-learn on the same flipped labels, clean ones far away."""
    features = synthetic.features("binary")
    files = synthetic.files(tmp_path, features, 2000, 400)
    train_split = open_split(files["train_files"], features)
    columns = synthetic.table(features, 4000, seed=9)
    clean = Clean(columns, columns["label"], np.ones(4000, np.float32))
    plan = TrainSpec(batch_size=64, epochs=4)
    found = try_out(
        features, ModelSpec(deep=DeepSpec(hidden=(8,))), plan, train_split, None, clean, 0.3, LOGISTIC, 1
    )
    noisy = flipped(train_split, 0.3, 1).columns
    assert noisy is not None

    def inputs(table: Any) -> np.ndarray:
        ids = np.eye(64)[np.asarray(table["wide_ids"])].reshape(len(table["label"]), -1)
        return np.concatenate([ids, table["dense"]], axis=1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = LogisticRegression(C=0.1).fit(inputs(noisy), noisy["label"])
    p = other.predict_proba(inputs(columns))[:, 1]
    assert found.measures["log_loss"] == pytest.approx(log_loss(columns["label"], p), abs=0.03)
    assert np.isnan(found.validation)
