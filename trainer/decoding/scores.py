"""What hypotheses are ranked by: log-probability, normalised by length, and a penalty for skipped source.

Reference: Wu et al., 2016, arXiv:1609.08144, section 7, equation 14.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from trainer.losses.probabilities import tempered_log_softmax

LEAST_COVERAGE = 1e-6
"""A source unit without any attention counts as if it had this much, so that its logarithm is finite."""


def log_probabilities(logits: tf.Tensor, temperature: float = 1.0) -> tf.Tensor:
    """Logarithms of the probabilities that the loss is about.

    Args:
        logits: float32 `(..., units)`.
        temperature: float above 0, `t2` of the bi-tempered loss; 1 is the softmax. Defaults to `1.0`.

    Example:
        >>> log_probabilities(tf.constant([0.0, 0.0])).numpy().round(3).tolist()
        [-0.6930000185966492, -0.6930000185966492]
    """
    if temperature == 1.0:
        return tf.nn.log_softmax(logits)
    return tempered_log_softmax(logits, temperature)


def length_normaliser(length: Any, strength: float) -> tf.Tensor:
    """`((5 + length) / 6) ** strength`, which a log-probability is divided by; 1 for a length of 1.

    Args:
        length: int or integer tensor. Units of the hypothesis, the end counted.
        strength: float, at least 0; 0 leaves log-probabilities as they are.

    Example:
        >>> float(length_normaliser(7, 1.0))
        2.0
    """
    return ((5.0 + tf.cast(length, tf.float32)) / 6.0) ** strength


def coverage_penalty(attention: tf.Tensor, mask: tf.Tensor, strength: float) -> tf.Tensor:
    """`strength * sum_i log(min(a_i, 1))`, never above 0: less where source units were not attended to.

    Args:
        attention: float32 `(b, k, s)`, the attention each source unit got over all steps.
        mask: float32 `(b, s)`, 0 for padding.
        strength: float, at least 0.

    Returns:
        float32 `(b, k)`, added to the normalised log-probability.

    Example:
        >>> attention, mask = tf.constant([[[1.5, 0.5, 0.0]]]), tf.constant([[1.0, 1.0, 0.0]])
        >>> coverage_penalty(attention, mask, 2.0).numpy().round(3).tolist()
        [[-1.3860000371932983]]
    """
    logarithms = tf.math.log(tf.clip_by_value(attention, LEAST_COVERAGE, 1.0))
    return strength * tf.reduce_sum(logarithms * mask[:, None], -1)
