"""Rows are taken evenly, whatever their number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.init import files, sample


@pytest.mark.parametrize("rows", [1, 999, 1000, 1999, 2001, 12_345, 100_000])
def test_the_sample_is_even_and_bounded(tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "_BLOCK_BYTES", 5000)
    path = tmp_path / "rows.csv"
    path.write_text("i,y\n" + "".join(f"{i},{i % 3}\n" for i in range(rows)))
    found = sample.read(files.find(str(path), "y"), "y", max_rows=1000)
    taken = np.array([int(text) for text in found.table.column("i").to_pylist()])
    assert found.rows == rows
    assert len(taken) == min(rows, len(taken)) <= 1000
    assert sum(found.label_counts.values()) == rows
    if rows > 1000:
        assert len(taken) == 1000
        steps = np.diff(taken)
        assert steps.min() >= 1
        assert steps.max() <= 2 * steps.min() + 1
        assert taken[-1] >= rows - 3 * steps.max()


def test_many_columns_give_fewer_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    names = ",".join(f"c{i}" for i in range(4000))
    path.write_text(names + "\n" + (",".join(["1"] * 4000) + "\n") * 2500)
    found = sample.read(files.find(str(path), "c0"), "c0")
    assert found.table.num_rows == 1250


def test_quotes_hold_line_breaks_and_delimiters(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('a,y\n"1\n2",x\n"3,4",z\n')
    found = sample.read(files.find(str(path), "y"), "y")
    assert found.table.column("a").to_pylist() == ["1\n2", "3,4"]
