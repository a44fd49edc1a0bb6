"""Parquet files and TFRecord files of tf.Examples in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.ingest.parsing import plain
from components.ingest.problems import check_unique, data_error, missing_columns
from components.ingest.rows import BATCH_BYTES, MAX_BATCH_ROWS, Rejected, Rows
from components.ingest.sources import Source, check_not_empty, compression_of, damaged, open_stream, reading
from components.ingest.tfrecord import FrameError, read_frames

# Decoded at once, whatever the size of the values: sizes in the file say little where values repeat.
_PARQUET_ROWS: Final = 1 << 12


def _open_parquet(source: Source) -> Any:
    check_not_empty(source)
    packed = compression_of(source.path)
    if packed:
        raise data_error(
            "INGEST-009",
            f"expected a Parquet file. Received: file={source.name}, a {packed} archive.",
            "Unpack it: Parquet is compressed inside.",
        )
    try:
        return pq.ParquetFile(source.path, buffer_size=1 << 20, memory_map=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise damaged(source.name, error) from error


def parquet_rows(source: Source) -> int:
    """Number of rows of a Parquet file, from its footer."""
    return int(_open_parquet(source).metadata.num_rows)


def read_parquet(source: Source, columns: Sequence[str], every_column: bool) -> Iterator[Rows]:
    """Reads a Parquet file in batches of about `BATCH_BYTES` once decoded, whatever its row groups.

    Args:
        source: the file.
        columns: names that must be there.
        every_column: whether to read all columns that hold single values, not just `columns`.

    Yields:
        Batches in file order; `lines` are row numbers from 1.

    Raises:
        TandemError: `INGEST-003` or `INGEST-007` to `INGEST-009`.
    """
    file = _open_parquet(source)
    schema = file.schema_arrow
    check_unique(source.name, schema.names)
    lacking = [name for name in columns if name not in schema.names]
    if lacking:
        raise missing_columns(source.name, lacking, schema.names)
    names = list(columns)
    if every_column:
        names = [
            field.name for field in schema if not pa.types.is_nested(field.type) or field.name in columns
        ]
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    row_bytes = max((group.total_byte_size / max(group.num_rows, 1) for group in groups), default=1.0)
    rows = int(min(max(BATCH_BYTES / max(row_bytes, 1.0), 64), _PARQUET_ROWS))
    first = 1
    try:
        for batch in file.iter_batches(batch_size=rows, columns=names, use_threads=False):
            columns_read = {name: plain(batch.column(name)) for name in batch.schema.names}
            size = sum(array.nbytes for array in columns_read.values())
            step = max(batch.num_rows * BATCH_BYTES // max(size, BATCH_BYTES), 1)
            for start in range(0, batch.num_rows, step):
                part = {name: array.slice(start, step) for name, array in columns_read.items()}
                stop = min(start + step, batch.num_rows)
                yield Rows(part, np.arange(first + start, first + stop))
            first += batch.num_rows
    except (pa.ArrowInvalid, OSError) as error:
        raise damaged(source.name, error) from error


def count_records(source: Source) -> int:
    """Number of records of a TFRecord file."""
    return sum(1 for _ in _records(source))


def _records(source: Source) -> Iterator[bytes]:
    check_not_empty(source)
    with reading(source), open_stream(source) as stream:
        try:
            yield from read_frames(stream)
        except FrameError as error:
            raise damaged(source.name, error) from error


def _record_batches(source: Source) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for record in _records(source):
        batch.append(record)
        size += len(record)
        if size >= BATCH_BYTES or len(batch) == MAX_BATCH_ROWS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _decodes(decoder: Any, record: bytes) -> bool:
    try:
        decoder.DecodeBatch([record])
    except (RuntimeError, ValueError):
        return False
    return True


def _single(values: Any) -> tuple[Any, np.ndarray[Any, np.dtype[np.bool_]]]:
    """A list column as single values, with the mask of rows that hold several."""
    lengths = pc.list_value_length(values).fill_null(0).to_numpy(zero_copy_only=False)
    starts = values.offsets.to_numpy()[:-1]
    return values.values.take(pa.array(starts, mask=lengths == 0)), lengths > 1


def _decode(
    decoder: Any, records: list[bytes], first: int, name: str
) -> tuple[Any, list[int], list[Rejected]]:
    good = list(range(len(records)))
    try:
        return decoder.DecodeBatch(records), good, []
    except (RuntimeError, ValueError) as error:
        good = [i for i in good if _decodes(decoder, records[i])]
        bad = sorted(set(range(len(records))) - set(good))
        rejected = [Rejected(name, first + i, "expected a tf.Example", records[i][:500].hex()) for i in bad]
        if not bad:
            raise data_error(
                "INGEST-010",
                f"expected each feature in one type in all records. Received: file={name} ({error}).",
                "Write the feature in the same type everywhere.",
            ) from error
        return _decode(decoder, [records[i] for i in good], first, name)[0], good, rejected


def read_tfrecord(source: Source, columns: Sequence[str]) -> Iterator[Rows]:
    """Reads a TFRecord file of tf.Examples, compressed or not.

    A feature must have at most one value; an absent or empty one is missing.

    Args:
        source: the file.
        columns: names to read; one that does not occur is missing in every row.

    Yields:
        Batches in file order; `lines` are record numbers from 1; `whole` are the serialized records and
        `features` the names that occur in them.

    Raises:
        TandemError: `INGEST-003`, `INGEST-009` or `INGEST-010`.
    """
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    decoder = ExamplesToRecordBatchDecoder()
    first = 1
    for records in _record_batches(source):
        batch, good, rejected = _decode(decoder, records, first, source.name)
        several = np.zeros(len(good), np.bool_)
        read: dict[str, Any] = {}
        for column in columns:
            index = batch.schema.get_field_index(column)
            if index < 0 or pa.types.is_null(batch.schema.field(index).type):
                read[column] = pa.nulls(len(good))
                continue
            read[column], many = _single(batch.column(index))
            several |= many
        lines = np.array(good, np.int64) + first
        rejected += [
            Rejected(source.name, int(lines[i]), "expected at most one value in each feature", "")
            for i in np.flatnonzero(several)
        ]
        kept = np.flatnonzero(~several)
        whole = pa.array([records[good[i]] for i in kept], pa.binary())
        chosen = {name: array.take(pa.array(kept)) for name, array in read.items()}
        yield Rows(chosen, lines[kept], whole, tuple(rejected), frozenset(batch.schema.names))
        first += len(records)
