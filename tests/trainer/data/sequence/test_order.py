"""The order of batches: whole, even, by seed and epoch, and the same wherever it is begun."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trainer.sequences import features, pairs, write
from trainer.data.sequence import (
    BucketOrder,
    SequenceTable,
    evaluation_batches,
    open_sequences,
    training_batches,
)
from trainer.data.sequence.order import batch_size


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> SequenceTable:
    path = write(tmp_path_factory.mktemp("order") / "train", pairs(500))
    return open_sequences([path], features())


def test_an_epoch_visits_every_example_once_in_full_batches(table: SequenceTable) -> None:
    order = BucketOrder(table, buckets=3, batch_tokens=200, seed=7)
    places = order.epoch(0)
    assert len(places) == order.steps_per_epoch
    assert sorted(np.concatenate([place.rows for place in places])) == list(range(500))
    for place in places:
        bucket = order.buckets[place.bucket]
        assert table.source.lengths[place.rows].max() <= bucket.source
        assert table.target.lengths[place.rows].max() <= bucket.target
        # Dealt out evenly: no batch is nearly empty.
        assert len(place.rows) > 0.5 * order.sizes[place.bucket]


def test_epochs_and_seeds_differ_and_equal_ones_do_not(table: SequenceTable) -> None:
    def rows(seed: int, epoch: int) -> list[int]:
        places = BucketOrder(table, 3, 200, seed).epoch(epoch)
        return np.concatenate([place.rows for place in places]).tolist()

    assert rows(1, 0) == rows(1, 0)
    assert len({tuple(rows(*key)) for key in ((1, 0), (1, 1), (2, 0))}) == 3


def test_a_resumed_training_sees_the_batches_that_were_to_come(table: SequenceTable) -> None:
    order = BucketOrder(table, 3, 200, 1)
    count = 2 * order.steps_per_epoch + 3
    every = list(training_batches(table, order, 0, [1] * count))
    assert [batch.step for batch in every] == list(range(count))
    for start in (1, order.steps_per_epoch, order.steps_per_epoch + 2):
        later = list(training_batches(table, order, start, [1] * (count - start)))
        for first, second in zip(every[start:], later, strict=True):
            for name in first.arrays:
                np.testing.assert_array_equal(first.arrays[name], second.arrays[name])


def test_what_is_missing_in_a_batch_weighs_nothing(table: SequenceTable) -> None:
    order = BucketOrder(table, 3, 200, 1)
    tokens = examples = 0
    for batch in evaluation_batches(table, order):
        arrays = batch.arrays
        assert (arrays["weight"][: batch.examples] == 1).all()
        assert not arrays["weight"][batch.examples :].any()
        assert not arrays["target_ids"][batch.examples :].any()
        assert np.count_nonzero(arrays["source_ids"]) + np.count_nonzero(arrays["target_ids"]) == (
            batch.tokens - batch.examples
        )
        tokens, examples = tokens + batch.tokens, examples + batch.examples
    assert (examples, tokens) == (500, table.statistics.tokens)


def test_the_report_adds_up(table: SequenceTable) -> None:
    report = BucketOrder(table, 4, 300, 1).report()
    assert sum(bucket["examples"] for bucket in report["buckets"]) == 500
    positions = sum(b["batches"] * b["batch"] * (b["source"] + b["target"] + 1) for b in report["buckets"])
    assert report["padding_share"] == pytest.approx(1 - table.statistics.tokens / positions)
    for bucket in report["buckets"]:
        assert bucket["batch"] * (bucket["source"] + bucket["target"] + 1) <= 300


def test_batches_are_multiples_of_eight_and_of_the_devices() -> None:
    assert batch_size(rows=10_000, width=10, batch_tokens=4096) == 400
    assert batch_size(rows=10_000, width=10, batch_tokens=4096, replicas=3) == 408
    assert batch_size(rows=3, width=10, batch_tokens=4096) == 8
    assert batch_size(rows=100, width=4096, batch_tokens=4096) == 1
    assert batch_size(rows=100, width=4096, batch_tokens=4096, replicas=2) == 2
