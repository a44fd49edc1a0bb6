"""The forms of the bi-tempered loss, each with labels and logits, for contracts that hold for all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tests.trainer.losses import oracle
from trainer.losses import bi_tempered_binary_logistic_loss, bi_tempered_logistic_loss

LOGITS = np.array([[0.5, -1.25, 2.0, 0.125], [-0.375, 0.5, 0.0625, 1.125], [3.0, -2.0, 1.0, 0.25]])
DISTRIBUTIONS = np.array([[0.1, 0.2, 0.3, 0.4], [0.0, 1.0, 0.0, 0.0], [0.5, 0.0, 0.5, 0.0]])
NEAR = 1e-6
PAIRS = [
    (1.0, 1.0), (0.8, 1.2), (0.0, 1.0), (1.0, 1.5), (0.5, 4.0), (0.3, 0.7), (1.2, 0.8), (0.8, 1.0),
    (0.0, 0.4), (1.0, 0.8), (1.7, 1.1), (0.7, 2.3), (0.9, 6.0),
    (1.0 - NEAR, 1.0 + NEAR), (1.0 + NEAR, 1.0 - NEAR),
]  # fmt: skip
"""Temperatures, some within and some without the range of the paper."""


@dataclasses.dataclass(frozen=True)
class Form:
    """A loss with labels and logits.

    Args:
        function: of labels, logits, t1, t2 and a smoothing.
        labels: with a first axis for examples.
        distributions: the same as shares of all classes.
        logits: `(examples, classes)`, or `(examples, 1)` for one logit each.
    """

    function: Callable[..., tf.Tensor]
    labels: np.ndarray
    distributions: np.ndarray
    logits: np.ndarray

    def losses(self, logits: Any, t1: Any, t2: Any, smoothing: float = 0.0) -> tf.Tensor:
        """Of logits for the labels, or of several such arrays, one below the other."""
        labels = np.concatenate([self.labels] * (logits.shape[0] // len(self.labels)))
        return self.function(labels, logits[:, 0] if self.binary else logits, t1, t2, smoothing)

    @property
    def binary(self) -> bool:
        return self.logits.shape[1] == 1

    def inputs(self, t1: float, t2: float, dtype: str = "float64") -> tf.Tensor:
        """Logits of the table; nearer ones where a class of probability 0 would cost without end."""
        return tf.constant(self.logits * (0.125 if t1 >= 1 and t2 < 1 else 1.0), dtype)

    def expected(self, logits: Any, t1: float, t2: float, smoothing: float = 0.0) -> np.ndarray:
        """What the oracle says of the losses."""
        return np.array(oracle.losses(rows(self.targets(smoothing)), self._all(logits), t1, t2))

    def entropy(self, t1: float, t2: float, smoothing: float = 0.0) -> np.ndarray:
        """Of the labels: by so much a cross-entropy, which the loss is at the number 1, is more."""
        targets = self.targets(smoothing)
        return -np.sum(targets * np.log(np.maximum(targets, 1e-300)), -1) * (t1 == t2 == 1)

    def expected_gradient(self, logits: Any, t1: float, t2: float) -> np.ndarray:
        """What the oracle says of the gradient by the logits."""
        found = np.array(oracle.gradients(rows(self.distributions), self._all(logits), t1, t2))
        return found[:, 1:] if self.binary else found

    def targets(self, smoothing: float) -> np.ndarray:
        classes = self.distributions.shape[1]
        lowest = smoothing / (classes - 1)
        return lowest + (1 - classes * lowest) * self.distributions

    def _all(self, logits: Any) -> tuple[oracle.Row, ...]:
        values = np.asarray(logits, np.float64)
        return rows(np.concatenate([np.zeros_like(values), values], -1) if self.binary else values)


FORMS = {
    "sparse": Form(bi_tempered_logistic_loss, np.array([2, 1, 3]), np.eye(4)[[2, 1, 3]], LOGITS),
    "dense": Form(bi_tempered_logistic_loss, DISTRIBUTIONS, DISTRIBUTIONS, LOGITS),
    "binary": Form(
        bi_tempered_binary_logistic_loss,
        np.array([1.0, 0.0, 0.3]),
        np.array([[0.0, 1.0], [1.0, 0.0], [0.7, 0.3]]),
        np.array([[-0.75], [0.875], [1.9375]]),
    ),
}


def rows(values: np.ndarray) -> tuple[oracle.Row, ...]:
    """Of an array, as numbers that can be a key."""
    return tuple(tuple(float(value) for value in row) for row in values)


def differentiated(form: Form, logits: tf.Tensor, t1: Any, t2: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Losses and their gradient by the logits."""
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = form.losses(logits, t1, t2)
    return losses, tape.gradient(losses, logits)


def gradient(form: Form, logits: tf.Tensor, t1: Any, t2: Any) -> tf.Tensor:
    """Of the losses by their logits."""
    return differentiated(form, logits, t1, t2)[1]


def hessian(form: Form, logits: tf.Tensor, t1: Any, t2: Any) -> tf.Tensor:
    """Of each example, `(examples, classes, classes)`."""
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        parts = tf.unstack(gradient(form, logits, t1, t2), axis=1)
    return tf.stack([tape.gradient(part, logits) for part in parts], 1)


def differences(function: Callable[[tf.Tensor], tf.Tensor], logits: tf.Tensor, step: float) -> np.ndarray:
    """Central difference quotients of a function of examples, `(examples, ..., classes)`, from one call."""
    examples, classes = logits.shape
    steps = step * np.concatenate([np.eye(classes), -np.eye(classes)])
    moved = (logits.numpy() + steps[:, None]).reshape(-1, classes)
    values = function(tf.constant(moved)).numpy().reshape(2, classes, examples, -1)
    return np.moveaxis((values[0] - values[1]) / (2 * step), 0, -1)
