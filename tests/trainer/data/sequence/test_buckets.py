"""Buckets: few, holding all, with little padding; the best ones where all can be tried."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from trainer.data.sequence.buckets import Bucket, assign, choose_buckets


def positions(source: np.ndarray, target: np.ndarray, buckets: tuple[Bucket, ...]) -> int:
    """Row by row: the narrowest bucket that holds it."""
    return sum(
        min(b.source + b.target + 1 for b in buckets if s <= b.source and t <= b.target)
        for s, t in zip(source, target, strict=True)
    )


def least(source: np.ndarray, target: np.ndarray, most: int) -> int:
    """By trying every choice of shapes."""
    shapes = [Bucket(s, t) for s in set(source.tolist()) for t in set(target.tolist())]
    largest = Bucket(int(source.max()), int(target.max()))
    return min(
        positions(source, target, (largest, *chosen))
        for chosen in itertools.combinations_with_replacement(shapes, most - 1)
    )


@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_choice_of_buckets_pads_less(most: int) -> None:
    for seed in range(6):
        generator = np.random.default_rng(seed)
        source = generator.integers(1, 6, 30)
        target = np.clip(source + generator.integers(-2, 3, 30), 1, 5)
        found = choose_buckets(source, target, most)
        assert len(found) <= most
        assert positions(source, target, found) <= 1.02 * least(source, target, most)


def test_lengths_of_words_and_sounds_need_eight_buckets_for_a_tenth_of_padding() -> None:
    generator = np.random.default_rng(1)
    source = np.clip(generator.normal(7.5, 2.3, 20_000).round(), 2, 20).astype(np.int64)
    target = np.clip((0.85 * source + generator.normal(0, 0.9, 20_000)).round(), 1, 20).astype(np.int64)
    found = choose_buckets(source, target, 8)
    padding = 1 - (source + target + 1).sum() / positions(source, target, found)
    assert len(found) <= 8
    assert padding < 0.1


def test_every_example_has_the_narrowest_bucket_that_holds_it() -> None:
    buckets = (Bucket(3, 2), Bucket(2, 9), Bucket(9, 9))
    found = assign(np.array([3, 2, 1, 9]), np.array([2, 3, 1, 1]), buckets)
    assert found.tolist() == [0, 1, 0, 2]


def test_a_language_model_has_buckets_of_one_side() -> None:
    target = np.array([1, 1, 5, 5, 9])
    found = choose_buckets(np.zeros(5, np.int64), target, 3)
    assert found == (Bucket(0, 1), Bucket(0, 5), Bucket(0, 9))


def test_many_lengths_are_joined_to_ranges_that_end_with_the_greatest() -> None:
    lengths = np.arange(1, 301)
    found = choose_buckets(lengths, lengths, 4)
    assert found[-1] == Bucket(300, 300)
    assert (assign(lengths, lengths, found) >= 0).all()
