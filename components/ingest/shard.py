"""The work on one group of files: a first look (`scan`) and the conversion (`run`).

Both take and return values that can be sent to a Beam worker.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest import dead_letter, parsing
from components.ingest.binary_readers import count_records, parquet_rows, read_parquet, read_tfrecord
from components.ingest.convert import convert, label_column, null_values_of
from components.ingest.csv_reader import read_csv
from components.ingest.encoding import encode
from components.ingest.line_reader import read_lines
from components.ingest.plan import Plan
from components.ingest.rows import Rows
from components.ingest.sources import Source
from components.ingest.splitting import SPLITS, TimeCounts
from components.ingest.tfrecord import ShardWriter
from trainer.faults import point


@dataclasses.dataclass(frozen=True)
class Selection:
    """Evenly spaced rows: of `total` rows, `limit`; everything if `limit` is none."""

    limit: int | None = None
    total: int = 0

    def mask(self, first: int, rows: int) -> np.ndarray[Any, np.dtype[np.bool_]] | None:
        """Which of the rows numbered from `first` are taken; none for all of them."""
        if self.limit is None or self.limit >= self.total:
            return None
        return (np.arange(first, first + rows) * self.limit) % self.total < self.limit


@dataclasses.dataclass(frozen=True)
class Task:
    """A group of files to convert.

    Args:
        sources: the files.
        first_rows: for each file, the number of rows in all files before it.
        plan: what to read.
        selection: which rows to take.
        directory: where to write.
        gzip: whether to compress the output.
    """

    sources: tuple[Source, ...]
    first_rows: tuple[int, ...]
    plan: Plan
    selection: Selection
    directory: Path
    gzip: bool

    @property
    def dead_letter(self) -> Path:
        """The rows of this group that could not be read."""
        return self.directory / dead_letter.FILE_NAME


def read(source: Source, plan: Plan, columns: tuple[str, ...], whole_row: bool) -> Iterator[Rows]:
    """Reads a file of any format in batches."""
    if source.format == "parquet":
        return read_parquet(source, columns, whole_row)
    if source.format == "tfrecord":
        return read_tfrecord(source, columns)
    if source.format == "lines":
        return read_lines(source, columns, whole_row)
    return read_csv(source, columns, plan.delimiter, whole_row)


def scan(source: Source, plan: Plan) -> dict[str, Any]:
    """Counts the rows of a file and, if the plan has a time column, its labelled rows by time.

    Returns:
        `rows` and, with a time column, `times` as in `TimeCounts.as_json` and `features`, the names that
        occur in a TFRecord file.
    """
    if not plan.time:
        if source.format == "parquet":
            return {"rows": parquet_rows(source)}
        if source.format == "tfrecord":
            return {"rows": count_records(source)}
        return {"rows": sum(len(rows.lines) for rows in read(source, plan, (), False))}
    nulls = null_values_of(source, plan)
    counts, total = TimeCounts(), 0
    features: set[str] = set()
    for rows in read(source, plan, (plan.time, plan.label), False):
        total += len(rows.lines)
        features |= rows.features
        seconds, _ = parsing.to_epoch_seconds(rows.columns[plan.time], nulls, plan.time)
        label, _ = label_column(rows.columns[plan.label], plan, nulls)
        counts.add(seconds.filter(pc.is_valid(label)).drop_null().to_numpy())
    return {"rows": total, "times": counts.as_json(), "features": sorted(features)}


def _select(rows: Rows, mask: np.ndarray[Any, np.dtype[np.bool_]] | None) -> Rows:
    if mask is None:
        return rows
    index = pa.array(np.flatnonzero(mask))
    return Rows(
        columns={name: array.take(index) for name, array in rows.columns.items()},
        lines=rows.lines[mask],
        whole=None if rows.whole is None else rows.whole.take(index),
        rejected=rows.rejected,
    )


def run(task: Task) -> dict[str, Any]:
    """Converts a group of files into `Split-<name>/part-<number>` files and a dead letter file.

    Returns:
        `rows` and `shards` (lists of paths) by split, `unlabelled`, `misfits` (rows without the right
        number of fields), `bad` (rows with a wrong value), `read` (rows seen), `taken`, and `features`, the
        names that occur in TFRecord files.
    """
    # Beam may run a task again after it was interrupted.
    point("ingest.begin_shard")
    task.dead_letter.unlink(missing_ok=True)
    features: set[str] = set()
    writers = [ShardWriter(task.directory / f"Split-{name}" / "part", task.gzip) for name in SPLITS]
    rows_of = dict.fromkeys(SPLITS, 0)
    unlabelled = misfits = bad = seen = taken = 0
    for source, first in zip(task.sources, task.first_rows, strict=True):
        position = first
        for batch in read(source, task.plan, task.plan.columns, task.plan.whole_row):
            count = len(batch.lines)
            rows = _select(batch, task.selection.mask(position, count))
            position += count
            seen += count
            features |= batch.features
            misfits += len(rows.rejected)
            taken += len(rows.lines)
            if not len(rows.lines):
                dead_letter.append(task.dead_letter, rows.rejected)
                continue
            converted = convert(rows, source, task.plan)
            rejected = sorted([*rows.rejected, *converted.rejected], key=lambda row: row.line)
            dead_letter.append(task.dead_letter, rejected)
            bad += len(converted.rejected)
            unlabelled += converted.unlabelled
            frames = encode(converted.columns, task.plan.storage)
            for number, name in enumerate(SPLITS):
                chosen = np.flatnonzero(converted.splits == number)
                writers[number].write(frames if len(chosen) == len(frames) else frames.take(pa.array(chosen)))
                rows_of[name] += len(chosen)
    for writer in writers:
        writer.close()
    return {
        "rows": rows_of,
        "shards": {name: [str(path) for path in writers[i].paths] for i, name in enumerate(SPLITS)},
        "unlabelled": unlabelled,
        "misfits": misfits,
        "bad": bad,
        "read": seen,
        "taken": taken,
        "features": sorted(features),
    }
