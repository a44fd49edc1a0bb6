"""Finds the files behind a path and how they are written."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import glob
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from components.ingest import sources as ingest_sources
from components.ingest.sources import format_of, is_data, open_stream
from pipeline.config.problems import nearest
from pipeline.init.errors import init_error

_DELIMITERS = (",", ";", "\t", "|")
_HEAD_BYTES = 1 << 18
_CHECK_HEADER = "Check the header and the delimiter."


@dataclasses.dataclass(frozen=True)
class Source:
    """Files of one format with the same columns.

    Args:
        files: sorted; none for parallel lines, whose columns have files of their own.
        format: `csv`, `parquet` or `lines`.
        columns: names in file order.
        delimiter: of CSV files, `,` for others.
    """

    files: tuple[Path, ...]
    format: str
    columns: tuple[str, ...]
    delimiter: str


def find(path: str, label: str) -> Source:
    """The files that `path` stands for.

    Args:
        path: file, directory, glob, or a pattern with `{SPAN}`, `{VERSION}`, `{YYYY}`, `{MM}` or `{DD}`.
        label: label column; tells delimiters apart.

    Raises:
        TandemError: `INIT-001`, `INIT-002`, `INIT-003`, `INIT-004` or `INIT-008`.
    """
    files = _matches(path)
    formats = {file: _format(file, alone=len(files) == 1) for file in files}
    chosen = next((kind for kind in formats.values() if kind is not None), None)
    files = [file for file in files if formats[file] == chosen]
    if not files or chosen is None:
        message = f"expected a CSV or Parquet file, a directory or a glob. Received: DATA={path!r}."
        hint = "Files end in .csv, .tsv, .txt or .parquet; text may be compressed."
        if any(kind is None for kind in formats.values()):
            hint += " Files of parallel lines are given one by one: --lines COL=FILE."
        raise init_error("INIT-001", message, hint)
    delimiter = ","
    if chosen == "csv":
        heads = {file: _head(file) for file in files}
        heads = {file: text for file, text in heads.items() if text.strip()}
        if not heads:
            raise init_error("INIT-002", f"expected rows; the file has no bytes. Received: DATA={path!r}.")
        delimiter = sniff(next(iter(heads.values())), label)
        headers = {file: _header(text, delimiter) for file, text in heads.items()}
    else:
        headers = {file: _parquet_columns(file) for file in files}
    columns = next(iter(headers.values()))
    for file, names in headers.items():
        _check_names(file, names)
        if set(names) != set(columns):
            differ = sorted(set(names) ^ set(columns))
            message = f"expected files with the same columns. Received: {file.name} differs in {differ[:5]}."
            raise init_error("INIT-008", message, "Give one file, or a glob of files that belong together.")
    return Source(tuple(headers), chosen, tuple(columns), delimiter)


def _matches(path: str) -> list[Path]:
    place = Path(path).expanduser()
    if place.is_file():
        return [place]
    if place.is_dir():
        found: Iterable[Path] = filter(is_data, place.rglob("*"))
    else:
        pattern = re.sub(r"\{(?:SPAN|VERSION|YYYY|MM|DD)(?::\d+)?\}", "*", str(place))
        found = map(Path, glob.glob(pattern, recursive=True))  # noqa: PTH207 - takes absolute patterns
    below = len(place.parts) if place.is_dir() else 0
    return sorted(
        file
        for file in found
        if file.is_file() and not any(p[0] in "._" for p in file.parts[below:] if below)
    )


def _format(file: Path, alone: bool) -> str | None:
    known = format_of(file)
    if known is not None or not alone:
        return known if known != "tfrecord" else None
    with file.open("rb") as stream:
        return "parquet" if stream.read(4) == b"PAR1" else "csv"


def open_text(file: Path) -> contextlib.AbstractContextManager[Any]:
    """Byte stream of a text file, uncompressed."""
    return open_stream(ingest_sources.Source(file, file.name, "csv"))


def _head(file: Path) -> str:
    try:
        with open_text(file) as stream:
            data: bytes = stream.read(_HEAD_BYTES)
    except (OSError, pa.ArrowInvalid) as error:
        message = f"expected a whole file. Received: {file.name}, {error}."
        raise init_error("INIT-008", message, "Unpack it by hand to see whether it is damaged.") from None
    cut = len(data) == _HEAD_BYTES
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise not_utf8(file, "byte 0 is not")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if not cut or error.start < len(data) - 4:
            raise not_utf8(file, f"byte {error.start} is not") from None
        text = data[: error.start].decode("utf-8-sig")
    return text[: text.rfind("\n") + 1] if cut and "\n" in text else text


def not_utf8(file: Path, place: str = "which holds other bytes") -> Exception:
    """The error for a file with a byte that is not UTF-8; `place` says where it is."""
    message = f"expected UTF-8 text. Received: {file.name}, {place}."
    return init_error("INIT-003", message, "Convert it, for example: iconv -f latin1 -t utf-8 IN > OUT.")


def sniff(text: str, label: str) -> str:
    """The delimiter under which the header holds `label` and most rows have as many fields as it.

    Example:
        >>> sniff("a;b\\n1,5;0\\n2,5;1\\n", "b")
        ';'
    """
    scores: dict[str, tuple[bool, float, int]] = {}
    for delimiter in _DELIMITERS:
        rows = [row for row, _ in zip(_rows(text, delimiter), range(50), strict=False) if row]
        width = len(rows[0]) if rows else 0
        same = sum(len(row) == width for row in rows) / max(1, len(rows))
        scores[delimiter] = (label in (rows[0] if rows else []), same if width > 1 else 0.0, width)
    return max(scores, key=lambda delimiter: scores[delimiter])


def _rows(text: str, delimiter: str) -> Iterable[list[str]]:
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    except csv.Error:
        return


def _header(text: str, delimiter: str) -> list[str]:
    return next((row for row in _rows(text, delimiter) if row), [])


def _parquet_columns(file: Path) -> list[str]:
    import pyarrow.parquet as pq

    try:
        return list(pq.read_schema(file).names)
    except (OSError, pa.ArrowInvalid) as error:
        message = f"expected a Parquet file. Received: {file.name}, {str(error).splitlines()[0]}."
        raise init_error("INIT-008", message) from None


def _check_names(file: Path, names: list[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1 and name})
    if repeated:
        message = f"expected every column name once. Received: {file.name} repeats {repeated[:5]}."
        raise init_error("INIT-004", message, "Rename the columns in the header.")
    if "" in names:
        place = names.index("") + 1
        message = f"expected a name for every column. Received: {file.name}, column {place} has none."
        raise init_error("INIT-004", message, "Name it in the header; a data frame's index can be left out.")


def require_column(source: Source, name: str, role: str) -> None:
    """Refuses a `label`, `time` or `source` column that does not exist, naming the nearest one.

    Raises:
        TandemError: `INIT-005` for the label, `INIT-007` for the time column, `INIT-011` for the source.
    """
    if name in source.columns:
        return
    near = nearest(name, source.columns)
    listed = ", ".join(source.columns[:20]) + (", ..." if len(source.columns) > 20 else "")
    message = f"expected a column of the data. Received: {role}={name!r}; columns={listed}."
    otherwise = f"Give it too: --lines {name}=FILE." if source.format == "lines" else _CHECK_HEADER
    hint = f"Did you mean `{near}`?" if near else otherwise
    if role == "source":
        raise init_error("INIT-011", message, hint)
    raise init_error("INIT-005" if role == "label" else "INIT-007", message, hint)
