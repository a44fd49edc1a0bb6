from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest.hashing import hash_text
from components.ingest.plan import SplitRule
from components.ingest.splitting import EVAL, TRAIN, VALIDATION, TimeCounts, assign
from trainer.errors import TandemError

RULE = SplitRule("hash", (), 0.2, 0.1, None, None, False)


def keys(count: int) -> Any:
    import pyarrow as pa

    return hash_text(pa.array([f"row {i}".encode() for i in range(count)]))


def test_fractions_are_met_and_validation_is_a_share_of_the_rest() -> None:
    splits = assign(RULE, 100_000, keys(100_000), None, None)
    shares = np.bincount(splits, minlength=3) / 100_000
    np.testing.assert_allclose(shares, [0.72, 0.08, 0.2], atol=0.005)


def test_growing_data_moves_no_row_and_fractions_are_independent() -> None:
    few, many = (assign(RULE, count, keys(count), None, None) for count in (1000, 3000))
    assert (many[:1000] == few).all()
    wider = assign(dataclasses.replace(RULE, validation_fraction=0.5), 1000, keys(1000), None, None)
    assert ((wider == EVAL) == (few == EVAL)).all()
    assert (wider[few == VALIDATION] == VALIDATION).all()


def test_by_time_the_boundaries_belong_to_the_later_split() -> None:
    rule = dataclasses.replace(RULE, by="time", eval_from=30, validation_from=20)
    times = np.array([10, 19, 20, 29, 30, 31])
    splits = assign(rule, 6, None, times, None)
    assert splits.tolist() == [TRAIN, TRAIN, VALIDATION, VALIDATION, EVAL, EVAL]


def test_by_time_without_a_validation_time_the_early_rows_are_hashed() -> None:
    rule = dataclasses.replace(RULE, by="time", eval_from=500, validation_fraction=0.25)
    splits = assign(rule, 1000, keys(1000), np.arange(1000), None)
    assert (splits[500:] == EVAL).all()
    assert (splits[:500] != EVAL).all()
    assert 90 < (splits == VALIDATION).sum() < 160


def test_by_files_only_train_rows_are_divided() -> None:
    rule = dataclasses.replace(RULE, by="files", validation_fraction=0.5)
    assert set(assign(rule, 100, keys(100), None, "eval")) == {EVAL}
    assert set(assign(rule, 100, keys(100), None, "train")) == {TRAIN, VALIDATION}
    own = dataclasses.replace(rule, validation_files=True)
    assert set(assign(own, 100, None, None, "train")) == {TRAIN}
    assert set(assign(own, 100, None, None, "validation")) == {VALIDATION}


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=60), st.data())
@settings(max_examples=60, deadline=None)
def test_time_counts_do_not_depend_on_order_or_parts(times: list[int], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(times))
    cut = data.draw(st.integers(0, len(times)))
    whole = TimeCounts(capacity=8)
    whole.add(np.array(times, np.int64))
    first, second = TimeCounts(capacity=8), TimeCounts(capacity=8)
    first.add(np.array(shuffled[:cut], np.int64))
    second.add(np.array(shuffled[cut:], np.int64))
    first.merge(TimeCounts(**{**vars(TimeCounts.from_json(second.as_json())), "capacity": 8}))
    assert first.as_json() == whole.as_json()
    assert int(whole.counts.sum()) == len(times)
    assert len(whole.times) <= 8


def test_the_cut_leaves_at_most_the_fraction_after_it() -> None:
    counts = TimeCounts()
    counts.add(np.repeat(np.arange(10), 10))
    assert counts.cut(0.2) == 8
    assert counts.cut(0.29) == 8
    assert counts.cut(0.05) == 9
    assert counts.cut(0.99) == 1


def test_one_time_cannot_be_cut() -> None:
    counts = TimeCounts()
    counts.add(np.full(5, 7))
    with pytest.raises(TandemError, match="INGEST-017"):
        counts.cut(0.2)
