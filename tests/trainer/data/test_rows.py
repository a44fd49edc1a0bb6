"""A part of the rows is visited as a split of its own, whether it is in memory or read from files."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from trainer.data import Split, TrainingOrder, open_split, training_blocks

ROWS = np.array([0, 2, 3, 7, 8, 11, 12, 15, 19])


@pytest.fixture(params=["memory", "files"])
def split(synthetic: ModuleType, tmp_path: Path, request: pytest.FixtureRequest) -> Split:
    """Twenty rows in three files, each labelled with its number."""
    spec = synthetic.features("regression")
    columns = synthetic.table(spec, 20)
    columns["label"] = np.arange(20, dtype=np.float32)
    ends = [0, 3, 12, 20]
    paths = [
        synthetic.write(tmp_path / f"part-{i}", {n: v[ends[i] : ends[i + 1]] for n, v in columns.items()})
        for i in range(3)
    ]
    return open_split(paths, spec, 2**30 if request.param == "memory" else 0)


def labels(split: Split, first: int, lengths: list[int]) -> list[list[float]]:
    order = TrainingOrder(len(ROWS), 4, seed=1)
    assert order.steps_per_epoch == 2
    blocks = training_blocks(split, order, first, lengths, rows=ROWS)
    return [batch.tolist() for block in blocks for batch in block["label"]]


def test_blocks_may_hold_several_passes_of_the_rows_given(split: Split) -> None:
    found = labels(split, 0, [1, 5, 2])
    assert [len(batch) for batch in found] == [4] * 8
    passes = [[*found[start], *found[start + 1]] for start in range(0, 8, 2)]
    for once in passes:
        assert len(set(once)) == 8
        assert set(once) <= set(ROWS.tolist())
    # Each pass leaves out another row.
    assert len({tuple(sorted(once)) for once in passes}) > 1


def test_the_batch_of_a_step_does_not_depend_on_where_the_training_began(split: Split) -> None:
    whole = labels(split, 0, [2, 2, 2, 2])
    assert labels(split, 3, [5]) == whole[3:]
