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


@pytest.mark.parametrize("columns", [["n"], ["n", "t"], []])
def test_an_open_quote_is_seen_in_a_last_column_that_is_not_wanted(
    tmp_path: Path, columns: list[str]
) -> None:
    path = tmp_path / "a.csv"
    rows = [f'{i},x,"y{i}"' for i in range(300)]
    path.write_text("n,t,u\n" + "\n".join(rows) + "\n")
    batches = list(read_csv(Source(path, "a.csv", "csv"), columns, ",", False))
    assert [list(batch.columns) for batch in batches] == [columns]
    assert sum(len(batch.lines) for batch in batches) == 300
    rows[100:] = ['100,x,"y100', *(f"{i},x,y{i}" for i in range(101, 300))]
    path.write_text("n,t,u\n" + "\n".join(rows) + "\n")
    with pytest.raises(TandemError, match="INGEST-018"):
        list(read_csv(Source(path, "a.csv", "csv"), columns, ",", False))


@pytest.mark.parametrize("wrong", [b"caf\xe9", b"4,caf\xe9", b"4,x,caf\xe9", b"4,x,y\xc3"])
@pytest.mark.parametrize("block_bytes", [16, 1 << 20])
def test_bytes_that_are_not_utf8_are_told_with_their_line(
    tmp_path: Path, wrong: bytes, block_bytes: int, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.csv"
    after = b"" if wrong.endswith(b"\xc3") else b"\n5,x,y\n"
    path.write_bytes("n,t,u\n1,x,é\n\n3,x,y\n".encode() + wrong + after)
    with pytest.raises(TandemError, match=r"INGEST-005.*line=5") as caught:
        list(read_csv(Source(path, "a.csv", "csv"), ["n"], ",", False, block_bytes=block_bytes))
    assert repr(wrong[wrong.index(wrong[-1:]) :])[:-1] in caught.value.message
    assert capfd.readouterr().err == ""


def test_a_row_longer_than_a_block_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("n,t\n1," + "x" * 500 + "\n2,y\n")
    with pytest.raises(TandemError, match="INGEST-018"):
        list(read_csv(Source(path, "a.csv", "csv"), ["n"], ",", False, block_bytes=100))


@pytest.mark.parametrize("block_bytes", [64, 1 << 20])
def test_a_last_row_without_its_last_fields_and_line_end_is_a_file_cut_off(
    tmp_path: Path, block_bytes: int
) -> None:
    rows = "a,b,c\n" + "1,2,3\n" * 50
    assert read(tmp_path, rows + "1,2,3", block_bytes)[0] == 51
    # A row that is short by mistake ends its line.
    assert read(tmp_path, rows + "1,2\n", block_bytes) == (50, 1)
    assert read(tmp_path, rows + "1,2\n" + "1,2,3", block_bytes) == (51, 1)
    for cut in ("1,2", "1", '1,"2 ä'):
        with pytest.raises(TandemError, match=r"INGEST-0(09|18)"):
            read(tmp_path, rows + cut, block_bytes)


def read(directory: Path, content: str, block_bytes: int) -> tuple[int, int]:
    """Good and rejected rows of a file with that content."""
    path = directory / "rows.csv"
    path.write_text(content)
    found = list(read_csv(Source(path, "rows.csv", "csv"), ["a"], ",", False, block_bytes))
    return sum(len(rows.lines) for rows in found), sum(len(rows.rejected) for rows in found)
