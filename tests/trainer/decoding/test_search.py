"""What holds of every search of a real model: caches, batches, n-best, greedy, attention, XLA."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.decoding.enumerated import listed, model, sources
from trainer.decoding import Hypotheses, beam_search, greedy
from trainer.models.sequence import SequenceModel
from trainer.spec.sequence import BEGIN, DecodingSpec

MOST = 6
SPEC = DecodingSpec(
    beam=3, n_best=3, length_normalisation=0.6, coverage_penalty=0.1, score_pruning=2.0, end_margin=2.0
)


@functools.cache
def _made(kind: str) -> SequenceModel:
    return model(5, 5, kind)


@functools.cache
def _search(kind: str) -> Any:
    made = _made(kind)
    return tf.function(
        lambda ids: beam_search(made, made.encode(ids), tf.shape(ids)[0], SPEC, MOST, attention=True),
        autograph=False,
        input_signature=[tf.TensorSpec([None, None], tf.int32)],
    )


class _Uncached:
    """The same model without a cache of its own: all earlier units are run again at each step."""

    def __init__(self, made: SequenceModel) -> None:
        self.made, self.source_mask = made, made.source_mask

    def begin(self, memory: Any, batch: Any, hypotheses: Any, max_steps: int) -> tf.Tensor:
        del memory
        return tf.zeros((batch, hypotheses, max_steps), tf.int32)

    def step(self, memory: Any, cache: tf.Tensor, ids: tf.Tensor, position: Any) -> Any:
        batch, places, steps = tf.unstack(tf.shape(cache))
        cache = tf.where(tf.range(steps) == position, ids[..., None], cache)
        memory = tf.nest.map_structure(lambda part: tf.repeat(part, places, axis=0), memory)
        flat = tf.reshape(cache, (-1, steps))[:, : position + 1]
        logits = self.made.decode(memory, flat)[:, -1]
        weights = self.made.attention(memory, flat)[:, -1]
        logits = tf.reshape(logits, (batch, places, logits.shape[-1]))
        weights = tf.reshape(weights, (batch, places, tf.shape(weights)[-1]))
        return logits, cache, weights


@pytest.mark.parametrize("kind", ["lstm", "transformer"])
def test_cached_steps_find_what_whole_passes_find(kind: str) -> None:
    ids, made = sources(2, 5), _made(kind)
    found = _search(kind)(ids)
    slow = tf.function(
        lambda given: beam_search(_Uncached(made), made.encode(given), 5, SPEC, MOST), autograph=False
    )(ids)
    for row in range(5):
        assert listed(found, row) == listed(slow, row)
    np.testing.assert_allclose(found.scores, slow.scores, atol=1e-4)


@pytest.mark.parametrize("kind", ["lstm", "transformer"])
def test_an_answer_does_not_depend_on_the_batch(kind: str) -> None:
    ids = sources(3, 40)
    together = _search(kind)(tf.pad(ids, [[0, 0], [0, 3]]))
    for row in range(0, 40, 8):
        length = int(np.count_nonzero(ids[row]))
        alone = _search(kind)(ids[row : row + 1, :length])
        assert listed(alone) == listed(together, row)
        np.testing.assert_allclose(alone.scores[0], together.scores[row], atol=1e-4)


@pytest.mark.parametrize("kind", ["lstm", "transformer"])
def test_the_best_are_distinct_sorted_and_not_worse_than_greedy(kind: str) -> None:
    ids, made = sources(4, 64), _made(kind)
    found = _search(kind)(ids)
    alone = tf.function(
        lambda given: greedy(made, made.encode(given), tf.shape(given)[0], SPEC, MOST), autograph=False
    )(ids)
    assert np.all(found.scores[:, :-1] >= found.scores[:, 1:])
    assert np.all(found.scores[:, 0] >= alone.scores[:, 0] - 1e-5)
    assert all(len(set(listed(found, row))) == len(listed(found, row)) for row in range(64))
    lengths = np.asarray(found.lengths)
    assert np.all((np.asarray(found.ids) > 0) == (np.arange(MOST) < lengths[..., None]))


@pytest.mark.parametrize("kind", ["lstm", "transformer"])
def test_attention_is_that_of_the_best_target(kind: str) -> None:
    ids, made = sources(6, 4), _made(kind)
    found: Hypotheses = _search(kind)(ids)
    assert found.attention is not None
    for row in range(4):
        best = listed(found, row)[0]
        expected = made.attention(made.encode(ids[row : row + 1]), tf.constant([[BEGIN, *best]]))
        np.testing.assert_allclose(found.attention[row, : len(best) + 1], expected[0], atol=1e-5)
        assert not np.any(found.attention[row, len(best) + 1 :])


def test_with_static_shapes_xla_finds_the_same() -> None:
    ids, made = sources(7, 6), _made("transformer")
    compiled = tf.function(
        lambda given: beam_search(made, made.encode(given), 6, SPEC, MOST, static=True),
        jit_compile=True,
        autograph=False,
    )(ids)
    found = _search("transformer")(ids)
    np.testing.assert_array_equal(compiled.ids, found.ids)
    np.testing.assert_allclose(compiled.scores, found.scores, atol=1e-4)
