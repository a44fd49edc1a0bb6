"""Models of sequences that decode together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from trainer.decoding.scores import log_probabilities
from trainer.models.sequence import SequenceModel


class MeanOfSequences:
    """Stands in for a `SequenceModel`: the next unit has the mean of the probabilities of all members.

    Its logits are logarithms of probabilities, so it is decoded at a temperature of 1.

    Args:
        members: at least one, of the same units.
        temperature: float above 0. That at which logits of the members become probabilities.
    """

    def __init__(self, members: Sequence[SequenceModel], temperature: float) -> None:
        self._members, self._temperature = tuple(members), temperature

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """Those of all members, one after the other."""
        return [variable for member in self._members for variable in member.trainable_variables]

    def __call__(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """See `SequenceModel.call`."""
        return self._mean([member(inputs, training=training) for member in self._members])

    def encode(self, source_ids: tf.Tensor) -> Any:
        """See `SequenceModel.encode`; a tuple with the memory of each member."""
        return tuple(member.encode(source_ids) for member in self._members)

    def source_mask(self, memory: Any) -> tf.Tensor:
        """See `SequenceModel.source_mask`."""
        return self._members[0].source_mask(memory[0])

    def attention(self, memory: Any, target_in: tf.Tensor) -> tf.Tensor:
        """See `SequenceModel.attention`; a mean over the members."""
        found = self._each(lambda member, own: member.attention(own, target_in), memory)
        return tf.add_n(found) / float(len(found))

    def begin(self, memory: Any, *arguments: Any, **options: Any) -> Any:
        """See `SequenceModel.begin`; a tuple with the cache of each member."""
        return tuple(self._each(lambda member, own: member.begin(own, *arguments, **options), memory))

    def step(
        self, memory: Any, cache: Any, ids: tf.Tensor, position: Any
    ) -> tuple[tf.Tensor, Any, tf.Tensor | None]:
        """See `SequenceModel.step`."""
        memories = memory or (None,) * len(self._members)
        found = [
            member.step(own, kept, ids, position)
            for member, own, kept in zip(self._members, memories, cache, strict=True)
        ]
        weights = [attention for _, _, attention in found]
        mean = None if weights[0] is None else tf.add_n(weights) / float(len(weights))
        return self._mean([logits for logits, _, _ in found]), tuple(kept for _, kept, _ in found), mean

    def _each(self, call: Callable[[SequenceModel, Any], Any], memory: Any) -> list[Any]:
        memories = memory or (None,) * len(self._members)
        return [call(member, own) for member, own in zip(self._members, memories, strict=True)]

    def _mean(self, logits: Sequence[tf.Tensor]) -> tf.Tensor:
        """The logarithm of the mean probability; of units without any in all members minus infinity."""
        every = tf.stack([log_probabilities(values, self._temperature) for values in logits])
        return tf.reduce_logsumexp(every, axis=0) - math.log(len(logits))
