"""The teaching term of a step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from trainer.codistillation.peers import Peers
from trainer.codistillation.teaching import Teaching


@dataclasses.dataclass(frozen=True)
class Teacher:
    """The mean of the peers' stale predictions, as a part of the compiled step.

    Args:
        peers: their models.
        teaching: the weight of the term.
    """

    peers: Peers
    teaching: Teaching

    def term(
        self,
        step: Any,
        shape: Any,
        forward: Callable[[keras.Model], Any],
        believed: Callable[[Any], Any],
        divergence: Callable[[Any], Any],
    ) -> Any:
        """`weight(step) D(mean)` of each example; to be called inside the tape, after the own logits.

        Over the burn-in and while no peer is present nothing of it is computed.

        Args:
            step: int scalar, the steps done.
            shape: int32 `(rank,)`, that of the logits.
            forward: from a model to its predictions of the batch, float32 of that shape.
            believed: from such predictions of a peer to bool `(...)`, whether they count.
            divergence: from targets of that shape to float32 `(...)`.

        Returns:
            float32 `(...)`, 0 where no peer teaches.
        """
        weight = self.teaching.weight_of(step)

        def taught() -> Any:
            mean, count = self.peers.mean(forward, believed, shape)
            found = divergence(tf.stop_gradient(mean))
            return tf.where(count > 0, weight * found, tf.zeros_like(found))

        return tf.cond((weight > 0) & self.peers.any(), taught, lambda: tf.zeros(shape[:-1]))
