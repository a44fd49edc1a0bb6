"""Reading, checking and ordering transformed examples."""

from __future__ import annotations

import dataclasses
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from trainer.data import (
    LabelStatistics,
    Split,
    TrainingOrder,
    evaluation_blocks,
    open_split,
    prior_logits,
    training_blocks,
)
from trainer.errors import TandemError


def opened(synthetic: ModuleType, path: Path, rows: int = 103, **options: Any) -> Split:
    spec = synthetic.features()
    return open_split([synthetic.write(path / "a.gz", synthetic.table(spec, rows))], spec, **options)


def steps(
    split: Split, order: TrainingOrder, first: int, lengths: list[int], **options: Any
) -> list[np.ndarray]:
    """One array of dense rows for each step; a row of the table is told by its first dense value."""
    blocks = training_blocks(split, order, first, lengths, **options)
    return [values[:, 0] for block in blocks for values in block["dense"]]


@pytest.mark.parametrize("gzip", [True, False])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_all_columns_come_back_in_order(synthetic: ModuleType, tmp_path: Path, task: str, gzip: bool) -> None:
    spec = synthetic.features(task, weight=True)
    columns = synthetic.table(spec, 50)
    # The name says nothing about the compression.
    split = open_split([synthetic.write(tmp_path / "part-0", columns, gzip)], spec)
    assert split.columns is not None
    assert set(split.columns) == set(columns)
    for name, values in columns.items():
        np.testing.assert_array_equal(split.columns[name], values)
    assert split.columns["wide_ids"].dtype == np.int32
    assert split.rows == 50


def test_files_are_read_in_the_order_of_their_names(synthetic: ModuleType, tmp_path: Path) -> None:
    spec = synthetic.features()
    first, second = synthetic.table(spec, 5, 1), synthetic.table(spec, 6, 2)
    paths = [synthetic.write(tmp_path / "b", second), synthetic.write(tmp_path / "a", first, gzip=False)]
    split = open_split(paths, spec)
    assert split.columns is not None
    np.testing.assert_array_equal(split.columns["dense"], np.concatenate([first["dense"], second["dense"]]))


def test_without_a_weight_column_every_row_weighs_one(synthetic: ModuleType, tmp_path: Path) -> None:
    split = opened(synthetic, tmp_path)
    assert split.columns is not None
    np.testing.assert_array_equal(split.columns["weight"], np.ones(103, np.float32))


def test_label_statistics_match_numpy(synthetic: ModuleType, tmp_path: Path) -> None:
    spec = synthetic.features("regression", weight=True)
    columns = synthetic.table(spec, 9000)
    found = open_split([synthetic.write(tmp_path / "a", columns)], spec).statistics
    label, weight = columns["label"].astype(np.float64), columns["weight"].astype(np.float64)
    mean = np.average(label, weights=weight)
    assert found.rows == 9000
    assert found.mean == pytest.approx(mean, rel=1e-12)
    assert found.variance == pytest.approx(np.average((label - mean) ** 2, weights=weight), rel=1e-10)
    assert LabelStatistics.from_json(found.to_json()) == found


def test_prior_logits_by_hand() -> None:
    binary = LabelStatistics(10, 10.0, 0.25, 0.0, (7.0, 3.0))
    assert prior_logits("binary", binary) == pytest.approx((np.log(3.5 / 7.5),))
    weighted = dataclasses.replace(binary, weight_sum=1000.0, class_weight_sums=(700.0, 300.0))
    assert prior_logits("binary", weighted) == pytest.approx((np.log(3.5 / 7.5),))
    multiclass = LabelStatistics(4, 4.0, 0.0, 0.0, (4.0, 0.0))
    assert np.exp(prior_logits("multiclass", multiclass)) == pytest.approx([0.9, 0.1])
    assert prior_logits("regression", LabelStatistics(4, 4.0, 5.0, 2.0, ())) == (0.0,)


def test_equal_labels_have_a_deviation_that_can_divide() -> None:
    assert LabelStatistics(4, 4.0, 1e6, 1e-9, ()).deviation == 1.0


def test_an_epoch_visits_each_row_once_and_the_next_one_in_another_order() -> None:
    order = TrainingOrder(rows=1000, batch_size=10, seed=3)
    first, second = order.permutation(0), order.permutation(1)
    assert sorted(first) == sorted(second) == list(range(1000))
    assert (first != second).mean() > 0.9
    np.testing.assert_array_equal(first, TrainingOrder(1000, 10, 3).permutation(0))
    assert (first != TrainingOrder(1000, 10, 4).permutation(0)).mean() > 0.9


@pytest.mark.parametrize(
    ("rows", "batch_size", "replicas", "batch", "steps_per_epoch"),
    [(100, 32, 1, 32, 3), (100, 100, 1, 100, 1), (5, 512, 1, 5, 1), (1, 512, 1, 1, 1), (101, 64, 8, 64, 1)],
)
def test_batches_are_whole(
    rows: int, batch_size: int, replicas: int, batch: int, steps_per_epoch: int
) -> None:
    order = TrainingOrder(rows, batch_size, 1, replicas)
    assert (order.batch, order.steps_per_epoch) == (batch, steps_per_epoch)
    assert order.batch % replicas == 0


def test_fewer_rows_than_devices_are_refused() -> None:
    with pytest.raises(TandemError, match="TRAIN-108"):
        TrainingOrder(rows=3, batch_size=512, seed=1, replicas=4)


@pytest.mark.parametrize("memory_bytes", [1 << 30, 0])
def test_every_step_can_be_reached_directly(synthetic: ModuleType, tmp_path: Path, memory_bytes: int) -> None:
    split = opened(synthetic, tmp_path, memory_bytes=memory_bytes)
    assert (split.columns is None) == (memory_bytes == 0)
    order = TrainingOrder(split.rows, 10, seed=5)
    unbroken = steps(split, order, 0, [4, 4, 2, 10, 3, 3, 4])
    assert len(unbroken) == 30
    for first in (1, 9, 10, 17, 29):
        resumed = steps(split, order, first, [1] * (30 - first))
        np.testing.assert_array_equal(resumed, unbroken[first:])


@pytest.mark.parametrize("memory_bytes", [1 << 30, 0])
def test_an_epoch_of_blocks_holds_distinct_rows(
    synthetic: ModuleType, tmp_path: Path, memory_bytes: int
) -> None:
    split = opened(synthetic, tmp_path, memory_bytes=memory_bytes)
    order = TrainingOrder(split.rows, 10, seed=5)
    epochs = np.array(steps(split, order, 0, [10, 10], shuffle_rows=20)).reshape(2, 100)
    assert len(np.unique(epochs[0])) == len(np.unique(epochs[1])) == 100
    assert (epochs[0] != epochs[1]).mean() > 0.9


def test_rows_of_a_block_stay_together(synthetic: ModuleType, tmp_path: Path) -> None:
    split = opened(synthetic, tmp_path)
    assert split.columns is not None
    known = {float(row[0]): index for index, row in enumerate(split.columns["dense"])}
    for block in training_blocks(split, TrainingOrder(split.rows, 10, seed=5), 0, [3, 2]):
        rows = [known[float(value)] for value in block["dense"][..., 0].reshape(-1)]
        for name, values in block.items():
            flat = values.reshape(-1, *values.shape[2:])
            np.testing.assert_array_equal(flat, split.columns[name][rows])


@pytest.mark.parametrize("memory_bytes", [1 << 30, 0])
def test_evaluation_covers_all_rows_and_fills_up_with_weight_zero(
    synthetic: ModuleType, tmp_path: Path, memory_bytes: int
) -> None:
    split = opened(synthetic, tmp_path, memory_bytes=memory_bytes)
    blocks = list(evaluation_blocks(split, 10, length=4))
    assert [block["label"].shape for block in blocks] == [(4, 10), (4, 10), (3, 10)]
    dense = np.concatenate([block["dense"].reshape(-1, 2) for block in blocks])
    weight = np.concatenate([block["weight"].reshape(-1) for block in blocks])
    np.testing.assert_array_equal(dense[:103], synthetic.table(synthetic.features(), 103)["dense"])
    assert weight[:103].sum() == weight.sum() == 103


@pytest.mark.parametrize(
    ("column", "value", "code", "told"),
    [
        ("label", np.float32(2.0), "TRAIN-104", "row 7"),
        ("label", np.float32(0.5), "TRAIN-104", "row 7"),
        ("label", np.float32(np.nan), "TRAIN-104", "row 7"),
        ("weight", np.float32(-1.0), "TRAIN-105", "row 7"),
        ("weight", np.float32(np.inf), "TRAIN-105", "row 7"),
        ("wide_ids", np.array([7, 0, 0]), "TRAIN-106", "column=carrier"),
        ("deep_ids", np.array([0, -1]), "TRAIN-106", "column=hour"),
        ("dense", np.array([0.0, np.nan], np.float32), "TRAIN-107", "column=distance.missing"),
    ],
)
def test_a_bad_value_is_named_before_training(
    synthetic: ModuleType, tmp_path: Path, column: str, value: Any, code: str, told: str
) -> None:
    spec = synthetic.features(weight=True)
    columns = synthetic.table(spec, 20)
    columns[column][7] = value
    with pytest.raises(TandemError, match=code) as raised:
        open_split([synthetic.write(tmp_path / "a", columns)], spec)
    assert told in str(raised.value)


def test_a_cut_off_file_is_refused(synthetic: ModuleType, tmp_path: Path) -> None:
    spec = synthetic.features()
    for gzip in (True, False):
        path = synthetic.write(tmp_path / f"a{gzip}", synthetic.table(spec, 500), gzip)
        path.write_bytes(path.read_bytes()[:-137])
        with pytest.raises(TandemError, match="TRAIN-102"):
            open_split([path], spec)


def test_a_gzip_file_cut_off_between_two_records_is_refused(synthetic: ModuleType, tmp_path: Path) -> None:
    spec = synthetic.features()
    whole = synthetic.write(tmp_path / "whole", synthetic.table(spec, 50), gzip=False).read_bytes()
    starts = [0]
    while starts[-1] < len(whole):
        starts.append(starts[-1] + 16 + int.from_bytes(whole[starts[-1] : starts[-1] + 8], "little"))
    packer = zlib.compressobj(wbits=31)
    first = packer.compress(whole[: starts[30]]) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = packer.compress(whole[starts[30] :]) + packer.flush()
    path = tmp_path / "packed"
    path.write_bytes(first + rest)
    assert open_split([path], spec).rows == 50
    path.write_bytes(first)
    with pytest.raises(TandemError, match="TRAIN-102"):
        open_split([path], spec)


def test_gzip_files_of_several_members_are_read(synthetic: ModuleType, tmp_path: Path) -> None:
    spec = synthetic.features()
    one = synthetic.write(tmp_path / "one", synthetic.table(spec, 50)).read_bytes()
    path = tmp_path / "both"
    path.write_bytes(one + one)
    assert open_split([path, tmp_path / "one"], spec).rows == 150


def test_examples_of_another_specification_are_refused(synthetic: ModuleType, tmp_path: Path) -> None:
    spec = synthetic.features()
    path = synthetic.write(tmp_path / "a", synthetic.table(spec, 5))
    with pytest.raises(TandemError, match="TRAIN-102"):
        open_split([path], dataclasses.replace(spec, wide=spec.wide[:2]))


def test_no_rows_no_weight_and_no_file_are_refused(synthetic: ModuleType, tmp_path: Path) -> None:
    spec = synthetic.features(weight=True)
    columns = synthetic.table(spec, 3)
    columns["weight"][:] = 0
    with pytest.raises(TandemError, match="TRAIN-103"):
        open_split([synthetic.write(tmp_path / "a", synthetic.table(spec, 0))], spec)
    with pytest.raises(TandemError, match="TRAIN-103"):
        open_split([synthetic.write(tmp_path / "b", columns)], spec)
    with pytest.raises(TandemError, match="TRAIN-103"):
        open_split([], spec)
    with pytest.raises(TandemError, match="TRAIN-101"):
        open_split([tmp_path / "absent"], spec)
