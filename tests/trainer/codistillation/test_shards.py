"""Which rows a replica sees, and its seed."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest

from trainer.codistillation.seeds import replica_seed
from trainer.codistillation.shards import shard_rows
from trainer.errors import TandemError


@pytest.mark.parametrize("rows", [10, 1001])
@pytest.mark.parametrize("replicas", [2, 3, 16])
@pytest.mark.parametrize("shared", [0.0, 0.25, 0.999])
def test_the_rest_is_dealt_evenly_and_to_one_replica_each(rows: int, replicas: int, shared: float) -> None:
    common = round(shared * rows)
    if not common and rows < replicas:
        pytest.skip("nothing is left for the last ones")
    parts = [shard_rows(rows, replicas, index, shared, seed=3) for index in range(replicas)]
    assert all(part is not None and (np.diff(part) > 0).all() for part in parts)
    counts = np.bincount(np.concatenate(parts), minlength=rows)
    assert (counts == replicas).sum() == common
    assert (counts == 1).sum() == rows - common
    sizes = [len(part) - common for part in parts]
    assert max(sizes) - min(sizes) <= 1


def test_shards_are_drawn_from_the_seed_of_the_group() -> None:
    first, again, other = (shard_rows(1000, 2, 0, 0.0, seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert len(np.intersect1d(first, other)) < 300
    # Not a run of rows nor every other one: neighbours are dealt at random.
    assert 200 < (np.diff(first) == 1).sum() < 300
    assert shard_rows(1000, 2, 0, 1.0, 1) is None


@pytest.mark.parametrize(("replicas", "shared"), [(2, 0.0), (3, 0.25), (16, 0.999)])
def test_rows_are_dealt_in_turn_before_they_are_shuffled(replicas: int, shared: float) -> None:
    common = round(shared * 1001)
    owners = np.full(1001, replicas, np.uint8)
    owners[common:] = np.arange(1001 - common) % replicas
    np.random.default_rng([7, replicas, 2]).shuffle(owners)
    for index in range(replicas):
        expected = np.flatnonzero((owners == replicas) | (owners == index))
        assert (shard_rows(1001, replicas, index, shared, seed=7) == expected).all()


def test_a_shard_costs_a_few_bytes_for_each_row() -> None:
    rows = 1_000_000
    tracemalloc.start()
    shard_rows(rows, 16, 0, 0.0, seed=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A byte for the owner, three for comparisons, half a one for the rows themselves.
    assert peak < 5 * rows


def test_a_replica_without_rows_is_refused() -> None:
    with pytest.raises(TandemError, match="CODIST-021"):
        shard_rows(3, 4, 3, 0.0, seed=1)


def test_replicas_have_seeds_of_their_own_and_the_first_that_of_the_single_training() -> None:
    seeds = {
        (seed, index): replica_seed(seed, index) for seed, index in itertools.product((0, 1, 7), range(16))
    }
    assert len(set(seeds.values())) == len(seeds)
    assert all(0 <= found < 2**31 for found in seeds.values())
    assert [seeds[seed, 0] for seed in (0, 1, 7)] == [0, 1, 7]
