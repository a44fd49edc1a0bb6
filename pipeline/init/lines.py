"""Reads files of parallel lines evenly as a table of texts, as ingest will read them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from components.ingest import inputs
from components.ingest.line_reader import read_lines
from components.ingest.rows import Rows
from components.ingest.sources import Source
from pipeline.init.errors import init_error
from pipeline.init.files import not_utf8
from pipeline.init.sample import Sample, Thinner, rows_to_keep
from trainer.errors import TandemError

_EVERY_FILE = {"by": "hash"}


def read(lines: Mapping[str, str]) -> Sample:
    """Rows evenly spaced over parallel files; an empty line is a missing text.

    Args:
        lines: file, directory or glob of each column, as in `data.lines`.

    Raises:
        TandemError: `INIT-001`, `INIT-002`, `INIT-003`, `INIT-008` or `INIT-013`.
    """
    columns = list(lines)
    thinner = Thinner(rows_to_keep(len(columns)))
    with _told():
        data = {"lines": dict(lines), "split": _EVERY_FILE, "span": None, "window": 1}
        for source in inputs.select(data, Path.cwd()).sources:
            for rows in read_lines(source, columns, every_column=True):
                thinner.add(_texts(rows, source))
    if thinner.seen == 0:
        raise init_error("INIT-002", f"expected lines. Received: none in {', '.join(lines.values())}.")
    return Sample(thinner.table(), thinner.seen, 0, {})


def _texts(rows: Rows, source: Source) -> Any:
    columns = {}
    for name, path in source.parts:
        try:
            text = rows.columns[name].cast(pa.string())
        except pa.ArrowInvalid:
            bad = next(
                line
                for line, value in zip(rows.lines, rows.columns[name].to_pylist(), strict=True)
                if not _is_utf8(value)
            )
            raise not_utf8(path, f"line {bad} holds other bytes") from None
        columns[name] = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    return pa.RecordBatch.from_pydict(columns)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turns errors of ingest, which speak of a config, into those of `init`."""
    try:
        yield
    except TandemError as error:
        room, _, number = error.code.partition("-")
        if room != "INGEST":
            raise
        if number in ("002", "016"):
            hint = "Correct --lines COL=FILE; FILE may be a directory too, or a glob in quotes."
            raise init_error("INIT-001", error.message, hint) from None
        if number == "003":
            raise init_error("INIT-002", error.message, error.hint) from None
        if number in ("009", "018"):
            raise init_error("INIT-008", error.message, "Unpack it or look at it by hand.") from None
        if number == "020":
            hint = "The n-th lines of all columns belong together: keep lines empty where texts are missing."
            raise init_error("INIT-013", error.message, hint) from None
        raise
