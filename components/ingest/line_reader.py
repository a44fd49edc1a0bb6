"""Files of parallel lines in batches: the n-th line of every file is the n-th row."""

from __future__ import annotations

import codecs
import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from components.ingest.problems import data_error, missing_columns
from components.ingest.rows import BATCH_BYTES, MAX_BATCH_ROWS, Rows
from components.ingest.sources import Source, check_not_empty, open_stream, reading

_END: Final = None
"""Of a file that has no more lines."""


def _lines(stream: Any, source: Source, path: Path) -> Iterator[bytes]:
    """Lines without their ends, `\\n` or `\\r\\n`; a last one may lack it, a byte order mark is left out."""
    rest, first = b"", True
    while data := stream.read(BATCH_BYTES):
        *whole, rest = (rest + data).split(b"\n")
        if first and whole:
            whole[0], first = whole[0].removeprefix(codecs.BOM_UTF8), False
        if len(rest) > BATCH_BYTES:
            raise data_error(
                "INGEST-018",
                f"expected lines of moderate length. Received: file={path.name} of {source.name}, a line "
                f"longer than {BATCH_BYTES} bytes.",
                "Look for another line end than a line feed.",
            )
        yield from (line.removesuffix(b"\r") for line in whole)
    if rest:
        yield (rest.removeprefix(codecs.BOM_UTF8) if first else rest).removesuffix(b"\r")


def read_lines(source: Source, columns: Sequence[str], every_column: bool) -> Iterator[Rows]:
    """Reads parallel files in batches.

    Args:
        source: the files, `source.parts`.
        columns: names that must be there.
        every_column: whether to give all columns, not just `columns`.

    Yields:
        Batches of binary columns in order; `lines` are line numbers from 1.

    Raises:
        TandemError: `INGEST-003`, `INGEST-008`, `INGEST-009`, `INGEST-018`, or `INGEST-020` when one file has
            more lines than another.
    """
    names = [name for name, _ in source.parts]
    lacking = [name for name in columns if name not in names]
    if lacking:
        raise missing_columns(source.name, lacking, names)
    chosen = names if every_column else list(columns)
    with contextlib.ExitStack() as opened:
        opened.enter_context(reading(source))
        readers = []
        for _, path in source.parts:
            one = Source(path, path.name, source.format)
            check_not_empty(one)
            readers.append(_lines(opened.enter_context(open_stream(one)), source, path))
        first = 1
        batch: list[tuple[Any, ...]] = []
        size = 0
        rows: Iterator[tuple[Any, ...]] = itertools.zip_longest(*readers, fillvalue=_END)
        for row in rows:
            if _END in row:
                raise _uneven(source, readers, row, first + len(batch) - 1)
            batch.append(row)
            size += sum(map(len, row))
            if size >= BATCH_BYTES or len(batch) == MAX_BATCH_ROWS:
                yield _rows(batch, names, chosen, first)
                first, batch, size = first + len(batch), [], 0
        if batch:
            yield _rows(batch, names, chosen, first)


def _rows(batch: list[tuple[Any, ...]], names: list[str], chosen: list[str], first: int) -> Rows:
    cells = dict(zip(names, zip(*batch, strict=True), strict=True))
    arrays = {name: pa.array(cells[name], pa.binary()) for name in chosen}
    return Rows(arrays, np.arange(first, first + len(batch), dtype=np.int64))


def _uneven(source: Source, readers: list[Iterator[bytes]], row: tuple[Any, ...], before: int) -> Exception:
    counts = [
        before + (line is not _END) + sum(1 for _ in reader)
        for line, reader in zip(row, readers, strict=True)
    ]
    told = ", ".join(
        f"{path.name} ({name}) {count}" for (name, path), count in zip(source.parts, counts, strict=True)
    )
    return data_error(
        "INGEST-020",
        f"expected as many lines in each of the parallel files. Received: lines={told}.",
        "Write the files again from the same pairs, an empty line where one side has no text.",
    )
