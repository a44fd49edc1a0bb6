"""Steps of a Transformer: few or many hypotheses, a memory folded or not, one hypothesis at first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.models.sequence.small import model
from trainer.decoding.hypotheses import reorder
from trainer.models.sequence.folded import folds
from trainer.spec.sequence import BEGIN

STEPS = 4
SOURCES = tf.constant([[4, 5, 6, 0, 0], [7, 8, 9, 5, 4], [0, 0, 0, 0, 0]])


def _model(**fields: Any) -> Any:
    made = model("transformer", "transformer", **fields)
    for variable in made.trainable_variables:  # biases and distances that start at 0 must count too
        variable.assign_add(0.3 * np.random.default_rng(1).normal(size=variable.shape))
    return made


# Ten ids: with two hypotheses of each source fewer are at work than there are, with four more.
@pytest.mark.parametrize("places", [2, 4])
@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("attention", ["monotonic", "additive"])
@pytest.mark.parametrize("fixed", [True, False])
def test_steps_of_hypotheses_that_begin_as_one_are_whole_passes(
    places: int, folded: bool, attention: str, fixed: bool
) -> None:
    made = _model(attention=attention)
    if not folded:
        made.decoder.longest = None
    memory = made.encode(SOURCES)
    ids = np.random.default_rng(2).integers(4, 10, (3, places, STEPS)).astype(np.int32)
    ids[:, :, 0] = BEGIN
    cache = reorder(made.begin(memory, 3, places, STEPS, fixed), tf.zeros((3, 1), tf.int32))
    assert bool(cache.memory[0]) == (folded and attention == "monotonic")
    repeated = tf.nest.map_structure(lambda part: tf.repeat(part, places, axis=0), memory)
    flat = tf.constant(ids.reshape(-1, STEPS))
    whole = made.decode(repeated, flat).numpy().reshape(3, places, STEPS, -1)
    looked = made.attention(repeated, flat).numpy().reshape(3, places, STEPS, -1)
    for position in range(STEPS):
        here = ids[:, : places if position else 1, position]
        logits, cache, weights = made.step(memory, cache, tf.constant(here), tf.constant(position))
        np.testing.assert_allclose(logits, whole[:, : here.shape[1], position], atol=2e-5)
        np.testing.assert_allclose(weights, looked[:, : here.shape[1], position], atol=2e-5)
        if position == 0:
            cache = reorder(cache, tf.zeros((3, places), tf.int32))


def test_only_what_is_linear_and_short_is_folded() -> None:
    attention = _model(attention="dot").decoder.blocks[0].attention
    assert (attention.heads, attention.units) == (2, 8)
    assert folds(attention, 16)
    assert not folds(attention, 17)
    assert not folds(_model(attention="additive").decoder.blocks[0].attention, 1)
