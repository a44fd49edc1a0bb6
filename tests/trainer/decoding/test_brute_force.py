"""A beam with room for every hypothesis finds what comparing all targets finds."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.decoding.enumerated import listed, model, ranked, sources
from trainer.decoding import beam_search
from trainer.spec.sequence import DecodingSpec

UNITS, MOST, SEARCHED = 3, 3, 4
CASES = {
    "lstm": ("lstm", "seq2seq", 0.6, 0.3),
    "transformer": ("transformer", "seq2seq", 1.0, 0.1),
    "language_model": ("lstm", "language_model", 0.8, 0.0),
}


@functools.cache
def _traced(case: str) -> Any:
    kind, task, normalisation, coverage = CASES[case]
    made = model(1, UNITS, kind, task)
    spec = DecodingSpec(UNITS**MOST, 5, normalisation, coverage, 1e9, None, True)

    @tf.function(autograph=False)
    def search(source: tf.Tensor) -> Any:
        memory = made.encode(source) if task == "seq2seq" else None
        return beam_search(made, memory, tf.shape(source)[0], spec, MOST)

    return made, spec, search


@pytest.mark.soak
@pytest.mark.parametrize("case", list(CASES))
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**20), size=st.floats(0.1, 2.0))
def test_a_wide_beam_is_brute_force_whatever_the_weights(case: str, seed: int, size: float) -> None:
    _compare(case, seed, size)


@pytest.mark.parametrize("case", list(CASES))
def test_a_wide_beam_is_brute_force(case: str) -> None:
    _compare(case, seed=3, size=1.0)


def _compare(case: str, seed: int, size: float) -> None:
    made, spec, search = _traced(case)
    rng = np.random.default_rng(seed)
    for variable in made.trainable_variables:
        variable.assign(rng.normal(0.0, size, variable.shape))
    given_sources = sources(seed, SEARCHED)
    found = search(given_sources)
    for row in range(SEARCHED):
        source = given_sources[row : row + 1] if made.encoder is not None else None
        targets, scores, totals = ranked(made, source, UNITS, MOST, spec)
        np.testing.assert_allclose(found.scores[row], scores[:5], rtol=1e-4, atol=1e-4)
        known = dict(zip(targets, zip(scores, totals, strict=True), strict=True))
        expected = np.array([known[target] for target in listed(found, row)])
        assert len(set(listed(found, row))) == 5
        np.testing.assert_allclose(found.scores[row], expected[:, 0], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found.log_probabilities[row], expected[:, 1], rtol=1e-4, atol=1e-4)
