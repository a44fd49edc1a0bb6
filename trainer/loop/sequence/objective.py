"""What a training of sequences minimises, unit by unit."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from trainer.codistillation.teaching import Temperatures, believed, divergence, predictions, temperatures_at
from trainer.losses import bi_tempered_logistic_loss, tempered_log_softmax
from trainer.spec import BiTemperedSpec, SequenceTrainSpec, TrainSpec
from trainer.spec.sequence import END

_FIRST_PREDICTED = END
"""Padding and begin are never predicted, so label smoothing gives them nothing."""


@dataclasses.dataclass(frozen=True)
class SequenceObjective:
    """What is minimised: the sum of `weight loss` over all units and ends of a batch, over that of `weight`.

    Args:
        label_smoothing: float in `[0, 1)`. Share of the cross-entropy's label that is spread evenly over all
            other ids but padding and begin. Defaults to `0.0`.
        bi_tempered: temperatures and smoothing, or None for the cross-entropy. Defaults to `None`.
        ramp_steps: int. Steps in which the temperatures move from (1, 1) to theirs. Defaults to `0`.
    """

    label_smoothing: float = 0.0
    bi_tempered: BiTemperedSpec | None = None
    ramp_steps: int = 0

    @property
    def temperature(self) -> float:
        """Of the softmax that makes probabilities of logits: `t2`, or 1."""
        return self.bi_tempered.t2 if self.bi_tempered else 1.0

    def losses(self, labels: Any, logits: Any, step: Any = None) -> Any:
        """The loss of each position, float32 of the shape of `labels`.

        Args:
            labels: int32 `(batch, positions)`.
            logits: float32 `(batch, positions, ids)`.
            step: int scalar, the steps done, for temperatures on their way; None for those they end with.
                Defaults to `None`.
        """
        spec = self.bi_tempered
        if spec is not None:
            t1, t2 = self._temperatures(step)
            return bi_tempered_logistic_loss(labels, logits, t1, t2, spec.label_smoothing)
        if not self.label_smoothing:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        return _smoothed(labels, logits, self.label_smoothing)

    def _temperatures(self, step: Any) -> Temperatures:
        return temperatures_at(self.bi_tempered, self.ramp_steps, step)

    def predictions(self, logits: Any, step: Any) -> Any:
        """What a peer with these logits says of each position: probabilities of the shape of the logits.

        Args:
            logits: float32 `(batch, positions, ids)`.
            step: int scalar, the steps done.
        """
        return predictions("multiclass", logits, self._temperatures(step)[1])

    def believed(self, said: Any, logits: Any) -> Any:
        """Whether what a peer says of a position counts, bool `(batch, positions)`.

        Args:
            said: as `predictions` gives it.
            logits: own ones, float32 `(batch, positions, ids)`.
        """
        return believed("multiclass", said, logits)

    def divergence(self, targets: Any, logits: Any, step: Any) -> Any:
        """The loss of each position, float32 `(batch, positions)`, with what peers say in place of its label.

        Without label smoothing: what peers say is soft already.

        Args:
            targets: as `predictions` gives them.
            logits: float32 `(batch, positions, ids)`.
            step: int scalar, the steps done.
        """
        return divergence("multiclass", targets, logits, self._temperatures(step))

    def surprise(self, labels: Any, logits: Any) -> Any:
        """Minus the logarithm of each label's probability, float32 of the shape of `labels`.

        Without smoothing and at the temperature of the end, so that all losses can be compared by it.
        """
        if self.temperature == 1.0:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        logarithms = tempered_log_softmax(logits, self.temperature)
        return -tf.gather(logarithms, labels, batch_dims=len(labels.shape))


def _smoothed(labels: Any, logits: Any, share: float) -> Any:
    """The cross-entropy with a share of each label spread, of labels that are predicted.

    With the logarithms `l_i` of the probabilities, `o` the share of each other id and `y` the label it is
    `-(1 - share - o) l_y - o sum_i l_i` over what is predicted: no label is as wide as the logits. Its
    gradient is made here, as that of reading `l_y` would be as wide once more.
    """
    ids = logits.shape[-1]
    other = share / (ids - _FIRST_PREDICTED - 1)
    own = 1.0 - share - other
    rows = tf.reshape(labels, (-1,))
    spread = tf.cast(tf.range(ids) >= _FIRST_PREDICTED, tf.float32) * other

    @tf.custom_gradient
    def loss(logits: Any) -> Any:
        logarithms = tf.nn.log_softmax(logits)
        found = -own * tf.gather(logarithms, rows, batch_dims=1) - tf.linalg.matvec(logarithms, spread)

        def gradient(upstream: Any) -> Any:
            change = (tf.exp(logarithms) - spread) * upstream[:, None]
            places = tf.stack([tf.range(tf.size(rows)), rows], 1)
            return tf.tensor_scatter_nd_sub(change, places, own * upstream)

        return found, gradient

    return tf.reshape(loss(tf.reshape(logits, (-1, ids))), tf.shape(labels))


def sequence_objective(plan: TrainSpec, steps: int) -> SequenceObjective:
    """The objective of a training of so many steps; label smoothing of the bi-tempered loss is its own."""
    own = plan.sequence or SequenceTrainSpec()
    tempered = plan.bi_tempered if plan.loss == "bi_tempered" else None
    ramp = round(tempered.ramp * steps) if tempered else 0
    return SequenceObjective(own.label_smoothing, tempered, ramp)
