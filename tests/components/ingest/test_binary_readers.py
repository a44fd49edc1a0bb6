from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.ingest.binary_readers import read_parquet
from components.ingest.rows import BATCH_BYTES
from components.ingest.sources import Source


@pytest.mark.parametrize("typed", [pa.string(), pa.dictionary(pa.int32(), pa.string())])
def test_batches_of_repeated_long_texts_are_small_once_decoded(tmp_path: Path, typed: pa.DataType) -> None:
    rows, text = 10_000, "x" * 5000
    path = tmp_path / "a.parquet"
    table = pa.table({"t": pa.array([text] * rows).cast(typed), "n": range(rows)})
    pq.write_table(table, path)
    assert path.stat().st_size < BATCH_BYTES
    numbers: list[int] = []
    for batch in read_parquet(Source(path, "a.parquet", "parquet"), ["n", "t"], False):
        assert batch.columns["t"].type == pa.string()
        assert batch.columns["t"].nbytes <= BATCH_BYTES
        assert (batch.lines == batch.columns["n"].to_numpy() + 1).all()
        numbers += batch.columns["n"].to_pylist()
    assert numbers == list(range(rows))
