"""Losses against hand-worked numbers and numpy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer.errors import TandemError
from trainer.losses import (
    binary_crossentropy,
    class_weight_vector,
    for_task,
    softmax_crossentropy,
    squared_error,
)


def test_binary_crossentropy_by_hand() -> None:
    loss = binary_crossentropy(
        tf.constant([1.0, 0.0, 1.0]), tf.constant([[0.0], [np.log(3.0)], [np.log(3.0)]])
    )
    np.testing.assert_allclose(loss, [np.log(2.0), np.log(4.0), np.log(4.0 / 3.0)], rtol=1e-6)


def test_softmax_crossentropy_by_hand() -> None:
    logits = tf.math.log(tf.constant([[1.0, 2.0, 5.0], [1.0, 1.0, 2.0]]))
    loss = softmax_crossentropy(tf.constant([2, 0]), logits)
    np.testing.assert_allclose(loss, [np.log(8.0 / 5.0), np.log(4.0)], rtol=1e-6)


def test_squared_error_by_hand() -> None:
    np.testing.assert_allclose(
        squared_error(tf.constant([1.0, -2.0]), tf.constant([[4.0], [-2.5]])), [9.0, 0.25]
    )


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_each_loss_is_one_finite_value_per_example(task: str) -> None:
    logits = tf.constant([[1e4, -1e4, 0.0]] * 4) if task == "multiclass" else tf.constant([[1e4]] * 4)
    labels = tf.constant([1] * 4) if task == "multiclass" else tf.constant([0.0] * 4)
    loss = for_task(task)(labels, logits)
    assert loss.shape == (4,)
    assert np.isfinite(loss).all()
    assert (loss.numpy() >= 1e4).all()


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(ValueError, match="ranking"):
        for_task("ranking")


def test_balanced_classes_add_the_same() -> None:
    sums = [10.0, 30.0, 60.0]
    weights = class_weight_vector("balanced", ["a", "b", "c"], sums)
    assert weights is not None
    np.testing.assert_allclose(np.multiply(weights, sums), [100 / 3] * 3)


def test_balanced_gives_an_absent_class_no_weight(caplog: pytest.LogCaptureFixture) -> None:
    assert class_weight_vector("balanced", ["a", "b"], [10.0, 0.0]) == (0.5, 0.0)
    assert "Class b has no training rows" in caplog.text


def test_none_stays_none() -> None:
    assert class_weight_vector(None, [], []) is None


@pytest.mark.parametrize(
    ("setting", "classes", "code"),
    [
        ("balanced", [], "TRAIN-301"),
        ("balance", ["a", "b"], "TRAIN-302"),
        ({"A": 1.0}, ["a", "b"], "TRAIN-302"),
        ({"a": -1.0}, ["a", "b"], "TRAIN-303"),
        ({"a": 0.0, "b": 0.0}, ["a", "b"], "TRAIN-303"),
        ({"a": float("nan")}, ["a", "b"], "TRAIN-303"),
    ],
)
def test_wrong_class_weights_have_a_code(setting: object, classes: list[str], code: str) -> None:
    with pytest.raises(TandemError, match=code) as raised:
        class_weight_vector(setting, classes, [1.0] * len(classes))  # type: ignore[arg-type]
    assert raised.value.exit_status == 2
