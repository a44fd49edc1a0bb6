"""Whose model becomes the model of a group."""

from __future__ import annotations

import itertools
import math

import pytest

from components.train.group.choice import Candidate, choose


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ([Candidate(0, 0.31, 0.1), Candidate(1, 0.30, 0.9), Candidate(2, 0.32, 0.0)], 1),
        ([Candidate(1, 0.30, 0.2), Candidate(2, 0.30, 0.1)], 1),
        ([Candidate(2, None, 0.2), Candidate(3, None, 0.1)], 3),
        ([Candidate(0, None, None), Candidate(1, None, 0.4)], 1),
        ([Candidate(0, math.nan, 0.1), Candidate(1, 9.0, 0.9)], 1),
        ([Candidate(0, None, 0.1), Candidate(1, 9.0, 0.9)], 1),
        ([Candidate(2, None, math.inf), Candidate(3, None, math.nan)], 2),
        ([Candidate(5, None, None)], 5),
    ],
)
def test_the_least_loss_is_chosen_and_the_lower_index_of_equal_ones(
    candidates: list[Candidate], chosen: int
) -> None:
    assert {choose(order) for order in itertools.permutations(candidates)} == {chosen}
