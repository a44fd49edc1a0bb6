"""The rules of the search on chains of probabilities that are worked out by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.trainer.decoding.chain import A, B, C, Chain, steady
from tests.trainer.decoding.enumerated import listed
from trainer.decoding import beam_search, greedy
from trainer.spec.sequence import BEGIN, END, DecodingSpec

WIDE = DecodingSpec(
    beam=16, n_best=6, length_normalisation=0.0, score_pruning=1e9, end_margin=None, early_stop=False
)


def test_targets_are_ranked_by_probability() -> None:
    found = beam_search(steady(0.5, 0.3, 0.2), None, 1, WIDE, max_steps=2)
    assert listed(found) == [(), (A,), (B,), (A, A), (A, B), (B, A)]
    expected = [0.5, 0.15, 0.1, 0.045, 0.03, 0.03]
    np.testing.assert_allclose(np.exp(found.log_probabilities[0]), expected, rtol=1e-5)


def test_length_normalisation_divides_by_units_and_end() -> None:
    spec = dataclasses.replace(WIDE, length_normalisation=1.0)
    found = beam_search(steady(0.5, 0.3, 0.2), None, 1, spec, max_steps=2)
    np.testing.assert_allclose(found.scores[0, :2], [np.log(0.5), np.log(0.15) * 6 / 7], rtol=1e-5)


def test_an_end_needs_to_be_within_the_margin_of_the_best_unit() -> None:
    chain = Chain({BEGIN: {END: 0.1, A: 0.6, B: 0.3}, A: {END: 0.5, A: 0.4, B: 0.1}, B: {END: 0.3, A: 0.7}})
    spec = dataclasses.replace(WIDE, n_best=3)
    assert listed(beam_search(chain, None, 1, spec, max_steps=1)) == [(A,), (), (B,)]
    # log(0.6 / 0.1) = 1.79 is outside; at the last step every end counts.
    within = dataclasses.replace(spec, end_margin=1.0)
    assert listed(beam_search(chain, None, 1, within, max_steps=1)) == [(A,), (B,)]


def test_the_end_is_forced_after_the_greatest_number_of_steps() -> None:
    spec = dataclasses.replace(WIDE, n_best=1, beam=2, end_margin=0.5)
    found = beam_search(steady(0.01, 0.9, 0.09), None, 1, spec, max_steps=3)
    assert listed(found) == [(A, A, A)]
    np.testing.assert_allclose(found.log_probabilities[0, 0], np.log(0.9**3 * 0.01), rtol=1e-5)


def test_hypotheses_far_behind_are_dropped() -> None:
    spec = dataclasses.replace(WIDE, score_pruning=2.0)
    found = beam_search(steady(0.1, 0.8, 0.1), None, 1, spec, max_steps=3)
    # log(0.8 / 0.1) = 2.08 is too much: no target goes on from `B`, but each live one may end.
    assert listed(found) == [(), (A,), (A, A), (A, A, A)]


def test_an_early_stop_saves_steps_and_changes_no_answer() -> None:
    calls = {}
    for early_stop in (False, True):
        chain = steady(0.9, 0.06, 0.04)
        spec = dataclasses.replace(WIDE, n_best=2, early_stop=early_stop)
        assert listed(beam_search(chain, None, 1, spec, max_steps=9)) == [(), (A,)]
        calls[early_stop] = chain.calls
    # Steps are counted as the loop runs eagerly: nothing overtakes `(A,)`, found in the second.
    assert calls == {False: 10, True: 2}


def test_equal_targets_come_in_the_order_of_their_ids() -> None:
    third = 1 / 3
    found = beam_search(steady(third, third, third), None, 2, WIDE, max_steps=2)
    assert listed(found, 0) == listed(found, 1) == [(), (A,), (B,), (A, A), (A, B), (B, A)]


def test_places_without_a_target_are_empty() -> None:
    found = beam_search(steady(0.5, 0.3, 0.2), None, 1, WIDE, max_steps=1)
    assert listed(found) == [(), (A,), (B,)]
    assert np.all(found.scores[0, 3:] == -np.inf)
    assert not np.any(found.ids[0, 3:])
    assert not np.any(found.lengths[0, 3:])


def test_greedy_takes_the_most_probable_at_every_step() -> None:
    chain = Chain({BEGIN: {A: 0.6, B: 0.4}, A: {END: 0.3, A: 0.3, B: 0.4}, B: {END: 1.0}})
    found = greedy(chain, None, 1, WIDE, max_steps=5)
    assert listed(found) == [(A, B)]
    np.testing.assert_allclose(np.exp(found.log_probabilities), [[0.24]], rtol=1e-5)


@pytest.mark.parametrize("beam", [1, 2])
def test_the_greedy_target_stays_in_the_beam(beam: int) -> None:
    # Both continuations of `B`, 0.245 each, are ahead of `A C`, 0.204, by more than the pruning allows.
    chain = Chain(
        {BEGIN: {A: 0.51, B: 0.49}, A: {C: 0.4, A: 0.3, B: 0.3}, B: {A: 0.5, B: 0.5}, C: {END: 1.0}}
    )
    spec = dataclasses.replace(WIDE, beam=beam, n_best=1, score_pruning=0.1)
    found = beam_search(chain, None, 1, spec, max_steps=4)
    assert listed(found) == listed(greedy(chain, None, 1, spec, max_steps=4)) == [(A, C)]
