"""The loss of a split under stored weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.data.sequence import BucketOrder, evaluation_batches, open_sequences
from trainer.data.sequence.forcing import teacher_forcing
from trainer.loop.sequence.objective import sequence_objective
from trainer.quantisation import StoredWeights
from trainer.spec import SequenceFeatureSpec, TrainSpec


class SplitLoss:
    """The validation loss as a training computes it: minus the logarithm of the probability, by unit and end.

    Args:
        features: what the examples hold.
        plan: buckets and loss of the training.
        network: made by `build_sequence_model`.
        weights: stored weights of `network`.
        files: TFRecord files of transformed examples.

    Raises:
        TandemError: those of `trainer.data.sequence.open_sequences`.
    """

    def __init__(
        self,
        features: SequenceFeatureSpec,
        plan: TrainSpec,
        network: Any,
        weights: StoredWeights,
        files: Sequence[str | Path],
    ) -> None:
        assert plan.sequence is not None
        self._table = open_sequences(files, features)
        self._order = BucketOrder(self._table, plan.sequence.buckets, plan.sequence.batch_tokens, plan.seed)
        self._objective = sequence_objective(plan, 1)
        self._network, self._weights = network, weights
        specification = {"target_ids": tf.TensorSpec([None, None], tf.int32)}
        if features.source is not None:
            specification["source_ids"] = tf.TensorSpec([None, None], tf.int32)
        specification["weight"] = tf.TensorSpec([None], tf.float32)
        self._sums = tf.function(self._seen, input_signature=[specification])

    def _seen(self, batch: dict[str, Any]) -> Any:
        given, labels, weights = teacher_forcing(batch["target_ids"], batch["weight"])
        inputs = {"target_in": given, **{k: batch[k] for k in ("source_ids",) if k in batch}}
        with self._weights.in_use():
            logits = tf.cast(self._network(inputs, training=False), tf.float32)
        surprise = self._objective.surprise(labels, logits)
        surprise = tf.where(weights > 0, surprise * weights, tf.zeros_like(surprise))
        return tf.stack([tf.reduce_sum(surprise), tf.reduce_sum(weights)])

    def __call__(self) -> float:
        """The mean over units and ends, with the weights as they are now."""
        sums = np.zeros(2)
        for batch in evaluation_batches(self._table, self._order):
            sums += self._sums(batch.arrays).numpy().astype(np.float64)
        return float(sums[0] / sums[1])
