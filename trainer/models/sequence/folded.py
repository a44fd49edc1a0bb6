"""Attention over a memory with the maps around it made part of the memory, once for each example.

A score is `(x Wq + bq) K`, and what a head adds is `w V Wo`. With `Wq K` and `V Wo` made beforehand a step
needs two products of the examples' own and neither of the maps: less work as long as the source is short.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from trainer.models.sequence.attention import Attention, Memory
from trainer.models.sequence.numeric import MASKED, dims
from trainer.models.sequence.parts import Affine

MOST = 4
"""Positions over all heads to units: beyond it long sources would take more memory than steps save time."""


def folds(attention: Attention, longest: int) -> bool:
    """Whether it is worth it for sources of so many units at most, and possible."""
    return attention.kind != "additive" and attention.heads * longest <= MOST * attention.units


def fold(attention: Attention, output_map: Affine, memory: Memory) -> Memory:
    """What `answer` needs of a memory.

    Returns:
        `asks` float32 `(b, queries, heads * s)`, `offsets` `(b, 1, heads * s)`, `answers`
        `(b, heads * s, units)`, 0 for padding, and the mask `(b, s)`.
    """
    keys, values, mask = memory["keys"], memory["values"], memory["mask"]
    batch, heads, length, width = dims(keys)
    rows = (batch, heads * length)
    query, scale = attention.query, width**-0.5
    kernel = tf.transpose(tf.reshape(query.kernel.value * scale, (-1, heads, width)), (1, 2, 0))
    output = tf.reshape(output_map.kernel.value, (heads, width, -1))
    asks, answers = (
        _by_head(parts, kernels, attention.factors)
        for parts, kernels in ((keys, kernel), (values * mask[:, None, :, None], output))
    )
    offsets = tf.reduce_sum(keys * tf.reshape(query.bias.value * scale, (heads, 1, width)), -1)
    offsets += (1.0 - mask[:, None]) * MASKED
    return {
        "asks": tf.reshape(tf.transpose(asks, (1, 3, 0, 2)), (batch, kernel.shape[2], rows[1])),
        "offsets": tf.reshape(offsets, (batch, 1, rows[1])),
        "answers": tf.reshape(tf.transpose(answers, (1, 0, 2, 3)), (*rows, output.shape[2])),
        "mask": mask,
    }


def _by_head(parts: tf.Tensor, kernels: tf.Tensor, precision: str) -> tf.Tensor:
    """`(b, heads, s, d)` and `(heads, d, n)` to `(heads, b, s, n)`, for each head one product."""
    batch, heads, length, width = dims(parts)
    rows = tf.reshape(tf.transpose(parts, (1, 0, 2, 3)), (heads, batch * length, width))
    found = tf.matmul(tf.cast(rows, precision), tf.cast(kernels, precision))
    return tf.reshape(tf.cast(found, tf.float32), (heads, batch, length, kernels.shape[2]))


def answer(
    attention: Attention, output_map: Affine, folded: Memory, inputs: tf.Tensor, position: Any
) -> tuple[tf.Tensor, tf.Tensor]:
    """What `output_map` makes of the contexts, and the weights.

    Args:
        attention: the layer.
        output_map: the map of its output.
        folded: made by `fold` of both.
        inputs: float32 `(b, k, queries)`.
        position: int32 scalar.

    Returns:
        float32 `(b, k, units)`, and the weights `(b, k, s)`, a mean over heads.
    """
    batch, places, _ = dims(inputs)
    length, heads = dims(folded["mask"])[1], attention.heads
    scores = tf.matmul(inputs, folded["asks"]) + folded["offsets"]
    scores = tf.reshape(scores, (batch, places, heads, length))
    if attention.kind == "monotonic":
        scores += tf.reshape(attention.distances(position, length), (heads, length))
    weights = tf.nn.softmax(scores)
    change = tf.matmul(tf.reshape(weights, (batch, places, heads * length)), folded["answers"])
    return change + output_map.bias.value, tf.reduce_mean(weights, 2) * folded["mask"][:, None]
