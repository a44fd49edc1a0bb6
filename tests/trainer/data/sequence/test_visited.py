"""A part of the examples in the buckets of all."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.trainer.sequences import features, pairs, write
from trainer.data.sequence import BucketOrder, open_sequences


def test_the_examples_given_are_visited_once_in_the_buckets_of_all(tmp_path: Path) -> None:
    table = open_sequences([write(tmp_path / "a", pairs(60))], features())
    every = BucketOrder(table, 3, 100, seed=1)
    rows = np.arange(0, 60, 3)
    part = BucketOrder(table, 3, 100, seed=1, visited=rows)
    assert part.buckets == every.buckets
    assert (every.examples, part.examples) == (60, 20)
    places = part.epoch(0)
    assert len(places) == part.steps_per_epoch < every.steps_per_epoch
    assert sorted(np.concatenate([place.rows for place in places])) == rows.tolist()


def test_a_bucket_may_hold_none_of_them(tmp_path: Path) -> None:
    words = [([4] * n, [5] * n) for n in (2, 2, 2, 9, 9, 9)]
    table = open_sequences([write(tmp_path / "a", words)], features())
    part = BucketOrder(table, 2, 100, seed=1, visited=np.array([0, 2]))
    assert [bucket.target for bucket in part.buckets] == [2, 9]
    assert [place.bucket for place in part.epoch(3)] == [0]
    assert [bucket["examples"] for bucket in part.report()["buckets"]] == [2, 0]
    assert part.report()["buckets"][1]["padding_share"] == 0.0
