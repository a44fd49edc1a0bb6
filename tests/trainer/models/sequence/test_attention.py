"""Attention against its formulas, one query at a time."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer.models.sequence.attention import REACH, Attention
from trainer.models.sequence.dropout import StepsDropout

RNG = np.random.default_rng(3)
INPUTS = RNG.normal(size=(1, 4, 6)).astype(np.float32)
QUERIES = RNG.normal(size=(1, 2, 5)).astype(np.float32)
MASK = tf.constant([[1.0, 1.0, 1.0, 0.0]])


@pytest.mark.parametrize("kind", ["dot", "additive", "monotonic"])
def test_weights_and_contexts_follow_the_formula(kind: str) -> None:
    layer = Attention("attention", kind, 5, 6, 8, 2, seed=1, values=False)
    if kind == "monotonic":
        layer.distance.assign(RNG.normal(size=layer.distance.shape))
    memory = layer.memory(tf.constant(INPUTS), MASK)
    found, weights = layer(tf.constant(QUERIES), memory=memory, positions=tf.constant([0, 2]))
    query = QUERIES[0] @ layer.query.kernel.numpy() + layer.query.bias.numpy()
    keys = INPUTS[0] @ layer.key.kernel.numpy()
    for head in range(2):
        part = slice(4 * head, 4 * head + 4)
        for row, position in enumerate((0, 2)):
            q, k = query[row, part], keys[:3, part]
            scores = k @ q / 2
            if kind == "additive":
                scores = np.tanh(q + k) @ layer.score.numpy()[:, 0]
            if kind == "monotonic":
                scores = scores + layer.distance.numpy()[np.arange(3) - position + REACH, head]
            expected = np.exp(scores) / np.exp(scores).sum()
            np.testing.assert_allclose(weights[0, head, row], [*expected, 0.0], atol=1e-5)
            context = expected @ INPUTS[0, :3, 3 * head : 3 * head + 3]
            np.testing.assert_allclose(found[0, row, 3 * head : 3 * head + 3], context, atol=1e-5)


def test_distances_beyond_reach_share_a_bias() -> None:
    layer = Attention("attention", "monotonic", 5, 6, 8, 1, seed=1)
    layer.distance.assign(np.arange(2 * REACH + 1, dtype=np.float32)[:, None])
    bias = layer.distances(tf.constant([0]), REACH + 3).numpy()[0, 0, 0]
    assert bias[0] == REACH
    assert bias[REACH] == bias[REACH + 2] == 2 * REACH


def test_dropout_drops_the_same_features_at_every_step() -> None:
    dropped = StepsDropout("dropout", 0.5, seed=1, steps=1)(tf.ones((3, 7, 40)), training=True).numpy()
    assert np.all(dropped == dropped[:, :1])
    assert set(np.unique(dropped)) == {0.0, 2.0}
    assert not np.array_equal(dropped[0], dropped[1])
