"""`BiTempered` and `BinaryBiTempered` in Keras: reductions, weights, masks, policies, files and training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.losses import (
    BinaryBiTempered,
    BiTempered,
    bi_tempered_binary_logistic_loss,
    bi_tempered_logistic_loss,
)

RNG = np.random.default_rng(7)
LOGITS = (2 * RNG.normal(size=(6, 3))).astype(np.float32)
INDICES = np.array([0, 1, 2, 2, 1, 0])
WEIGHTS = np.array([1.0, 0.0, 2.5, 0.5, 1.0, 3.0], np.float32)
REDUCTIONS = ["sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None]
LOSSES: dict[str, Callable[..., Any]] = {
    "dense": BiTempered,
    "sparse": BiTempered,
    "binary": BinaryBiTempered,
}
every = pytest.mark.parametrize("name", sorted(LOSSES))
reductions = pytest.mark.parametrize("reduction", REDUCTIONS)


def labels_of(name: str, indices: np.ndarray) -> np.ndarray:
    if name == "binary":
        return (indices > 0).astype(np.float32)[:, None]
    return np.eye(3, dtype=np.float32)[indices] if name == "dense" else indices


def reduced(losses: np.ndarray, weights: np.ndarray | None, reduction: str | None) -> np.ndarray:
    """By hand, as Keras documents its reductions."""
    weighted = losses if weights is None else losses * weights
    if reduction in (None, "none"):
        return weighted
    if reduction == "sum":
        return weighted.sum()
    by_weight = reduction == "mean_with_sample_weight" and weights is not None
    return weighted.sum() / (weights.sum() if by_weight and weights is not None else len(losses))


@every
@reductions
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weighted"])
def test_every_reduction_is_that_of_the_function(
    name: str, reduction: str | None, weights: np.ndarray | None
) -> None:
    labels = labels_of(name, INDICES)
    if name == "binary":
        logits = LOGITS[:, :1]
        each = bi_tempered_binary_logistic_loss(labels, logits, 0.8, 1.2, 0.1).numpy()[:, 0]
    else:
        logits = LOGITS
        each = bi_tempered_logistic_loss(labels, logits, 0.8, 1.2, 0.1).numpy()
    found = LOSSES[name](0.8, 1.2, 0.1, reduction=reduction)(labels, logits, weights)
    np.testing.assert_allclose(found, reduced(each, weights, reduction), rtol=1e-6)


def masked(values: np.ndarray, mask: np.ndarray | None) -> tf.Tensor:
    tensor = tf.constant(values)
    if mask is not None:
        keras.src.backend.set_keras_mask(tensor, mask=tf.constant(mask))
    return tensor


@reductions
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weighted"])
@pytest.mark.parametrize("mask", [None, WEIGHTS != 0.5, WEIGHTS > 9], ids=["whole", "masked", "all masked"])
@pytest.mark.parametrize("ignored", [None, 2, -1, 255])
def test_at_one_it_is_the_cross_entropy_of_keras_with_masks_and_weights(
    reduction: str | None, weights: np.ndarray | None, mask: np.ndarray | None, ignored: int | None
) -> None:
    labels = INDICES if ignored in (None, 2) else np.where(INDICES == 2, ignored, INDICES)
    ours = BiTempered(1.0, 1.0, ignore_class=ignored, reduction=reduction)
    theirs = keras.losses.SparseCategoricalCrossentropy(True, ignored, reduction=reduction)
    arguments = (labels, masked(LOGITS, mask), weights)
    np.testing.assert_allclose(ours(*arguments), theirs(*arguments), rtol=1e-6)


@pytest.mark.parametrize("shape", [(6,), (6, 1), (2, 3), (2, 3, 1)])
def test_ignored_examples_of_every_shape_count_as_in_keras(shape: tuple[int, ...]) -> None:
    labels = np.where(INDICES == 2, -1, INDICES).reshape(shape)
    lead = shape[:-1] if shape[-1] == 1 else shape
    arguments = labels, LOGITS.reshape(*lead, 3), WEIGHTS.reshape(lead)
    theirs = keras.losses.SparseCategoricalCrossentropy(True, -1)(*arguments)
    np.testing.assert_allclose(BiTempered(1.0, 1.0, ignore_class=-1)(*arguments), theirs, rtol=1e-6)


@pytest.mark.parametrize("label", [-1, 255, 1])
def test_an_ignored_example_adds_no_loss_and_no_gradient(label: int) -> None:
    labels, kept = np.array([0, label, 2]), [0, 2]
    logits = tf.constant(np.where([[False], [True], [False]], np.nan, LOGITS[:3]))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = BiTempered(0.8, 1.2, 0.1, ignore_class=label)(labels, logits)
    others = BiTempered(0.8, 1.2, 0.1)(labels[kept], LOGITS[kept])
    np.testing.assert_allclose(loss, others, rtol=1e-6)
    gradient = tape.gradient(loss, logits).numpy()
    assert gradient[1].tolist() == [0.0, 0.0, 0.0]
    assert np.abs(gradient[kept]).min() > 0


def test_ignoring_needs_class_indices() -> None:
    with pytest.raises(ValueError, match=r"needs class indices. Received: ignore_class=2"):
        BiTempered(0.8, 1.2, ignore_class=2)(labels_of("dense", INDICES), LOGITS)


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_class_indices_may_have_an_axis_of_their_own(shape: tuple[int, ...]) -> None:
    found = BiTempered(0.8, 1.2)(INDICES.reshape(shape), LOGITS)
    np.testing.assert_allclose(
        found, np.mean(bi_tempered_logistic_loss(INDICES, LOGITS, 0.8, 1.2)), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("of_labels", "of_logits"), [((6,), (6, 1)), ((6, 1), (6,)), ((6,), (6,)), ((6, 1), (6, 1))]
)
def test_yes_or_no_labels_may_lack_the_axis_of_one_output(
    of_labels: tuple[int, ...], of_logits: tuple[int, ...]
) -> None:
    labels, logits = labels_of("binary", INDICES), LOGITS[:, :1]
    expected = np.mean(bi_tempered_binary_logistic_loss(labels, logits, 0.8, 1.2))
    loss = BinaryBiTempered(0.8, 1.2)
    np.testing.assert_allclose(
        loss(labels.reshape(of_labels), logits.reshape(of_logits)), expected, rtol=1e-6
    )


def test_several_yes_or_no_outputs_are_averaged_as_in_keras() -> None:
    labels = (RNG.random((6, 3)) < 0.5).astype(np.float32)
    ours, theirs = BinaryBiTempered(1.0, 1.0), keras.losses.BinaryCrossentropy(True)
    np.testing.assert_allclose(ours(labels, LOGITS, WEIGHTS), theirs(labels, LOGITS, WEIGHTS), rtol=1e-5)


def test_a_class_index_above_those_of_half_precision_is_kept() -> None:
    """bfloat16 has no 257, float16 no 2,049."""
    logits = np.zeros((1, 3000), np.float32)
    logits[0, 2049] = 9.0
    for dtype in ("bfloat16", "float16", "mixed_bfloat16", None):
        loss = BiTempered(0.8, 1.0, dtype=dtype)
        assert loss.dtype == "float32"
        right, wrong = loss(np.array([2049]), logits), loss(np.array([2048]), logits)
        assert float(right) < 0.6 < float(wrong)
    assert BiTempered(0.8, 1.0, dtype="float64").dtype == "float64"


@every
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"label_smoothing": 0.125, "reduction": "sum", "name": "mine", "dtype": "float64"},
        {"reduction": None, "dtype": "bfloat16"},
    ],
)
def test_config_round_trip_keeps_every_setting(name: str, settings: dict[str, Any]) -> None:
    loss = LOSSES[name](0.5, 1.5, **settings, **({"ignore_class": 3} if name == "sparse" else {}))
    config = loss.get_config()
    assert {"t1": 0.5, "t2": 1.5}.items() <= config.items()
    copy = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(copy) is type(loss)
    assert copy.get_config() == config
    assert type(loss)(**config).get_config() == config
    for key, value in settings.items():
        if key != "dtype":
            assert config[key] == value


def model_of(name: str, policy: str = "float32", **settings: Any) -> keras.Model:
    outputs = 1 if name == "binary" else 3
    layers = [keras.layers.Dense(8, "tanh", dtype=policy), keras.layers.Dense(outputs, dtype=policy)]
    model = keras.Sequential([keras.Input((3,)), *layers])
    for index, weight in enumerate(model.weights):
        weight.assign(0.5 * np.random.default_rng(index).normal(size=weight.shape))
    loss = LOSSES[name](0.8, 1.2, **settings.pop("loss", {}))
    model.compile(keras.optimizers.Adam(0.02), loss, **settings)
    return model


def examples(name: str, count: int = 64) -> tuple[np.ndarray, np.ndarray]:
    inputs = np.random.default_rng(5).normal(size=(count, 3)).astype(np.float32)
    return inputs, labels_of(name, inputs.argmax(-1))


@pytest.mark.parametrize(("name", "jit"), [("dense", False), ("sparse", True), ("binary", True)])
def test_a_model_learns(name: str, jit: bool) -> None:
    model = model_of(name, jit_compile=jit)
    inputs, labels = examples(name, 96)
    losses = model.fit(inputs, labels, batch_size=32, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    assert model.evaluate(inputs, labels, verbose=0) < losses[0]


@pytest.mark.parametrize(
    ("name", "policy"),
    [("dense", "mixed_bfloat16"), ("sparse", "mixed_float16"), ("binary", "mixed_bfloat16")],
)
def test_a_model_learns_in_mixed_precision(name: str, policy: str) -> None:
    model = model_of(name, policy, jit_compile=False)
    losses = model.fit(*examples(name), batch_size=32, epochs=20, verbose=0).history["loss"]
    assert model.layers[-1].compute_dtype == policy.removeprefix("mixed_")
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.5 * losses[0]


@every
def test_weights_of_examples_count_in_fit(name: str) -> None:
    inputs, labels = examples(name)
    weights = np.random.default_rng(6).integers(0, 3, len(inputs)).astype(np.float32)
    model = model_of(name, jit_compile=False)
    each = LOSSES[name](0.8, 1.2, reduction=None)(labels, model(inputs)).numpy()
    found = model.train_on_batch(inputs, labels, sample_weight=weights)
    assert found == pytest.approx(np.mean(weights * each), rel=1e-5)


@every
def test_weights_of_classes_count_in_fit(name: str) -> None:
    inputs, labels = examples(name)
    of_class = {0: 0.5, 1: 2.0, 2: 0.0}
    model = model_of(name, jit_compile=False)
    each = LOSSES[name](0.8, 1.2, reduction=None)(labels, model(inputs)).numpy()
    weights = [of_class[int(index)] for index in (labels.argmax(-1) if name == "dense" else labels.ravel())]
    found = model.train_on_batch(inputs, labels, class_weight=of_class)
    assert found == pytest.approx(np.mean(weights * each), rel=1e-5)


@every
def test_a_saved_model_has_the_same_loss_and_goes_on(name: str, tmp_path: Path) -> None:
    inputs, labels = examples(name)
    model = model_of(name, loss={"label_smoothing": 0.125}, jit_compile=False)
    model.fit(inputs, labels, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.loss.get_config() == model.loss.get_config()
    for _ in range(2):
        assert again.train_on_batch(inputs, labels) == model.train_on_batch(inputs, labels)


@every
def test_a_bad_label_stops_a_training(name: str) -> None:
    inputs, labels = examples(name)
    labels = labels.copy()
    labels[3] = 7
    with pytest.raises(tf.errors.InvalidArgumentError, match="labels must be"):
        model_of(name, jit_compile=False).fit(inputs, labels, verbose=0)
