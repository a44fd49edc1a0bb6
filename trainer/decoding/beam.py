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
from trainer.models.sequence.numeric import dims
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
        static: bool. Whether all shapes stay as they are; otherwise ids become wider step by step.
    """

    def __init__(
        self,
        model: Any,
        spec: DecodingSpec,
        max_steps: int,
        temperature: float,
        only_greedy: bool,
        static: bool,
    ) -> None:
        self.model, self.spec, self.max_steps = model, spec, max_steps
        self.temperature, self.only_greedy, self.static = temperature, only_greedy, static
        self.least_normaliser = length_normaliser(max_steps + 1, spec.length_normalisation)

    def step(self, position: Any, live: Live, finished: Finished, cache: Any, memory: Any, mask: Any) -> Any:
        """One unit more: `position` units are there, or all that may be, and then only the end is left."""
        logits, cache, attention = self.model.step(given(memory), cache, live.last, position)
        steps = log_probabilities(logits, self.temperature)
        if self.spec.coverage_penalty and given(memory) is not None:
            live = live._replace(coverage=live.coverage + attention)
        ends, units = steps[..., END], steps[..., FIRST_UNIT:]
        at_last = position >= self.max_steps
        finished = best(finished, self._ended(live, ends, units, position, mask, at_last))
        if not self.static:
            finished = finished._replace(ids=tf.pad(finished.ids, [[0, 0], [0, 0], [0, 1]]))
        live, parents = self._continued(live, ends, units, position)
        live = self._kept(live, finished, at_last)
        return position + 1, live, finished, reorder(cache, parents)

    def mask(self, memory: Any, batch: Any) -> tf.Tensor:
        """float32 `(b, s)`, 0 for padding; of width 0 where no coverage penalty asks for it."""
        if self.spec.coverage_penalty and given(memory) is not None:
            return self.model.source_mask(memory)
        return tf.zeros((batch, 0))

    def _ended(
        self, live: Live, ends: tf.Tensor, units: tf.Tensor, position: Any, mask: Any, at_last: tf.Tensor
    ) -> Finished:
        total = live.log_probabilities + ends
        margin = 0.0 if self.only_greedy else self.spec.end_margin
        if margin is not None:
            may = ends >= tf.reduce_max(units, -1) - margin
            total = tf.where(may | at_last, total, NEVER)
        scores = total / length_normaliser(position + 1, self.spec.length_normalisation)
        if self.spec.coverage_penalty:
            scores += coverage_penalty(live.coverage, mask, self.spec.coverage_penalty)
        return Finished(live.ids, tf.fill(tf.shape(total), position), scores, total)

    def _continued(
        self, live: Live, ends: tf.Tensor, units: tf.Tensor, position: Any
    ) -> tuple[Live, tf.Tensor]:
        """The best continuations, the greedy one always among them."""
        _, places, count = dims(units)
        beam, every = self.spec.beam, places * count
        totals = tf.reshape(live.log_probabilities[..., None] + units, (-1, every))
        if every < beam:
            totals = tf.pad(totals, [[0, 0], [0, beam - every]], constant_values=NEVER)
        _, chosen = tf.math.top_k(totals, beam)
        wanted, is_open = self._greedy(live, ends, units)
        missing = is_open & ~tf.reduce_any(chosen == wanted, 1, keepdims=True)
        chosen = tf.where(missing & (tf.range(beam) == beam - 1), wanted, chosen)
        parents, last = tf.minimum(chosen // count, places - 1), chosen % count + FIRST_UNIT
        ids = reorder(live.ids, parents)
        if self.static:
            ids = tf.where(tf.range(self.max_steps) == position, last[..., None], ids)
        else:
            ids = tf.concat([ids, last[..., None]], -1)
        totals = tf.gather(totals, chosen, batch_dims=1)
        coverage = reorder(live.coverage, parents) if self.spec.coverage_penalty else live.coverage
        return Live(ids, last, totals, is_open & (chosen == wanted), coverage), parents

    def _greedy(self, live: Live, ends: tf.Tensor, units: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Which continuation is the greedy one, and whether it goes on at all, int32 and bool `(b, 1)`."""
        # At most one place is greedy; without one, what is found in the first place does not count.
        place = tf.argmax(tf.cast(live.greedy, tf.int32), 1, output_type=tf.int32)
        own = tf.gather(units, place, batch_dims=1)
        wanted = place * dims(units)[2] + tf.argmax(own, 1, output_type=tf.int32)
        goes_on = tf.reduce_max(own, 1) > tf.gather(ends, place, batch_dims=1)
        return wanted[:, None], (goes_on & tf.reduce_any(live.greedy, 1))[:, None]

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
