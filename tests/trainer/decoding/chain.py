"""A model whose next unit depends on the last one alone, for searches that can be worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from trainer.spec.sequence import BEGIN, END

A, B, C = 4, 5, 6


class Chain:
    """Probabilities by the last unit, `{last: {next: probability}}`; what is left out is nearly impossible.

    Args:
        table: probabilities that sum to 1.
    """

    def __init__(self, table: dict[int, dict[int, float]]) -> None:
        size = 1 + max(table)
        logits = np.full((size, size), -40.0, np.float32)
        for last, following in table.items():
            for unit, probability in following.items():
                logits[last, unit] = np.log(probability)
        self.logits, self.calls = tf.constant(logits), 0

    def begin(self, memory: Any, batch: Any, hypotheses: int, max_steps: int) -> Any:
        del memory, max_steps
        return tf.zeros((batch, hypotheses, 1))

    def step(self, memory: Any, cache: Any, ids: tf.Tensor, position: Any) -> Any:
        del memory, position
        self.calls += 1
        return tf.gather(self.logits, ids), cache, None


def steady(end: float, a: float, b: float) -> Chain:
    """The same probabilities after every unit."""
    return Chain({last: {END: end, A: a, B: b} for last in (BEGIN, A, B)})
