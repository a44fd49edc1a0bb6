"""Found targets, and the two kinds of them that a search holds: finished and live."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import tensorflow as tf

from trainer.models.sequence.numeric import dims
from trainer.spec.sequence import BEGIN, PADDING

NEVER = -float("inf")
"""Log-probability and score of a place that no hypothesis has taken."""
Nest: TypeAlias = Any


class Hypotheses(NamedTuple):
    """The best targets of each example, best first, without begin and end.

    Args:
        ids: int32 `(b, n, max_steps)`, padded with 0.
        lengths: int32 `(b, n)`, units without the end.
        scores: float32 `(b, n)`, what they are ranked by; minus infinity where fewer than `n` were found.
        log_probabilities: float32 `(b, n)`, of the whole target with its end.
        attention: float32 `(b, 1 + longest, s)` of the best one: a row for each unit, one for the end, then
            zeros; None if it was not asked for. Defaults to `None`.
    """

    ids: tf.Tensor
    lengths: tf.Tensor
    scores: tf.Tensor
    log_probabilities: tf.Tensor
    attention: tf.Tensor | None = None


class Finished(NamedTuple):
    """Hypotheses with an end, `n` places for each example, best first; fields as in `Hypotheses`."""

    ids: tf.Tensor
    lengths: tf.Tensor
    scores: tf.Tensor
    log_probabilities: tf.Tensor

    def without_free(self) -> Hypotheses:
        """The same, with nothing in the places that no hypothesis has taken."""
        taken = self.scores > NEVER
        ids = tf.where(taken[..., None], self.ids, PADDING)
        return Hypotheses(ids, tf.where(taken, self.lengths, 0), self.scores, self.log_probabilities)


class Live(NamedTuple):
    """Hypotheses without an end, `k` places for each example.

    Args:
        ids: int32 `(b, k, steps)`; with static shapes `(b, k, max_steps)`, padded with 0.
        last: int32 `(b, k)`, the unit that the next step reads.
        log_probabilities: float32 `(b, k)`; minus infinity for a place that is free.
        greedy: bool `(b, k)`, the hypothesis that always took the most probable unit.
        coverage: float32 `(b, k, s)`, the sum of its attention; of width 0 where no penalty asks for it.
    """

    ids: tf.Tensor
    last: tf.Tensor
    log_probabilities: tf.Tensor
    greedy: tf.Tensor
    coverage: tf.Tensor

    @property
    def open(self) -> tf.Tensor:
        """bool `(b,)`: whether the example has any."""
        return tf.reduce_any(self.log_probabilities > NEVER, 1)


def first(batch: Any, steps: int, source: Any) -> Live:
    """The empty hypothesis of each example, which is the greedy one, in its only place.

    Args:
        batch: examples.
        steps: int. Room for units.
        source: width of the coverage.
    """
    return Live(
        tf.fill((batch, 1, steps), PADDING),
        tf.fill((batch, 1), BEGIN),
        tf.zeros((batch, 1)),
        tf.fill((batch, 1), True),
        tf.zeros((batch, 1, source)),
    )


def nothing(batch: Any, places: int, steps: int) -> Finished:
    """Free places for finished hypotheses."""
    free = tf.fill((batch, places), NEVER)
    return Finished(tf.fill((batch, places, steps), PADDING), tf.zeros((batch, places), tf.int32), free, free)


def best(some: Finished, more: Finished) -> Finished:
    """The best of both, as many as `some` has places; among equals those of `some` and then the first."""
    both = [tf.concat(parts, 1) for parts in zip(some, more, strict=True)]
    _, order = tf.math.top_k(both[2], some.scores.shape[1])
    return Finished(*(tf.gather(part, order, batch_dims=1) for part in both))


def reorder(nest: Nest, parents: tf.Tensor) -> Nest:
    """Each place of `(b, n, ...)` tensors gets what its parent held; `parents` is int32 `(b, k)`.

    A nest with a method `reordered` is asked to do it: it knows what of it has to be moved.
    """
    if hasattr(nest, "reordered"):
        return nest.reordered(lambda part: reorder(part, parents))
    batch, places = dims(parents)

    def one(tensor: tf.Tensor) -> tf.Tensor:
        before, *shape = dims(tensor)[1:]
        rows = tf.reshape(parents + tf.range(batch)[:, None] * before, (batch * places,))
        moved = tf.gather(tf.reshape(tensor, (batch * before, *shape)), rows)
        return tf.reshape(moved, (batch, places, *shape))

    return tf.nest.map_structure(one, nest)
