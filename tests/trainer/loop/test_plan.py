"""When the loop evaluates and saves."""

from __future__ import annotations

import itertools

import pytest

from trainer.loop.plan import block_lengths, evaluation_steps


@pytest.mark.parametrize(
    ("steps_per_epoch", "steps", "each", "expected"),
    [
        (10, 20, 1, [10, 20]),
        (10, 20, 3, [3, 7, 10, 13, 17, 20]),
        (1, 4, 2, [1, 2, 3, 4]),
        (3, 2, 1, [2]),
        (100, 7, 2, [7]),
        (2, 2, 50, [1, 2]),
    ],
)
def test_evaluations_are_spread_over_each_epoch(
    steps_per_epoch: int, steps: int, each: int, expected: list[int]
) -> None:
    assert evaluation_steps(steps_per_epoch, steps, each) == expected


@pytest.mark.parametrize(
    ("first", "steps_per_epoch", "every", "longest"),
    list(itertools.product([0, 1, 7, 50, 99], [1, 7, 30], [1, 8, 500], [1, 4, 64])),
)
def test_blocks_add_up_and_cross_no_boundary(
    first: int, steps_per_epoch: int, every: int, longest: int
) -> None:
    steps, stops = 100, [13, 30, 61, 100]
    lengths = list(block_lengths(first, steps, steps_per_epoch, stops, every, longest))
    ends = list(itertools.accumulate(lengths, initial=first))
    assert ends[-1] == steps
    assert max(lengths) <= longest
    assert min(lengths) >= 1
    wanted = {*stops, *range(0, 101, steps_per_epoch), *range(0, 101, every)}
    assert {mark for mark in wanted if first < mark <= steps} <= set(ends)


def test_blocks_of_a_replica_end_where_it_publishes() -> None:
    lengths = list(block_lengths(3, 20, 100, [20], 100, 64, exchange=5))
    assert list(itertools.accumulate(lengths, initial=3)) == [3, 5, 10, 15, 20]
