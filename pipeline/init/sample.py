"""Reads rows evenly from files of any size, in bounded memory."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from pipeline.init.column import Ints
from pipeline.init.errors import init_error
from pipeline.init.files import Source, not_utf8, open_text

MAX_ROWS = 200_000
_MAX_CELLS = 5_000_000
_BLOCK_BYTES = 4 << 20
_MAX_LABELS = 5_000


@dataclasses.dataclass(frozen=True)
class Sample:
    """Rows evenly spaced over all rows.

    Args:
        table: of the chosen rows, in file order; CSV columns are text, empty text is null.
        rows: number of rows in the files.
        bad_rows: number of CSV rows with a wrong number of fields, left out.
        label_counts: rows by label text over all rows; cut off after a few thousand values.
    """

    table: Any
    rows: int
    bad_rows: int
    label_counts: dict[str, int]


def read(source: Source, label: str, max_rows: int = MAX_ROWS) -> Sample:
    """Reads every `k`-th row, with `k` such that about `max_rows` remain.

    While reading, every second row is dropped whenever twice as many are held as wanted, so no number of
    rows needs to be known before. Files with many columns give fewer rows.

    Args:
        source: the files.
        label: column whose values are counted over all rows.
        max_rows: most rows to keep. Defaults to `200_000`.

    Raises:
        TandemError: `INIT-002`, `INIT-003` or `INIT-008`.
    """
    wanted = rows_to_keep(len(source.columns), max_rows)
    thinner = Thinner(wanted)
    counts: collections.Counter[str] = collections.Counter()
    bad: list[int] = []
    for file in source.files:
        batches = _csv(file, source, bad) if source.format == "csv" else _parquet(file, source)
        for batch in batches:
            if len(counts) < _MAX_LABELS:
                _count(batch.column(label), counts)
            thinner.add(batch)
    if thinner.seen == 0:
        message = f"expected rows; there is only a header. Received: {source.files[0].name}."
        raise init_error("INIT-002", message)
    return Sample(thinner.table(), thinner.seen, len(bad), dict(counts))


def rows_to_keep(columns: int, max_rows: int = MAX_ROWS) -> int:
    """How many rows of so many columns are kept."""
    return max(1_000, min(max_rows, _MAX_CELLS // columns))


class Thinner:
    """Every `k`-th row of record batches, `k` doubled whenever twice as many are held as wanted.

    Args:
        wanted: about how many rows to keep, at least 1.
    """

    def __init__(self, wanted: int) -> None:
        self.seen = 0
        self._wanted = wanted
        self._step = 1
        self._held = 0
        self._parts: list[Any] = []

    def add(self, batch: Any) -> None:
        """Takes in the next rows."""
        rows = np.arange(-self.seen % self._step, batch.num_rows, self._step)
        self.seen += batch.num_rows
        if len(rows) == 0:
            return
        part = pa.Table.from_batches([batch])
        self._parts.append(part if len(rows) == batch.num_rows else part.take(rows))
        self._held += len(rows)
        if self._held > 2 * self._wanted:
            table = pa.concat_tables(self._parts, promote_options="permissive")
            table = table.take(np.arange(0, self._held, 2)).combine_chunks()
            self._parts, self._held, self._step = [table], table.num_rows, self._step * 2

    def table(self) -> Any:
        """The rows that are kept, in their order."""
        table = pa.concat_tables(self._parts, promote_options="permissive")
        if table.num_rows > self._wanted:
            table = table.take(np.linspace(0, table.num_rows - 1, self._wanted).astype(np.int64))
        return table.combine_chunks()


def _count(column: Any, counts: collections.Counter[str]) -> None:
    if pa.types.is_nested(column.type):
        return
    for entry in pc.value_counts(as_text(column)).to_pylist():
        if entry["values"] is not None:
            counts[entry["values"]] += entry["counts"]


def as_text(array: Any) -> Any:
    """A column of single values as the text that ingest gives it: NaN is missing."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_floating(array.type):
        # Arrow has no `is_nan` for float16.
        array = array.cast(pa.float32()) if pa.types.is_float16(array.type) else array
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
    return array if pa.types.is_string(array.type) else array.cast(pa.string())


def first_of_equal_rows(table: Any) -> Ints:
    """Positions of the first of each set of equal rows, columns that hold several values aside."""
    names = [name for name in table.column_names if not pa.types.is_nested(table.schema.field(name).type)]
    columns = [table.column(name) for name in names]
    keys = [f"key{place}" for place in range(len(names))]
    numbered = pa.table([*columns, pa.array(np.arange(table.num_rows))], [*keys, "row"])
    first = numbered.group_by(keys).aggregate([("row", "min")]).column("row_min")
    return np.asarray(first.to_numpy(), np.int64)


def _csv(file: Path, source: Source, bad: list[int]) -> Iterator[Any]:
    def skip(row: Any) -> str:
        del row
        bad.append(1)
        return "skip"

    names = source.columns
    try:
        with open_text(file) as stream:
            reader = pacsv.open_csv(
                stream,
                pacsv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
                pacsv.ParseOptions(
                    delimiter=source.delimiter, newlines_in_values=True, invalid_row_handler=skip
                ),
                pacsv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                    include_columns=list(names),
                    check_utf8=False,
                ),
            )
            valid = True
            for batch in reader:
                valid = valid and _is_utf8(batch)
                if valid:
                    yield batch
            # Read to its end first: a process that ends while Arrow reads ahead may abort.
            if not valid:
                raise not_utf8(file)
    except pa.ArrowInvalid as error:
        text = str(error)
        if "Empty CSV" in text:
            return
        message = f"expected a CSV file. Received: {file.name}, {text.splitlines()[0]}."
        raise init_error("INIT-008", message, "Look for a quote that is never closed.") from None
    except OSError as error:
        message = f"expected a whole file. Received: {file.name}, {error}."
        raise init_error("INIT-008", message, "Unpack it by hand to see whether it is damaged.") from None


def _is_utf8(batch: Any) -> bool:
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _parquet(file: Path, source: Source) -> Iterator[Any]:
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as reader:
            yield from reader.iter_batches(
                batch_size=1 << 16, columns=list(source.columns), use_threads=False
            )
    except (OSError, pa.ArrowInvalid) as error:
        message = f"expected a Parquet file. Received: {file.name}, {str(error).splitlines()[0]}."
        raise init_error("INIT-008", message) from None
