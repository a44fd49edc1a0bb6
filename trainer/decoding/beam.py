"""One step of a beam search: a few hypotheses of each example side by side, the best finished ones kept.

At every step each live hypothesis may end, and its continuations compete for the live places. So an end
never takes the place of a continuation, and a beam with room for every continuation finds the best target.
Padding, begin and unknown are never part of a target.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from trainer.decoding.hypotheses import NEVER, Finished, Live, best, reorder
from trainer.decoding.scores import coverage_penalty, length_normaliser, log_probabilities
from trainer.spec.sequence import END, FIRST_UNIT, DecodingSpec


def given(memory: Any) -> Any:
    """The memory, or None for the empty tuple that stands for it in a loop."""
    return None if isinstance(memory, tuple) and not memory else memory


class Beam:
    """One search of one model.

    Args:
        model: with `begin` and `step` as `trainer.models.sequence.SequenceModel`, for a coverage penalty
            `source_mask` too.
        spec: beam, rules and penalties.
        max_steps: int, at least 1. Most units of a target, the end not counted.
        temperature: float, see `log_probabilities`.
        only_greedy: bool. Whether there is no hypothesis but the greedy one.
    """

    def __init__(
        self, model: Any, spec: DecodingSpec, max_steps: int, temperature: float, only_greedy: bool
    ) -> None:
        self.model, self.spec, self.max_steps = model, spec, max_steps
        self.temperature, self.only_greedy = temperature, only_greedy
        self.least_normaliser = length_normaliser(max_steps + 1, spec.length_normalisation)

    def step(self, position: Any, live: Live, finished: Finished, cache: Any, memory: Any, mask: Any) -> Any:
        """One unit more: `position` units are there, or all that may be, and then only the end is left."""
        logits, cache, attention = self.model.step(given(memory), cache, live.last, position)
        steps = log_probabilities(logits, self.temperature)
        if self.spec.coverage_penalty and given(memory) is not None:
            live = live._replace(coverage=live.coverage + attention)
        ends, units = steps[..., END], steps[..., FIRST_UNIT:]
        likely = tf.reduce_max(units, -1)
        at_last = position >= self.max_steps
        finished = best(finished, self._ended(live, ends, likely, position, mask, at_last))
        live, parents = self._continued(live, units, live.greedy & (likely > ends), position)
        live = self._kept(live, finished, at_last)
        return position + 1, live, finished, reorder(cache, parents)

    def mask(self, memory: Any, batch: Any) -> tf.Tensor:
        """float32 `(b, s)`, 0 for padding; of width 0 where no coverage penalty asks for it."""
        if self.spec.coverage_penalty and given(memory) is not None:
            return self.model.source_mask(memory)
        return tf.zeros((batch, 0))

    def _ended(
        self, live: Live, ends: tf.Tensor, likely: tf.Tensor, position: Any, mask: Any, at_last: tf.Tensor
    ) -> Finished:
        total = live.log_probabilities + ends
        if self.only_greedy:
            total = tf.where((likely <= ends) | at_last, total, NEVER)
        elif self.spec.end_margin is not None:
            total = tf.where((ends >= likely - self.spec.end_margin) | at_last, total, NEVER)
        scores = total / length_normaliser(position + 1, self.spec.length_normalisation)
        if self.spec.coverage_penalty:
            scores += coverage_penalty(live.coverage, mask, self.spec.coverage_penalty)
        return Finished(live.ids, tf.fill(tf.shape(total), position), scores, total)

    def _continued(
        self, live: Live, units: tf.Tensor, greedy: tf.Tensor, position: Any
    ) -> tuple[Live, tf.Tensor]:
        """The best continuations, the greedy one always among them."""
        places, count = self.spec.beam, tf.shape(units)[-1]
        totals = tf.reshape(live.log_probabilities[..., None] + units, (-1, places * count))
        _, chosen = tf.math.top_k(totals, places)
        # At most one place is greedy, so the sum over places is its continuation.
        follows = tf.range(places) * count + tf.argmax(units, -1, output_type=tf.int32)
        wanted = tf.reduce_sum(tf.where(greedy, follows, 0), 1, keepdims=True)
        is_open = tf.reduce_any(greedy, 1, keepdims=True)
        missing = is_open & ~tf.reduce_any(chosen == wanted, 1, keepdims=True)
        chosen = tf.where(missing & (tf.range(places) == places - 1), wanted, chosen)
        parents, last = chosen // count, chosen % count + FIRST_UNIT
        here = tf.range(self.max_steps) == position
        ids = tf.where(here, last[..., None], reorder(live.ids, parents))
        totals = tf.gather(totals, chosen, batch_dims=1)
        coverage = reorder(live.coverage, parents) if self.spec.coverage_penalty else live.coverage
        return Live(ids, last, totals, is_open & (chosen == wanted), coverage), parents

    def _kept(self, live: Live, finished: Finished, at_last: tf.Tensor) -> Live:
        """Drops what is too far behind, and what cannot overtake; the greedy one only for the latter."""
        totals = live.log_probabilities
        if self.only_greedy:
            kept = live.greedy
        else:
            # A log-probability only falls and a penalty is never above 0: no score will be above this one.
            bounds = totals / self.least_normaliser
            ahead = tf.maximum(
                tf.reduce_max(totals, 1, keepdims=True),
                tf.reduce_max(finished.log_probabilities, 1, keepdims=True),
            )
            kept = totals >= ahead - self.spec.score_pruning
            kept |= live.greedy & (bounds > finished.scores[:, :1])
            if self.spec.early_stop:
                kept &= bounds > finished.scores[:, -1:]
        kept &= ~at_last
        return live._replace(log_probabilities=tf.where(kept, totals, NEVER), greedy=live.greedy & kept)
