from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.ingest.csv_reader import read_csv
from components.ingest.sources import Source
from trainer.errors import TandemError


@given(st.lists(st.booleans(), min_size=1, max_size=80))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_line_numbers_are_right_across_blocks_with_bad_rows_between(tmp_path: Path, good: list[bool]) -> None:
    path = tmp_path / "a.csv"
    lines = [f"{number},x" if fine else f"{number}" for number, fine in enumerate(good, start=2)]
    path.write_text("n,t\n" + "\n".join(lines) + "\n")
    batches = list(read_csv(Source(path, "a.csv", "csv"), ["n"], ",", False, block_bytes=48))
    read = [
        (int(line), value)
        for rows in batches
        for line, value in zip(rows.lines, rows.columns["n"].to_pylist(), strict=True)
    ]
    assert [line for line, _ in read] == [number for number, fine in enumerate(good, start=2) if fine]
    assert all(str(line) == value for line, value in read)
    rejected = [row.line for rows in batches for row in rows.rejected]
    assert rejected == [number for number, fine in enumerate(good, start=2) if not fine]


def test_a_row_longer_than_a_block_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("n,t\n1," + "x" * 500 + "\n2,y\n")
    with pytest.raises(TandemError, match="INGEST-018"):
        list(read_csv(Source(path, "a.csv", "csv"), ["n"], ",", False, block_bytes=100))
