"""What trainers of sequences are handed, against numbers worked by hand."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest

from benchmarks.sequences import blocks, tables
from trainer.data.sequence.forcing import teacher_forcing


def batch(sources: list[list[int]], targets: list[list[int]]) -> blocks.Batch:
    return {
        "source_ids": np.array(sources, np.int32),
        "target_ids": np.array(targets, np.int32),
        "weight": np.array([float(any(row)) for row in targets], np.float32),
    }


SMALL = batch([[4, 5, 6], [7, 0, 0], [0, 0, 0]], [[8, 9], [4, 0], [0, 0]])


def test_blocks_are_read_as_they_were_written(tmp_path: Path) -> None:
    other = batch([[4]], [[5]])
    blocks.write(tmp_path, [[SMALL, other], [other, SMALL]], {"features": {"task": "seq2seq"}})
    settings, held = blocks.read(tmp_path)
    assert settings == {"features": {"task": "seq2seq"}}
    assert [[list(one["source_ids"].shape) for one in block] for block in held] == [
        [[3, 3], [1, 1]],
        [[1, 1], [3, 3]],
    ]
    np.testing.assert_array_equal(held[1][1]["target_ids"], SMALL["target_ids"])


def test_tokens_are_units_of_both_sides_and_ends_without_padding() -> None:
    assert blocks.tokens([SMALL]) == (3 + 1) + (2 + 1) + 2
    assert blocks.tokens([SMALL, SMALL]) == 18


def test_peers_are_asked_for_what_the_project_s_loop_asks_for() -> None:
    given, asked = blocks.forced(SMALL["target_ids"])
    expected_given, expected_asked, weights = teacher_forcing(SMALL["target_ids"], SMALL["weight"])
    np.testing.assert_array_equal(given, expected_given)
    held = weights.numpy() > 0
    np.testing.assert_array_equal(asked[held], expected_asked.numpy()[held])
    assert not asked[~held].any()


def test_padding_without_buckets_by_hand() -> None:
    lengths = np.array([1, 3, 2, 2]), np.array([2, 2, 1, 5])
    # Rows 0 and 1: 2 x (3 + 2) positions for 8 units; rows 2 and 3: 2 x (2 + 5) for 10.
    assert tables.unbucketed(lengths, np.arange(4), 2) == pytest.approx(1 - 18 / 24)


def test_the_better_of_two_ways_to_wait_counts() -> None:
    every = {
        "Tandem": [(3.0, None), (1.0, None), (2.0, None)],
        "PyTorch": [(9.0, None), (8.0, None), (9.0, None)],
        "PyTorchpassive": [(4.0, None), (5.0, None), (99.0, None)],
    }
    found = tables.fastest(every, ("Tandem", "PyTorch"))
    assert found["Tandem"] == every["Tandem"]
    assert found["PyTorch"] == every["PyTorchpassive"]


def test_examples_in_docstrings_hold() -> None:
    for module in (blocks, tables):
        found = doctest.testmod(module)
        assert found.attempted
        assert not found.failed
