"""Reading transformed sequences: what is kept, what is skipped and counted, what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.sequences import features, language_model, pairs, write
from trainer.data.sequence import open_sequences
from trainer.errors import TandemError


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    written = pairs(50)
    table = open_sequences([write(tmp_path / "a", written)], features())
    for (source, target), (read_source, read_target) in zip(written, table.pairs(), strict=True):
        assert (source, target) == (read_source.tolist(), read_target.tolist())
    assert table.statistics.source_units == sum(len(source) for source, _ in written)
    assert table.weight.tolist() == [1.0] * 50


def test_empty_and_long_examples_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = [([4], [5]), ([], [5]), ([4], []), ([4] * 13, [5]), ([4], [5] * 13), ([], [5] * 13)]
    statistics = open_sequences([write(tmp_path / "a", rows)], features()).statistics
    assert (statistics.rows, statistics.empty, statistics.long) == (1, 3, 2)


def test_files_are_read_in_the_order_of_their_names_packed_or_not(tmp_path: Path) -> None:
    rows = pairs(20)
    files = [write(tmp_path / "b", rows[10:]), write(tmp_path / "a.gz", rows[:10], gzip=True)]
    table = open_sequences(files, features())
    assert [source.tolist() for source, _ in table.pairs()] == [source for source, _ in rows]


def test_other_content_has_another_digest(tmp_path: Path) -> None:
    first = open_sequences([write(tmp_path / "a", [([4], [5, 6])])], features()).statistics
    second = open_sequences([write(tmp_path / "b", [([5], [4, 6])])], features()).statistics
    assert first.sha256 != second.sha256
    assert dataclasses.replace(first, sha256="") == dataclasses.replace(second, sha256="")


def test_weights_are_read(tmp_path: Path) -> None:
    spec = dataclasses.replace(features(), weight=True)
    path = write(tmp_path / "a", [([4], [5]), ([5], [4])], weights=[0.5, 2.0])
    assert open_sequences([path], spec).weight.tolist() == [0.5, 2.0]
    bad = write(tmp_path / "b", [([4], [5])], weights=[float("nan")])
    with pytest.raises(TandemError, match="TRAIN-514"):
        open_sequences([bad], spec)


def test_a_language_model_has_no_source(tmp_path: Path) -> None:
    table = open_sequences([write(tmp_path / "a", [(None, [4, 5]), (None, [6])])], language_model())
    assert table.source.lengths.tolist() == [0, 0]
    assert table.target.take(np.array([1, 0]), 2).tolist() == [[6, 0], [4, 5]]


@pytest.mark.parametrize("bad", [2, 99])
def test_an_id_of_no_unit_is_refused(tmp_path: Path, bad: int) -> None:
    with pytest.raises(TandemError, match=f"TRAIN-513.*Received: {bad}"):
        open_sequences([write(tmp_path / "a", [([4], [5]), ([bad], [5])])], features())


def test_a_split_of_nothing_is_refused_with_the_counts(tmp_path: Path) -> None:
    with pytest.raises(TandemError, match=r"TRAIN-511.*empty=1, too long=0") as raised:
        open_sequences([write(tmp_path / "a", [([], [5])])], features())
    assert raised.value.exit_status == 2


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a", pairs(10))
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(TandemError, match="TRAIN-102"):
        open_sequences([path], features())
